package exec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// TestRegions: steps that work row by row become one with the bits of the single steps, on every kernel set.
func TestRegions(t *testing.T) {
	const l, d = 7, 24
	tests := []struct {
		name  string
		build func(b *graph.Builder, x, y *graph.Value) []*graph.Value // x, y [B,7,24]
		want  []string
	}{
		{"chain", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			return []*graph.Value{b.Tanh(b.Mul(b.Sub(x, y), b.Float32(0.5)))}
		}, []string{"tanh: Rows(Sub, Mul, Tanh)"}},
		{"layer normalization", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			w, bias := b.Param("w", graph.Dims(d), graph.Uniform(1)), b.Param("bias", graph.Dims(d), graph.Uniform(1))
			return []*graph.Value{b.LayerNormalization(b.Add(x, y), w, bias, -1, 1e-5)}
		}, []string{"layernormalization: Rows(Add, LayerNormalization)"}},
		{"layer normalization without bias", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			w := b.Param("w", graph.Dims(d), graph.Uniform(1))
			return []*graph.Value{b.Add(b.LayerNormalization(x, w, nil, 2, 1e-5), y)}
		}, []string{"add: Rows(LayerNormalization, Add)"}},
		{"layer normalization from primitives", func(b *graph.Builder, x, _ *graph.Value) []*graph.Value {
			w := b.Param("w", graph.Dims(d), graph.Uniform(1))
			c := b.Sub(x, b.ReduceMean(x, []int64{-1}, true))
			v := b.ReduceMean(b.Mul(c, c), []int64{-1}, true)
			return []*graph.Value{b.Mul(b.Div(c, b.Sqrt(b.Add(v, b.Float32(1e-5)))), w)}
		}, []string{"mul_2: Rows(ReduceMean, Sub, Mul, ReduceMean, Add, Sqrt, Div, Mul)"}},
		{"masked softmax", func(b *graph.Builder, x, _ *graph.Value) []*graph.Value {
			return []*graph.Value{b.Softmax(b.Add(x, b.Param("mask", graph.Dims(l, d), graph.Uniform(3))), 2)}
		}, []string{"softmax: Rows(Add, Softmax)"}},
		{"mask with one in front", func(b *graph.Builder, x, _ *graph.Value) []*graph.Value {
			return []*graph.Value{b.LogSoftmax(b.Add(b.Param("mask", graph.Dims(1, l, d), graph.Uniform(3)), x), -1)}
		}, []string{"logsoftmax: Rows(Add, LogSoftmax)"}},
		{"softmax gradient", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			return []*graph.Value{b.Mul(y, b.Sub(x, b.ReduceSum(b.Mul(x, y), []int64{-1}, true)))}
		}, []string{"mul_2: Rows(Mul, ReduceSum, Sub, Mul)"}},
		{"column times rows", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			return []*graph.Value{b.Mul(b.Neg(b.ReduceMean(x, []int64{2}, true)), b.Abs(y))}
		}, []string{"mul: Rows(ReduceMean, Neg, Abs, Mul)"}},
		{"row sums without their axis", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			s := b.ReduceSum(b.Mul(x, y), []int64{-1}, false)
			return []*graph.Value{b.Softplus(s)}
		}, []string{"reducesum: Rows(Mul, ReduceSum)", "softplus: Softplus"}},
		{"sum of rows", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			g := b.Mul(x, y)
			return []*graph.Value{g, b.ReduceSum(g, []int64{0, 1}, false), b.ReduceSum(g, []int64{0, 1}, true)}
		}, []string{"reducesum_2: Rows(Mul, ReduceSum, ReduceSum)"}},
		{"sum of rows used", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			g := b.Mul(x, y)
			return []*graph.Value{b.Add(g, b.ReduceSum(g, []int64{0, 1}, false))}
		}, []string{"reducesum: Rows(Mul, ReduceSum)", "add: Add"}},
		{"sum over the batch alone", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			return []*graph.Value{b.ReduceSum(b.Mul(x, y), []int64{0}, false)}
		}, []string{"mul: Mul", "reducesum: ReduceSum"}},
		{"several readers and an output", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			e := b.Exp(x)
			return []*graph.Value{e, b.Mul(b.Add(e, y), e), b.Transpose(e, []int64{1, 0, 2})}
		}, []string{"mul: Rows(Exp, Add, Mul)", "transpose: Transpose"}},
		{"overwritten input", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			z := b.Transpose(b.Transpose(x, []int64{1, 0, 2}), []int64{1, 0, 2})
			return []*graph.Value{b.Sub(b.Sigmoid(b.Relu(z)), b.Mul(z, y))}
		}, []string{"transpose: Transpose", "transpose_2: Transpose", "sub: Rows(Relu, Sigmoid, Mul, Sub)"}},
		{"an input that is read late", func(b *graph.Builder, x, _ *graph.Value) []*graph.Value {
			z := b.Transpose(b.Transpose(x, []int64{1, 0, 2}), []int64{1, 0, 2})
			e := b.Exp(z)
			return []*graph.Value{e, b.Mul(e, z)}
		}, []string{"transpose: Transpose", "transpose_2: Transpose", "mul: Rows(Exp, Mul)"}},
		{"a view that is read late", func(b *graph.Builder, x, _ *graph.Value) []*graph.Value {
			z := b.Transpose(b.Transpose(x, []int64{1, 0, 2}), []int64{1, 0, 2})
			e := b.Exp(z)
			return []*graph.Value{e, b.Mul(e, b.Identity(z))}
		}, []string{"transpose: Transpose", "transpose_2: Transpose", "identity: Identity", "mul: Rows(Exp, Mul)"}},
		{"a step in between", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			e := b.Exp(x)
			z := b.Transpose(b.Transpose(b.Neg(e), []int64{1, 0, 2}), []int64{1, 0, 2})
			return []*graph.Value{b.Sub(e, b.Mul(z, y))}
		}, []string{"neg: Rows(Exp, Neg)", "transpose: Transpose", "transpose_2: Transpose", "sub: Rows(Mul, Sub)"}},
		{"two chains that meet", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			return []*graph.Value{b.Div(b.Exp(x), b.Add(b.Tanh(y), b.Float32(2)))}
		}, []string{"div: Rows(Exp, Tanh, Add, Div)"}},
		{"repeated in the middle", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			return []*graph.Value{b.Add(b.Exp(x), b.ReduceSum(y, []int64{1}, true))}
		}, []string{"reducesum: ReduceSum", "add: Rows(Exp, Add)"}},
		{"columns repeated in the middle", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			return []*graph.Value{b.Add(b.Exp(x), b.ReduceSum(y, []int64{1, 2}, true))}
		}, []string{"exp: Exp", "reducesum: ReduceSum", "add: Add"}},
		{"another axis", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			return []*graph.Value{b.Softmax(b.Add(x, y), 1)}
		}, []string{"add: Add", "softmax: Softmax"}},
		{"integers", func(b *graph.Builder, x, _ *graph.Value) []*graph.Value {
			i := b.Cast(x, tensor.Int64)
			return []*graph.Value{b.Mul(b.Add(i, i), i)}
		}, []string{"cast: Cast", "add: Add", "mul: Mul"}},
		{"extremes", func(b *graph.Builder, x, y *graph.Value) []*graph.Value {
			return []*graph.Value{b.Erf(b.Max(b.Log(x), b.Min(b.Sqrt(y), x)))}
		}, []string{"erf: Rows(Log, Sqrt, Min, Max, Erf)"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := build(t, func(b *graph.Builder) {
				shape := graph.Shape{graph.Sym("B"), graph.Fixed(l), graph.Fixed(d)}
				for i, v := range test.build(b, b.Input("x", tensor.Float32, shape), b.Input("y", tensor.Float32, shape)) {
					b.Output(string(rune('a'+i)), v)
				}
			})
			agree(t, g, test.want, 0, 1, 2, 40) // 40·7 rows of 24 are four blocks of 85, no multiple of 7
		})
	}
}

