package graph_test

import (
	"fmt"
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// TestLongRows: kernels work through long rows piece by piece; the pieces have to meet. The data files of graphtest
// are too short for that.
func TestLongRows(t *testing.T) {
	const n = 2500
	tests := []struct {
		name  string
		apply func(b *graph.Builder, x, scalar *graph.Value) *graph.Value
	}{
		{"scalar on the right", func(b *graph.Builder, x, scalar *graph.Value) *graph.Value { return b.Sub(x, scalar) }},
		{"scalar on the left", func(b *graph.Builder, x, scalar *graph.Value) *graph.Value { return b.Sub(scalar, x) }},
		{"softplus", func(b *graph.Builder, x, _ *graph.Value) *graph.Value { return b.Softplus(x) }},
	}
	for _, test := range tests {
		for _, set := range kernel.Sets() {
			t.Run(test.name+"/"+set.Name, func(t *testing.T) {
				b := graph.NewBuilder("g")
				x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("N")})
				b.Output("y", test.apply(b, x, b.Float32(0.75)))
				g := build(t, b)
				x32 := floats(n)
				run := func(from, to int) *tensor.Tensor {
					out, err := graphtest.Run(g, tensor.Map{"x": x32.Rows(from, to)}, set)
					if err != nil {
						t.Fatal(err)
					}
					return out["y"]
				}
				whole := run(0, n)
				for at := 0; at < n; at += 100 {
					// Vector kernels may round the ends of rows otherwise than their middle.
					if err := graphtest.Compare(whole.Rows(at, at+100), run(at, at+100), 1e-6); err != nil {
						t.Fatal(fmt.Errorf("from element %d: %w", at, err))
					}
				}
			})
		}
	}
}
