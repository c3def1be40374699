package train

import (
	"errors"
	"math"
	"slices"
	"testing"

	"recsys/graph"
	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
)

// numbered is a column of the interactions' own numbers in blocks.
type numbered struct{ rows, size int }

func (n numbered) Rows() int      { return n.rows }
func (n numbered) BlockRows() int { return n.size }
func (n numbered) Columns() schema.Schema {
	return schema.Schema{{Name: model.QueryInput("n"), DType: schema.DType{DType: tensor.Int64}}}
}

func (n numbered) ReadBlock(i int, into tensor.Map) error {
	if i < 0 || i*n.size >= n.rows {
		return errors.New("no such block")
	}
	for k := range min(n.size, n.rows-i*n.size) {
		tensor.MustData[int64](into[model.QueryInput("n")])[k] = int64(i*n.size + k)
	}
	return nil
}

// shuffled makes the source of a task on rows of numbered blocks; the tests are inside the package, as sources are.
func shuffled(blocks numbered, rows []int32, o Options) *shuffleBuffer {
	t := &Task{Name: "t", Rows: rows, examples: &Examples{Blocks: blocks}, fillers: []filler{{
		name: model.QueryInput("n"), dtype: tensor.Int64, shape: graph.Shape{graph.Sym("B")}, width: 1, wide: true,
	}}}
	return newShuffleBuffer(t, o)
}

// epochOf returns the rows of an epoch behind the first skip ones, and checks that each has its own column.
func epochOf(t *testing.T, s *shuffleBuffer, epoch, skip, rows int) []int32 {
	t.Helper()
	if err := s.begin(epoch, skip); err != nil {
		t.Fatal(err)
	}
	var all []int32
	for p := range s.o.pieces(skip, rows) {
		got, err := s.take(p.rows)
		if err != nil {
			t.Fatal(err)
		}
		column := tensor.MustData[int64](got.wide[model.QueryInput("n")])
		for i, r := range got.rows {
			if column[got.places[i]] != int64(r) {
				t.Fatalf("row %d has the column of row %d", r, column[got.places[i]])
			}
		}
		all = append(all, got.rows...)
	}
	return all
}

// TestShuffleBufferHasEveryRowOnce in every epoch, in another order, with buffers of all sizes; a repeated row counts as
// often. From the middle of an epoch it goes on as it would have.
func TestShuffleBufferHasEveryRowOnce(t *testing.T) {
	var some []int32
	for r := range int32(1003) {
		if r%7 != 3 && (r < 300 || r > 450) { // 301 to 449 leaves out whole blocks.
			some = append(some, r)
		}
	}
	some = append(some, 5, 5, 900)
	slices.Reverse(some)
	want := slices.Sorted(slices.Values(some))
	for _, block := range []int{1, 16, 64, 1003, 5000} {
		for _, buffer := range []int{1, 13, 100, 5000} {
			o := Options{BatchRows: 50, ShardRows: 13, Buffer: buffer, Seed: 3}
			s := shuffled(numbered{1003, block}, some, o)
			var before []int32
			for epoch := range 3 {
				order := epochOf(t, s, epoch, 0, len(some))
				if !slices.Equal(slices.Sorted(slices.Values(order)), want) {
					t.Errorf("blocks of %d, buffer %d: epoch %d has other rows", block, buffer, epoch)
				}
				if slices.Equal(order, before) {
					t.Errorf("blocks of %d, buffer %d: two epochs have one order", block, buffer)
				}
				before = order
				for _, skip := range []int{50, 400, len(some) / 50 * 50, len(some)} {
					late := epochOf(t, shuffled(numbered{1003, block}, some, o), epoch, skip, len(some))
					if !slices.Equal(late, order[skip:]) {
						t.Errorf("blocks of %d, buffer %d: other rows behind row %d of epoch %d", block, buffer, skip, epoch)
					}
				}
			}
		}
	}
}

