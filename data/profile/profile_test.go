package profile_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/data"
	"recsys/data/profile"
	"recsys/internal/portable"
	"recsys/schema"
	"recsys/tensor"
)

// table makes a table.
func table(t *testing.T, columns ...*data.Column) *data.Table {
	t.Helper()
	out, err := data.NewTable(columns...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// of profiles a table, a few rows at a time.
func of(t *testing.T, rows *data.Table, size int) *profile.Table {
	t.Helper()
	c := profile.New(rows.Schema()).FindDuplicates("")
	for batch, err := range rows.Batches(t.Context(), size) {
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Add(batch); err != nil {
			t.Fatal(err)
		}
	}
	return c.Profile()
}

func TestProfile(t *testing.T) {
	tags, err := data.Ragged("tags", []string{"a", "b", "a", "a"}, []int{0, 2, 2, 3, 4, 4})
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	rows := table(t,
		data.Scalar("stars", []int64{1, 3, tensor.NullInt64, 3, 5}),
		data.Scalar("price", []float32{0.5, nan, nan, 2.5, 4}),
		data.Scalar("city", []string{"Rome", "", "Oslo", "Rome", "Rome"}),
		tags,
	)
	want := []profile.Column{
		{
			Name: "stars", DType: schema.DType{DType: tensor.Int64}, Rows: 5, Nulls: 1, Values: 4, Distinct: 3,
			Top: []profile.Count{{Value: "3", Count: 2}, {Value: "1", Count: 1}, {Value: "5", Count: 1}},
			Numbers: &profile.Numbers{
				Min: 1, Max: 5, Mean: 3, Deviation: math.Sqrt2, // of 1, 3, 3, 5: (4+0+0+4)/4 = 2
				Quantiles: profile.Quantiles{P1: 1, P5: 1, P25: 1, P50: 3, P75: 3, P95: 3, P99: 3},
				Histogram: profile.Histogram{Edges: []float64{1, 2, 3, 4, 5, 6}, Counts: []int{1, 0, 2, 0, 1}},
			},
		},
		{
			Name: "price", DType: schema.DType{DType: tensor.Float32}, Rows: 5, Nulls: 2, Values: 3, Distinct: 3,
			Top: []profile.Count{{Value: "0.5", Count: 1}, {Value: "2.5", Count: 1}, {Value: "4", Count: 1}},
			Numbers: &profile.Numbers{
				Min: 0.5, Max: 4, Mean: 7.0 / 3, Deviation: math.Sqrt(37.0 / 18), // squares 22.5, so 22.5/3 - 49/9
				Quantiles: profile.Quantiles{P1: 0.5, P5: 0.5, P25: 0.5, P50: 2.5, P75: 2.5, P95: 2.5, P99: 2.5},
			},
		},
		{
			Name: "city", DType: schema.DType{DType: tensor.String}, Rows: 5, Nulls: 1, Values: 4, Distinct: 2,
			Top: []profile.Count{{Value: "Rome", Count: 3}, {Value: "Oslo", Count: 1}},
			Lengths: &profile.Numbers{
				Min: 4, Max: 4, Mean: 4, Quantiles: profile.Quantiles{P1: 4, P5: 4, P25: 4, P50: 4, P75: 4, P95: 4, P99: 4},
			},
		},
		{
			Name: "tags", DType: schema.DType{DType: tensor.String}, List: true, Rows: 5, Nulls: 2, Values: 4, Distinct: 2,
			Top: []profile.Count{{Value: "a", Count: 3}, {Value: "b", Count: 1}},
			Lengths: &profile.Numbers{
				Min: 0, Max: 2, Mean: 0.8, Deviation: math.Sqrt(0.56), // of 2, 0, 1, 1, 0: 6/5 - 0.64
				Quantiles: profile.Quantiles{P25: 0, P50: 1, P75: 1, P95: 1, P99: 1},
			},
		},
	}
	for _, size := range []int{5, 2} {
		got := of(t, rows, size)
		// A few operations in float64 round by some units of 2^-53 each.
		options := cmp.Options{
			cmpopts.IgnoreUnexported(profile.Column{}), cmpopts.EquateApprox(0, 1e-12),
			cmp.FilterPath(func(p cmp.Path) bool {
				return p.Last().String() == ".Histogram" && p.Index(1).String() != "[0]"
			}, cmp.Ignore()), // TestHistogram has those.
		}
		if diff := cmp.Diff(got.Columns, want, options); diff != "" {
			t.Errorf("tables of %d rows (-got +want):\n%s", size, diff)
		}
		if got.Rows != 5 || got.Duplicates != 0 {
			t.Errorf("%d rows, %d duplicates; want 5 and 0", got.Rows, got.Duplicates)
		}
	}
}

func TestDuplicates(t *testing.T) {
	list, err := data.Ragged("c", []int64{1, 2, 1, 2, 12}, []int{0, 2, 4, 4, 5, 5})
	if err != nil {
		t.Fatal(err)
	}
	rows := table(t, data.Scalar("a", []int64{1, 1, 1, 1, 1}), data.Scalar("b", []string{"x", "x", "x", "x", "x"}), list)
	except := profile.New(rows.Schema()).FindDuplicates("c")
	if err := except.Add(rows); err != nil {
		t.Fatal(err)
	}
	if got := except.Profile().Duplicates; got != 4 {
		t.Errorf("%d duplicates but for c, want 4", got)
	}
	// Rows 1 and 2 are alike, 3 and 5 too; 4 has a list that reads alike only where elements run together.
	if got := of(t, rows, 2).Duplicates; got != 2 {
		t.Errorf("%d duplicates, want 2", got)
	}
}

// TestMany has more distinct values than are counted one by one.
func TestMany(t *testing.T) {
	const n, frequent = 300_000, 5_000
	values := make([]int64, 0, n+21*frequent)
	for i := range n {
		values = append(values, int64(i)*7919)
		if i%(n/frequent) == 0 {
			values = append(values, -3)
			for k := range int64(20) {
				values = append(values, -4-k)
			}
		}
	}
	column := of(t, table(t, data.Scalar("id", values)), 1<<14).Columns[0]
	// The standard error is 0.6 %; five of them.
	if d := float64(column.Distinct)/(n+21) - 1; !column.Estimated || math.Abs(d) > 0.03 {
		t.Errorf("%d distinct values, estimated %t; want %d within 3 %%", column.Distinct, column.Estimated, n+21)
	}
	// Misra and Gries lose at most values/Exact of a count, here 12.
	if top := column.Top[0]; top.Count > frequent || top.Count < frequent-12 {
		t.Errorf("the most frequent is %+v, want one of 21 and at most 12 below %d", top, frequent)
	}
	// Of a uniform sample of 32,768 the median has a standard error of 0.5/sqrt(32768) of the range, 0.3 %; five of them.
	// 105,000 of 405,000 values lie below it, so that the median is 97,500 of 300,000 further on.
	if d := column.Numbers.Quantiles.P50/float64(n*7919) - 0.325; math.Abs(d) > 0.014 {
		t.Errorf("the median is at %g of the range, want 0.325", d+0.325)
	}
}

func TestHistogram(t *testing.T) {
	cases := map[string]struct {
		sorted     []float64
		edges      int
		first, mid float64 // edges
		counts     map[int]int
	}{
		"one value":      {[]float64{3, 3}, 2, 3, 3, map[int]int{0: 2}},
		"few integers":   {[]float64{0, 1, 1, 4}, 6, 0, 3, map[int]int{0: 1, 1: 2, 4: 1}},
		"even":           {[]float64{0, 0.5, 23.9, 24}, 25, 0, 12, map[int]int{0: 2, 23: 2}},
		"far above":      {[]float64{1, 1, 1, 1e6}, 25, 1, 1000, map[int]int{0: 3, 23: 1}},
		"whole but wide": {[]float64{0, 48}, 25, 0, 24, map[int]int{0: 1, 23: 1}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			h := profile.NewHistogram(c.sorted, c.sorted[0], c.sorted[len(c.sorted)-1])
			if len(h.Edges) != c.edges || len(h.Counts) != c.edges-1 {
				t.Fatalf("%d edges, %d counts; want %d edges", len(h.Edges), len(h.Counts), c.edges)
			}
			mid := h.Edges[len(h.Edges)/2]
			if h.Edges[0] != c.first || math.Abs(mid-c.mid) > 1e-9*c.mid { // powers round
				t.Errorf("edges from %g over %g, want from %g over %g", h.Edges[0], mid, c.first, c.mid)
			}
			for i, n := range h.Counts {
				if n != c.counts[i] {
					t.Errorf("bin %d holds %d, want %d", i, n, c.counts[i])
				}
			}
		})
	}
}

// drift compares the two halves of a column.
func drift[T data.Value](t *testing.T, before, after []T) profile.Drift {
	t.Helper()
	p, q := of(t, table(t, data.Scalar("x", before)), 100), of(t, table(t, data.Scalar("x", after)), 100)
	d, ok := profile.Compare(&p.Columns[0], &q.Columns[0])
	if !ok {
		t.Fatal("nothing to compare")
	}
	return d
}

func TestDrift(t *testing.T) {
	a := slices.Concat(slices.Repeat([]string{"x"}, 600), slices.Repeat([]string{"y"}, 399), []string{""})
	b := slices.Concat(slices.Repeat([]string{"x"}, 200), slices.Repeat([]string{"y"}, 299), []string{"z"})
	d := drift(t, a, b)
	// Bins x, y, others, null: 600, 399, 0, 1 of 1000 and 200, 299, 1, 0 of 500, a half added to each.
	want := 0.0
	for i, n := range []float64{600, 399, 0, 1} {
		p, q := (n+0.5)/1002, ([]float64{200, 299, 1, 0}[i]+0.5)/502
		want += (q - p) * math.Log(q/p)
	}
	noise := (3 + 3*math.Sqrt(6)) * (1/1000.0 + 1/500.0)
	if math.Abs(d.PSI-want) > 1e-12 || d.KS != nil || math.Abs(d.Noise-noise) > 1e-15 {
		t.Errorf("%+v, want psi %g, noise %g", d, want, noise)
	}
	if !d.Shifted() {
		t.Error("a third of x has gone, and nothing has shifted")
	}
	if d := drift(t, a, a); math.Abs(d.PSI) > 1e-15 || d.Shifted() {
		t.Errorf("%+v of a column and itself", d)
	}
}

func TestDriftOfNumbers(t *testing.T) {
	r := portable.New(3, "test")
	draw := func(n int, shift float64) []float32 {
		out := make([]float32, n)
		for i := range out {
			out[i] = float32(r.Normal() + shift)
		}
		return out
	}
	a, b, same := draw(5000, 0), draw(4000, 0.5), draw(300, 0)
	moved, still := drift(t, a, b), drift(t, a, same)
	// Two normal distributions half a deviation apart: the divergence of Jeffreys is 0.25, of tenths a little less; the greatest
	// distance is 2*Phi(0.25)-1 = 0.197. Both within five standard errors of such samples.
	if math.Abs(moved.PSI-0.24) > 0.06 || math.Abs(*moved.KS-0.197) > 0.05 || !moved.Shifted() {
		t.Errorf("half a deviation: %+v, KS %g", moved, *moved.KS)
	}
	if still.Shifted() {
		t.Errorf("no deviation: %+v", still)
	}
	// A chi-square of nine exceeds its mean by three deviations about once in 200 times; five such times of 200 are a chance of 0.4 %.
	beyond := 0
	for range 200 {
		if d := drift(t, draw(400, 0), draw(300, 0)); d.PSI > d.Noise {
			beyond++
		}
	}
	if beyond > 5 {
		t.Errorf("PSI is beyond chance in %d of 200 draws", beyond)
	}
	// The distance by its definition, at every value.
	greatest := 0.0
	share := func(in []float32, x float32) float64 {
		n := 0
		for _, v := range in {
			if v <= x {
				n++
			}
		}
		return float64(n) / float64(len(in))
	}
	for _, x := range slices.Concat(a[:500], same) {
		greatest = max(greatest, math.Abs(share(a[:500], x)-share(same, x)))
	}
	if d := drift(t, a[:500], same); math.Abs(*d.KS-greatest) > 1e-15 {
		t.Errorf("KS %g, want %g", *d.KS, greatest)
	}
}

func TestDriftNeedsValues(t *testing.T) {
	p := of(t, table(t, data.Scalar("x", []string{"", ""})), 5)
	q := of(t, table(t, data.Scalar("x", []string{"a"})), 5)
	if _, ok := profile.Compare(&p.Columns[0], &q.Columns[0]); ok {
		t.Error("a column without values is compared")
	}
}

func TestAddErrors(t *testing.T) {
	c := profile.New(table(t, data.Scalar("x", []int64{1})).Schema())
	if err := c.Add(table(t, data.Scalar("y", []int64{1}))); err == nil {
		t.Error("a table without the column is taken")
	}
}

func Example() {
	rows, err := data.NewTable(data.Scalar("city", []string{"Rome", "Oslo", "", "Rome"}))
	if err != nil {
		fmt.Println(err)
		return
	}
	c := profile.New(rows.Schema())
	if err := c.Add(rows); err != nil {
		fmt.Println(err)
		return
	}
	city := c.Profile().Column("city")
	fmt.Println(city.Nulls, city.Distinct, city.Top)
	// Output: 1 2 [{Rome 2} {Oslo 1}]
}
