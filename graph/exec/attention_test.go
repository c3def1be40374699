package exec_test

import (
	"testing"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/layer"
	"recsys/tensor"
)

// TestAttention: a softmax between two products runs without matrices of scores, with the bits of the single steps.
func TestAttention(t *testing.T) {
	const l, m, d = 6, 9, 16
	swap := []int64{0, 2, 1}
	tests := []struct {
		name  string
		build func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value // q [B,6,16], k, v [B,9,16]
		want  []string
	}{
		{"plain", func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value {
			return []*graph.Value{b.MatMul(b.Softmax(b.MatMul(q, b.Transpose(k, swap)), -1), v)}
		}, []string{"matmul_2: Attention(Rows(Softmax))"}},
		{"scaled and masked", func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value {
			mask := b.Param("mask", graph.Dims(l, m), graph.Uniform(2))
			s := b.Add(mask, b.Mul(b.MatMul(q, b.Transpose(k, swap)), b.Float32(0.25)))
			return []*graph.Value{b.MatMul(b.Softmax(s, 2), v)}
		}, []string{"matmul_2: Attention(Rows(Mul, Add, Softmax))"}},
		{"mask first", func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value {
			mask, scale := b.Param("mask", graph.Dims(l, m), graph.Uniform(2)), b.Param("scale", graph.Dims(m), graph.Uniform(2))
			s := b.Mul(b.Add(mask, b.MatMul(q, b.Transpose(k, swap))), scale)
			return []*graph.Value{b.MatMul(b.Softmax(s, 2), v)}
		}, []string{"matmul_2: Attention(Rows(Add, Mul, Softmax))"}},
		{"keys that are not there", func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value {
			padding := b.Unsqueeze(b.Input("padding", tensor.Float32, batch(m)), []int64{1})
			s := b.Add(b.MatMul(q, b.Transpose(k, swap)), padding)
			return []*graph.Value{b.MatMul(b.Softmax(s, 2), v)}
		}, []string{"unsqueeze: Unsqueeze", "matmul_2: Attention(Rows(Add, Softmax))"}},
		{"values transposed", func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value {
			turned := b.Tanh(b.Transpose(v, swap))
			return []*graph.Value{b.MatMul(b.Softmax(b.MatMul(q, b.Tanh(b.Transpose(k, swap))), -1), b.Transpose(turned, swap))}
		}, []string{"transpose: Transpose", "tanh: Tanh", "transpose_2: Transpose", "tanh_2: Tanh", "matmul_2: Attention(Rows(Softmax))"}},
		{"one set of keys for all", func(b *graph.Builder, q, _, _ *graph.Value) []*graph.Value {
			k, v := b.Param("keys", graph.Dims(d, m), graph.Uniform(1)), b.Param("values", graph.Dims(m, 4), graph.Uniform(1))
			return []*graph.Value{b.MatMul(b.Softmax(b.MatMul(q, k), -1), v)}
		}, []string{"matmul_2: Attention(Rows(Softmax))"}},
		{"scores wanted", func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value {
			s := b.MatMul(q, b.Transpose(k, swap))
			return []*graph.Value{s, b.MatMul(b.Softmax(s, -1), v)}
		}, []string{"matmul: MatMul(A, Bᵀ)", "softmax: Softmax", "matmul_2: MatMul(A, B)"}},
		{"weights wanted", func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value {
			w := b.Softmax(b.MatMul(q, b.Transpose(k, swap)), -1)
			return []*graph.Value{w, b.MatMul(w, v)}
		}, []string{"matmul: MatMul(A, Bᵀ)", "softmax: Softmax", "matmul_2: MatMul(A, B)"}},
		{"scores read twice", func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value {
			s := b.MatMul(q, b.Transpose(k, swap))
			return []*graph.Value{b.MatMul(b.Softmax(b.Mul(s, s), -1), v)}
		}, []string{"matmul_2: Attention(Rows(Mul, Softmax))"}},
		{"over the queries", func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value {
			return []*graph.Value{b.MatMul(b.Softmax(b.MatMul(q, b.Transpose(k, swap)), 1), v)}
		}, []string{"matmul: MatMul(A, Bᵀ)", "softmax: Softmax", "matmul_2: MatMul(A, B)"}},
		{"no softmax", func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value {
			return []*graph.Value{b.MatMul(b.Exp(b.Abs(b.MatMul(q, b.Transpose(k, swap)))), v)}
		}, []string{"matmul: MatMul(A, Bᵀ)", "exp: Rows(Abs, Exp)", "matmul_2: MatMul(A, B)"}},
		{"more than a softmax", func(b *graph.Builder, q, k, v *graph.Value) []*graph.Value {
			return []*graph.Value{b.MatMul(b.Exp(b.Softmax(b.MatMul(q, b.Transpose(k, swap)), -1)), v)}
		}, []string{"matmul: MatMul(A, Bᵀ)", "exp: Rows(Softmax, Exp)", "matmul_2: MatMul(A, B)"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := build(t, func(b *graph.Builder) {
				list := func(name string, n int) *graph.Value {
					return b.Input(name, tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(n), graph.Fixed(d)})
				}
				for i, v := range test.build(b, list("q", l), list("k", m), list("v", m)) {
					b.Output(string(rune('a'+i)), v)
				}
			})
			agree(t, g, test.want, 0, 1, 3)
		})
	}
}

// TestLongAttention: scores that do not fit into a block at once, many heads, any number of threads.
func TestLongAttention(t *testing.T) {
	const l, d = 700, 8 // a block holds 23 rows of scores
	g := build(t, func(b *graph.Builder) {
		x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(l), graph.Fixed(d)})
		present := b.Greater(b.Input("present", tensor.Float32, batch(l)), b.Float32(0.2))
		b.Output("y", layer.MultiHeadAttention{Name: "a", Heads: 2, Causal: true}.Apply(b, x, x, present))
	})
	for _, set := range kernel.Sets() {
		var want tensor.Map
		for _, threads := range []int{1, 2, 5} {
			plan := compile(t, g, exec.Options{Kernels: set, Threads: threads})
			in := stepInputs(plan, 2, testRows)
			if want == nil {
				var err error
				if want, err = graphtest.Run(g, in, set); err != nil {
					t.Fatal(err)
				}
			}
			got, err := plan.Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if err := graphtest.Compare(got["y"], want["y"], 0); err != nil {
				t.Errorf("%s, %d threads: %v", set.Name, threads, err)
			}
		}
	}
}
