package train

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"recsys/graph"
	"recsys/graph/kernel"
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

// BenchmarkRowSum adds up the rows of a batch of 4096 as training does: each of 8 shards by itself, and their sums. The ids
// are Zipf's of 100,000; each of 26 tables has sums of its own, so that none of them is in the cache when its turn comes.
func BenchmarkRowSum(b *testing.B) {
	for _, dim := range []int{8, 32, 64} {
		b.Run(fmt.Sprintf("width %d", dim), func(b *testing.B) {
			const tables, shards, rows = 26, 8, 512
			zipf := rand.NewZipf(rand.New(rand.NewPCG(1, 1)), 1.1, 1, 99_999)
			var ids [tables][shards][]int64
			var shard, sum [tables]*rowSum
			for t := range tables {
				shard[t], sum[t] = newRowSum(dim), newRowSum(dim)
				for s := range shards {
					ids[t][s] = make([]int64, rows)
					for i := range ids[t][s] {
						ids[t][s][i] = int64(zipf.Uint64())
					}
				}
			}
			gradient, k := make([]float32, rows*dim), kernel.Best()
			b.ReportAllocs()
			for b.Loop() {
				for t := range tables {
					sum[t].reset()
				}
				for s := range shards {
					for t := range tables {
						shard[t].reset()
						shard[t].add(k, ids[t][s], gradient)
					}
					for t := range tables {
						sum[t].add(k, shard[t].ids, shard[t].rows)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(tables*shards*rows), "ns/row")
		})
	}
}
