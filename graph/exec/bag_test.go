package exec_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// TestBags: weighted sums of rows of a table have the bits of a product with what a Gather picks, for blocks of columns that
// are full and not, on any number of threads.
func TestBags(t *testing.T) {
	type parts struct{ weights, rows *graph.Value }
	tests := []struct {
		name  string
		build func(b *graph.Builder, p parts, width int) *graph.Value
		want  string
	}{
		{"one sum", func(b *graph.Builder, p parts, _ int) *graph.Value {
			return b.MatMul(b.Unsqueeze(p.weights, []int64{1}), p.rows)
		}, "matmul: MatMul(A, B) of rows"},
		{"several sums, bias and Relu", func(b *graph.Builder, p parts, width int) *graph.Value {
			more := b.Concat(1, b.Unsqueeze(p.weights, []int64{1}), b.Unsqueeze(b.Neg(p.weights), []int64{1}))
			return b.Relu(b.Add(b.MatMul(more, p.rows), b.Param("bias", graph.Dims(width), graph.Uniform(1))))
		}, "relu: MatMul(A, B)+bias+Relu of rows"},
		{"one weight for all", func(b *graph.Builder, p parts, _ int) *graph.Value {
			return b.MatMul(b.Param("weights", graph.Dims(1, 7), graph.Uniform(1)), p.rows)
		}, "matmul: MatMul(A, B)"},
		{"rows with another reader", func(b *graph.Builder, p parts, _ int) *graph.Value {
			return b.Add(b.MatMul(b.Unsqueeze(p.weights, []int64{1}), p.rows), b.ReduceSum(p.rows, []int64{1}, true))
		}, "matmul: MatMul(A, B)"},
		{"weights of all users", func(b *graph.Builder, p parts, _ int) *graph.Value {
			return b.MatMul(p.weights, p.rows)
		}, "matmul: MatMul(A, B)"},
	}
	for _, test := range tests {
		for _, width := range []int{1, 64, 2048, 5001} {
			g := build(t, func(b *graph.Builder) {
				table := b.Param("table", graph.Dims(testRows/10, width), graph.Uniform(1))
				b.Output("y", test.build(b, parts{b.Input("weights_of", tensor.Float32, batch(7)), b.Gather(table, b.Input("ids", tensor.Int64, batch(7)), 0)}, width))
			})
			for _, set := range kernel.Sets() {
				plain := compile(t, g, exec.Options{Kernels: set, Unfused: true})
				for _, threads := range []int{1, 3} {
					joint := compile(t, g, exec.Options{Kernels: set, Threads: threads})
					if steps := joint.Steps(); !slices.Contains(steps, test.want) {
						t.Fatalf("%s: the steps are %q, want %q among them", test.name, steps, test.want)
					}
					for _, rows := range []int{0, 1, 30} {
						in := stepInputs(plain, rows, testRows/10)
						if rows > 0 {
							tensor.MustData[int64](in["ids"])[3] = -1 // the last
						}
						got, err := joint.Run(t.Context(), in)
						if err != nil {
							t.Fatal(err)
						}
						want, err := plain.Run(t.Context(), in)
						if err != nil {
							t.Fatal(err)
						}
						if err := graphtest.Compare(got["y"], want["y"], 0); err != nil {
							t.Errorf("%s of %d, %s, %d threads, %d rows: %v", test.name, width, set.Name, threads, rows, err)
						}
					}
				}
			}
		}
	}
}

// TestBagsRefuseIDs: with the error of the Gather.
func TestBagsRefuseIDs(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		rows := b.Gather(b.Param("table", graph.Dims(9, 300), graph.Uniform(1)), b.Input("ids", tensor.Int64, batch(7)), 0)
		b.Output("y", b.MatMul(b.Unsqueeze(b.Input("w", tensor.Float32, batch(7)), []int64{1}), rows))
	})
	for _, id := range []int64{9, -10} {
		in := stepInputs(compile(t, g, exec.Options{}), 2, 9)
		tensor.MustData[int64](in["ids"])[11] = id
		_, want := compile(t, g, exec.Options{Unfused: true}).Run(t.Context(), in)
		_, got := compile(t, g, exec.Options{}).Run(t.Context(), in)
		if got == nil || want == nil {
			t.Fatalf("id %d went through", id)
		}
		if diff := cmp.Diff(got.Error(), want.Error()); diff != "" {
			t.Errorf("id %d (-got +want):\n%s", id, diff)
		}
	}
}
