package train

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"recsys/graph"
	"recsys/optim"
	"recsys/tensor"
)

// BenchmarkSort puts the distinct rows of a batch's sum in order; it is inside the package, as the sums are. The
// tables have 32 columns.
func BenchmarkSort(b *testing.B) {
	for _, size := range []struct{ rows, touched int }{{2_000, 500}, {100_000, 4_000}, {500_000, 50_000}} {
		b.Run(fmt.Sprintf("%d of %d", size.touched, size.rows), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 1))
			sum := newRowSum(32)
			for _, id := range rng.Perm(size.rows)[:size.touched] {
				sum.ids = append(sum.ids, int64(id))
			}
			sum.rows = make([]float32, 32*size.touched)
			table := &graph.Param{Data: tensor.Zeros(tensor.Float32, size.rows, 32)}
			u := updater{slots: []slot{{param: table}}, sorted: make([]optim.Rows, 1), combiners: make([]optim.Combiner, 1)}
			b.ReportAllocs()
			for b.Loop() {
				if err := u.sort(0, sum); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
