package train

import (
	"math/rand/v2"
	"testing"

	"recsys/graph/kernel"
)

// TestRowSum compares sums with those of a map, over several fillings of one memory; it is inside the package, as the
// sums are. Multiples of a power of two and of 2^40 meet in one place of the index more often than others.
func TestRowSum(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for _, dim := range []int{1, 8, 33} {
		s := newRowSum(dim)
		for _, draw := range []func() int64{
			func() int64 { return rng.Int64N(50) },
			func() int64 { return rng.Int64N(3000) << 8 },
			func() int64 { return rng.Int64N(3000) << 40 },
			func() int64 { return rng.Int64N(7) },
		} {
			s.reset()
			want := map[int64][]float32{}
			for range 5 {
				ids, rows := make([]int64, 700), make([]float32, 700*dim)
				for i := range rows {
					rows[i] = float32(rng.IntN(100)) // Whole numbers, so that the order of a sum does not show.
				}
				for i := range ids {
					ids[i] = draw()
					if want[ids[i]] == nil {
						want[ids[i]] = make([]float32, dim)
					}
					for j, v := range rows[i*dim : (i+1)*dim] {
						want[ids[i]][j] += v
					}
				}
				s.add(kernel.Portable(), ids, rows)
			}
			if len(s.ids) != len(want) || len(s.rows) != len(want)*dim {
				t.Fatalf("dim %d: got %d ids with %d numbers, want %d ids", dim, len(s.ids), len(s.rows), len(want))
			}
			for i, id := range s.ids {
				for j, v := range s.rows[i*dim : (i+1)*dim] {
					if v != want[id][j] {
						t.Fatalf("dim %d: row %d, column %d is %g, want %g", dim, id, j, v, want[id][j])
					}
				}
			}
		}
	}
}