// spread measures how evenly an order mixes the data's tenths: chi-square of the tenths in each batch against equal shares,
// averaged over batches. A uniform shuffle has 9, the degrees of freedom, less the 1/20 that drawing without replacement
// takes away on average; no shuffle at all has 9 times the batch.
func spread(order []int32, batch int) float64 {
	sum, n := 0.0, 0
	for b := range slices.Chunk(order, batch) {
		var tenths [10]float64
		for _, r := range b {
			tenths[int(r)*10/len(order)]++
		}
		for _, k := range tenths {
			want := float64(len(b)) / 10
			sum += (k - want) * (k - want) / want
		}
		n++
	}
	return sum / float64(n)
}

// TestShuffleBufferMixes compares the order with a uniform shuffle's, over several seeds.
func TestShuffleBufferMixes(t *testing.T) {
	const rows, batch = 40_000, 500
	tests := []struct {
		name          string
		block, buffer int
		least, most   float64
	}{
		// With all rows in the buffer the draws are those of a uniform permutation. The mean of 80 batches and 10 seeds of
		// a chi-square of 9 degrees of freedom, whose variance is 18, strays by 0.15; four times that are allowed.
		{"all in the buffer", 100, rows, 8.3, 9.6},
		// Blocks make the shares of the tenths in the buffer vary, and so those of what is drawn from it. A row stays for a
		// time that is distributed exponentially, so the buffer has rows of twice as many blocks as it has room for, and
		// the chi-square is 9·(1 + batch·block/(2·buffer)), less what drawing blocks without replacement takes away.
		{"a quarter", 100, rows / 4, 8.3, 31.5},
		{"a fortieth", 100, rows / 40, 8.3, 234},
		// The order of blocks alone: 9·batch with a block a batch.
		{"a block", 500, 1, 2000, 4500},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			all := make([]int32, rows)
			for i := range all {
				all[i] = int32(i)
			}
			sum, lag, seeds := 0.0, 0.0, 10
			for seed := range seeds {
				s := shuffled(numbered{rows, test.block}, all, Options{BatchRows: batch, ShardRows: 100, Buffer: test.buffer, Seed: uint64(seed)})
				order := epochOf(t, s, 0, 0, rows)
				sum += spread(order, batch)
				lag += neighbours(order)
			}
			got := sum / float64(seeds)
			t.Logf("chi-square of tenths %.2f, %.5f of the rows stand beside their neighbour", got, lag/float64(seeds))
			if got < test.least || got > test.most {
				t.Errorf("chi-square of tenths is %.2f, want %g to %g", got, test.least, test.most)
			}
		})
	}
}

// TestShuffleBufferWithAllRowsIsUniform counts where each of few rows comes to stand, over many seeds.
func TestShuffleBufferWithAllRowsIsUniform(t *testing.T) {
	const rows, seeds = 12, 6000
	var counts [rows][rows]float64
	for seed := range uint64(seeds) {
		s := shuffled(numbered{rows, 3}, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}, Options{BatchRows: 6, ShardRows: 4, Buffer: rows, Seed: seed})
		for at, r := range epochOf(t, s, 0, 0, rows) {
			counts[r][at]++
		}
	}
	chi, want := 0.0, float64(seeds)/rows
	for _, row := range counts {
		for _, n := range row {
			chi += (n - want) * (n - want) / want
		}
	}
	// 121 degrees of freedom: standard deviation sqrt(242).
	if free := float64((rows - 1) * (rows - 1)); math.Abs(chi-free) > 4*math.Sqrt(2*free) {
		t.Errorf("chi-square of places is %g with %g degrees of freedom", chi, free)
	}
}

// neighbours returns the share of rows that are followed by the next one of the data.
func neighbours(order []int32) float64 {
	n := 0
	for i := 1; i < len(order); i++ {
		if order[i] == order[i-1]+1 {
			n++
		}
	}
	return float64(n) / float64(len(order))
}