// TestSquareRegion: with one symbol for both axes, the sums of rows look like a vector and are none.
func TestSquareRegion(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		x := b.Tanh(b.Input("own", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Sym("B")}))
		b.Output("y", b.Add(x, b.ReduceSum(x, []int64{1}, false)))
	})
	agree(t, g, []string{"reducesum: Rows(Tanh, ReduceSum)", "add: Add"}, 1, 3, 50)
}

// agree compares the steps of a plan with want and its outputs with those of the interpreter, bit by bit, on every set
// for the given batches.
func agree(t *testing.T, g *graph.Graph, want []string, batches ...int) {
	t.Helper()
	for _, set := range kernel.Sets() {
		plan := compile(t, g, exec.Options{Kernels: set})
		if diff := cmp.Diff(plan.Steps(), want); diff != "" {
			t.Fatalf("steps (-got +want):\n%s", diff)
		}
		for _, rows := range batches {
			agreeOn(t, g, plan, set, stepInputs(plan, rows, testRows))
		}
	}
}

// agreeOn compares two runs of a plan in one session, so that the second meets used memory, with the interpreter.
func agreeOn(t *testing.T, g *graph.Graph, plan *exec.Plan, set *kernel.Set, in tensor.Map) {
	t.Helper()
	want, err := graphtest.Run(g, in, set)
	if err != nil {
		t.Fatal(err)
	}
	session := plan.NewSession()
	for range 2 {
		got, err := session.Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		for name, v := range want {
			if err := graphtest.Compare(got[name], v, 0); err != nil {
				t.Errorf("%s, output %q %s: %v", set.Name, name, v, err)
			}
		}
	}
}
