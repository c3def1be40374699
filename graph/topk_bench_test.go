package graph_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// BenchmarkTopK selects from one row of scores.
func BenchmarkTopK(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		for _, k := range []int{100, 300} {
			for _, set := range kernel.Sets() {
				b.Run(fmt.Sprintf("%d-of-%d/%s", k, n, set.Name), func(b *testing.B) {
					builder := graph.NewBuilder("topk")
					values, ids := builder.TopK(builder.Input("x", tensor.Float32, graph.Dims(1, n)), int64(k), -1)
					rng := rand.New(rand.NewPCG(1, 1))
					x := make([]float32, n)
					for i := range x {
						x[i] = float32(rng.NormFloat64())
					}
					node, _ := values.Node()
					in := []*tensor.Tensor{tensor.Of(x, 1, n), tensor.Of([]int64{int64(k)}, 1)}
					out := []*tensor.Tensor{tensor.Zeros(values.DType(), 1, k), tensor.Zeros(ids.DType(), 1, k)}
					r := &graph.Run{Kernels: set}
					b.SetBytes(int64(4 * n))
					b.ReportAllocs()
					for b.Loop() {
						if err := node.Op.Kernel(r, node, in, out); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
