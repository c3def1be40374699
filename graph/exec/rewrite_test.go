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

// TestRewrites names the steps that each form becomes; the fused plan gives the bits of the interpreter.
func TestRewrites(t *testing.T) {
	tests := []struct {
		name  string
		build func(b *graph.Builder, x, w, bias *graph.Value) *graph.Value
		want  []string
	}{
		{"product", func(b *graph.Builder, x, w, _ *graph.Value) *graph.Value { return b.MatMul(x, w) }, []string{"matmul: MatMul(A, B)"}},
		{"transposed left", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			return b.MatMul(b.Transpose(x, []int64{1, 0}), x)
		}, []string{"matmul: MatMul(Aᵀ, B)"}},
		{"transposed right", func(b *graph.Builder, x, w, _ *graph.Value) *graph.Value {
			return b.MatMul(x, b.Transpose(w, []int64{1, 0}))
		}, []string{"matmul: MatMul(A, Bᵀ)"}},
		{"transposed stacks", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			y := b.Reshape(x, b.Int64s(-1, 2, 2))
			return b.MatMul(y, b.Transpose(y, []int64{0, 2, 1}))
		}, []string{"reshape: Reshape", "matmul: MatMul(A, Bᵀ)"}},
		{"transposed twice", func(b *graph.Builder, x, w, _ *graph.Value) *graph.Value {
			return b.MatMul(x, b.Transpose(b.Transpose(w, []int64{1, 0}), []int64{1, 0}))
		}, []string{"matmul: MatMul(A, B)"}},
		{"transposed product", func(b *graph.Builder, x, w, _ *graph.Value) *graph.Value {
			return b.Transpose(b.MatMul(x, b.Transpose(w, []int64{1, 0})), []int64{1, 0})
		}, []string{"transpose_2: MatMul(A, Bᵀ)"}},
		{"transposed product of stacks", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			y := b.Reshape(x, b.Int64s(-1, 2, 2))
			return b.Transpose(b.MatMul(b.Transpose(y, []int64{0, 2, 1}), b.Exp(y)), []int64{0, 2, 1})
		}, []string{"reshape: Reshape", "exp: Exp", "transpose_2: MatMul(Aᵀ, B)"}},
		{"transposed", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			return b.Transpose(x, []int64{1, 0})
		}, []string{"transpose: Transpose"}},
		{"transposed product of a stack and a matrix", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			y := b.Reshape(x, b.Int64s(-1, 2, 2))
			return b.MatMul(b.Tanh(y), b.Transpose(b.MatMul(y, b.Param("m", graph.Dims(2, 2), graph.Uniform(1))), []int64{0, 2, 1}))
		}, []string{"reshape: Reshape", "tanh: Tanh", "matmul: MatMul(A, B)", "matmul_2: MatMul(A, Bᵀ)"}},
		{"gemm", func(b *graph.Builder, x, w, bias *graph.Value) *graph.Value {
			return b.Relu(b.Gemm(x, w, bias, graph.GemmOptions{TransB: true}))
		}, []string{"relu: MatMul(A, Bᵀ)+bias+Relu"}},
		{"gemm without bias", func(b *graph.Builder, x, w, bias *graph.Value) *graph.Value {
			return b.Add(b.Gemm(x, w, nil, graph.GemmOptions{}), bias)
		}, []string{"add: MatMul(A, B)+bias"}},
		{"scaled gemm", func(b *graph.Builder, x, w, bias *graph.Value) *graph.Value {
			two := float32(2)
			return b.Relu(b.Gemm(x, w, bias, graph.GemmOptions{Alpha: &two}))
		}, []string{"gemm: Gemm", "relu: Relu"}},
		{"gemm of a scaled bias", func(b *graph.Builder, x, w, bias *graph.Value) *graph.Value {
			two := float32(2)
			return b.Gemm(x, w, bias, graph.GemmOptions{Beta: &two})
		}, []string{"gemm: Gemm"}},
		{"gemm of one bias", func(b *graph.Builder, x, w, bias *graph.Value) *graph.Value {
			return b.Gemm(x, w, b.ReduceSum(bias, nil, false), graph.GemmOptions{})
		}, []string{"reducesum: ReduceSum", "gemm: Gemm"}},
		{"selection", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			return b.MatMul(x, b.Const("p", tensor.Of([]float32{0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0}, 4, 5)))
		}, []string{"matmul: Select"}},
		{"transposed selection", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			p := b.Const("p", tensor.Of([]float32{0, 0, 0, 1, 0, 0, 1, 0}, 2, 4))
			return b.MatMul(x, b.Transpose(p, []int64{1, 0}))
		}, []string{"matmul: Select"}},
		{"scaled columns", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			return b.MatMul(x, b.Const("p", tensor.Of([]float32{1, 0, 0, 2, 0, 0, 0, 0}, 4, 2)))
		}, []string{"matmul: MatMul(A, B)"}},
		{"sum of columns", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			return b.MatMul(x, b.Const("p", tensor.Of([]float32{1, 1, 0, 0}, 4, 1)))
		}, []string{"matmul: MatMul(A, B)"}},
		{"not transposed", func(b *graph.Builder, x, w, _ *graph.Value) *graph.Value {
			return b.MatMul(x, b.Transpose(w, []int64{0, 1}))
		}, []string{"transpose: Transpose", "matmul: MatMul(A, B)"}},
		{"other axes", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			y := b.Reshape(x, b.Int64s(2, -1, 2))
			return b.MatMul(b.Transpose(y, []int64{1, 0, 2}), b.Const("m", tensor.Of([]float32{1, 2, 3, 4}, 2, 2)))
		}, []string{"reshape: Reshape", "transpose: Transpose", "matmul: MatMul(A, B)"}},
		{"bias", func(b *graph.Builder, x, w, bias *graph.Value) *graph.Value { return b.Add(b.MatMul(x, w), bias) }, []string{"add: MatMul(A, B)+bias"}},
		{"bias first", func(b *graph.Builder, x, w, bias *graph.Value) *graph.Value { return b.Add(bias, b.MatMul(x, w)) }, []string{"add: MatMul(A, B)+bias"}},
		{"no bias", func(b *graph.Builder, x, w, _ *graph.Value) *graph.Value { return b.Add(b.MatMul(x, w), x) }, []string{"matmul: MatMul(A, B)", "add: Add"}},
		{"two readers", func(b *graph.Builder, x, w, bias *graph.Value) *graph.Value {
			m := b.MatMul(x, w)
			return b.Mul(b.Add(m, bias), m)
		}, []string{"matmul: MatMul(A, B)", "mul: Rows(Add, Mul)"}},
		{"dense", func(b *graph.Builder, x, w, bias *graph.Value) *graph.Value {
			return b.Relu(b.Add(b.MatMul(x, w), bias))
		}, []string{"relu: MatMul(A, B)+bias+Relu"}},
		{"sigmoid", func(b *graph.Builder, x, w, _ *graph.Value) *graph.Value { return b.Sigmoid(b.MatMul(x, w)) }, []string{"sigmoid: MatMul(A, B)+Sigmoid"}},
		{"tanh", func(b *graph.Builder, x, w, bias *graph.Value) *graph.Value {
			return b.Tanh(b.Tanh(b.Add(b.MatMul(x, w), bias)))
		}, []string{"tanh: MatMul(A, B)+bias+Tanh", "tanh_2: Tanh"}},
		{"gradient of Relu", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			y := b.Relu(x)
			return b.Where(b.Greater(y, b.Float32(0)), b.Exp(x), b.Float32(0))
		}, []string{"where: Rows(Relu, Exp, ReluGrad)"}},
		{"another threshold", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			return b.Where(b.Greater(x, b.Float32(1)), b.Exp(x), b.Float32(0))
		}, []string{"greater: Greater", "exp: Exp", "where: Where"}},
		{"expanded operand", func(b *graph.Builder, x, _, bias *graph.Value) *graph.Value {
			sum := b.ReduceSum(x, []int64{1}, true)
			return b.Div(b.Sub(x, b.Expand(bias, b.ShapeOf(x))), b.Expand(b.Exp(sum), b.ShapeOf(x)))
		}, []string{"div: Rows(ReduceSum, Sub, Exp, Div)"}},
		{"expanded alone", func(b *graph.Builder, x, _, bias *graph.Value) *graph.Value {
			return b.Mul(b.Expand(bias, b.ShapeOf(x)), bias)
		}, []string{"shape: Shape", "expand: Expand", "mul: Mul"}},
		{"both expanded", func(b *graph.Builder, x, _, bias *graph.Value) *graph.Value {
			sum := b.ReduceSum(x, []int64{1}, true)
			return b.Mul(b.Expand(bias, b.ShapeOf(x)), b.Expand(sum, b.ShapeOf(x)))
		}, []string{"reducesum: ReduceSum", "shape_2: Shape", "expand_2: Expand", "mul: Mul"}},
		{"constant", func(b *graph.Builder, x, _, _ *graph.Value) *graph.Value {
			return b.Mul(x, b.Exp(b.Neg(b.Float32(1))))
		}, []string{"mul: Mul"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := build(t, func(b *graph.Builder) {
				b.Output("y", test.build(b, b.Input("x", tensor.Float32, batch(4)), b.Param("w", graph.Dims(4, 4), graph.Uniform(1)),
					b.Param("bias", graph.Dims(4), graph.Uniform(1))))
			})
			plan := compile(t, g, exec.Options{Kernels: kernel.Portable()})
			if diff := cmp.Diff(plan.Steps(), test.want); diff != "" {
				t.Errorf("steps (-got +want):\n%s", diff)
			}
			in := feed(g, 6, 1)
			want, err := graphtest.Run(g, in, kernel.Portable())
			if err != nil {
				t.Fatal(err)
			}
			got, err := plan.Run(t.Context(), in)
			if err != nil {
				t.Fatal(err)
			}
			if err := graphtest.Compare(got["y"], want["y"], 0); err != nil {
				t.Error(err)
			}
		})
	}
}
