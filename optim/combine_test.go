package optim_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"recsys/optim"
)

// naive adds the rows one by one.
func naive(pairs []optim.Rows, width int) optim.Rows {
	sums := map[int64][]float32{}
	for _, p := range pairs {
		for i, id := range p.IDs {
			row := p.Rows[i*width : (i+1)*width]
			if sums[id] == nil {
				sums[id] = slices.Clone(row)
				continue
			}
			for k, v := range row {
				sums[id][k] += v
			}
		}
	}
	out := optim.Rows{IDs: []int64{}, Rows: []float32{}}
	for id := range sums {
		out.IDs = append(out.IDs, id)
	}
	slices.Sort(out.IDs)
	for _, id := range out.IDs {
		out.Rows = append(out.Rows, sums[id]...)
	}
	return out
}

func TestCombine(t *testing.T) {
	combiners := []*optim.Combiner{{}, {Workers: 2}, {Workers: 5}}
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SampledFrom([]int{1, 3, 100, 2048, 2049, 5_000_000}).Draw(t, "rows")
		width := rapid.IntRange(1, 5).Draw(t, "width")
		rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		pairs := make([]optim.Rows, rapid.IntRange(0, 4).Draw(t, "pairs"))
		for i := range pairs {
			n := rapid.SampledFrom([]int{0, 1, 10, 3000}).Draw(t, "ids")
			ids := make([]int64, n)
			for k := range ids {
				ids[k] = rng.Int64N(min(int64(rows), 1+rng.Int64N(int64(rows))))
			}
			pairs[i] = optim.Rows{IDs: ids, Rows: random(rng, n*width)}
		}
		want := naive(pairs, width)
		for _, c := range combiners {
			got, err := c.Combine(pairs, rows, width)
			if err != nil {
				t.Fatal(err)
			}
			got.IDs, got.Rows = append([]int64{}, got.IDs...), append([]float32{}, got.Rows...)
			if diff := cmp.Diff(got, want); diff != "" {
				t.Fatalf("%d workers (-got +want):\n%s", c.Workers, diff)
			}
		}
	})
}

func TestCombineErrors(t *testing.T) {
	tests := map[string]optim.Rows{
		"combine pair 1: row 3 is outside [0,3)":                      {IDs: []int64{3}, Rows: make([]float32, 2)},
		"combine pair 1: row -1 is outside [0,3)":                     {IDs: []int64{-1}, Rows: make([]float32, 2)},
		"combine pair 1: 1 ids with rows of 2 need 2 elements, got 1": {IDs: []int64{1}, Rows: make([]float32, 1)},
	}
	for want, bad := range tests {
		var c optim.Combiner
		_, err := c.Combine([]optim.Rows{{}, bad}, 3, 2)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func ExampleCombiner() {
	var c optim.Combiner
	rows, err := c.Combine([]optim.Rows{
		{IDs: []int64{4, 1}, Rows: []float32{1, 1, 2, 2}},
		{IDs: []int64{4}, Rows: []float32{10, 20}},
	}, 5, 2)
	fmt.Println(rows.IDs, rows.Rows, err)
	// Output: [1 4] [2 2 11 21] <nil>
}
