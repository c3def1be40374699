package exec_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/internal/portable"
	"recsys/tensor"
)

// tableOf makes constants of a table: rows and columns are those of the constant.
type tableOf struct {
	b   *graph.Builder
	rng *rand.Rand
}

func numbers[T tensor.Element](n int, draw func() T, shape ...int) *tensor.Tensor {
	data := make([]T, n)
	for i := range data {
		data[i] = draw()
	}
	return tensor.Of(data, shape...)
}

func (t tableOf) int8(rows, cols int) *graph.Value {
	return t.b.Const("table", numbers(rows*cols, func() int8 { return int8(t.rng.Uint32()) }, rows, cols))
}

func (t tableOf) uint8(rows, cols int) *graph.Value {
	return t.b.Const("table", numbers(rows*cols, func() uint8 { return uint8(t.rng.Uint32()) }, rows, cols))
}

func (t tableOf) half(rows, cols int) *graph.Value {
	return t.b.Const("table", numbers(rows*cols, func() tensor.F16 { return tensor.F16(portable.ToHalf(2*t.rng.Float32() - 1)) }, rows, cols))
}

func (t tableOf) scales(n int) *graph.Value {
	return t.b.Const("scales", numbers(n, func() float32 { return t.rng.Float32() / 64 }, n))
}

// int8s is a vector of constants from -10 to 10.
func (t tableOf) int8s(n int) *graph.Value {
	return t.b.Const("zeros", numbers(n, func() int8 { return int8(t.rng.IntN(21) - 10) }, n))
}

func turn(b *graph.Builder, v *graph.Value) *graph.Value { return b.Transpose(v, []int64{1, 0}) }

// narrowTests are products with a table of v rows of d: what becomes of them, and how far from what the operators
// compute one by one. Products of integers are the same to the bit; sums of floats differ by their order and by where the
// scale is multiplied in.
func narrowTests() map[string]struct {
	build func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value
	want  []string
	exact bool
} {
	type builder = func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value
	integer := func(table func(b *graph.Builder, t tableOf, v, d int) (y, zero *graph.Value)) builder {
		return func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			y, zero := table(b, t, v, d)
			q, _, qZero := b.DynamicQuantizeLinear(x)
			return b.MatMulInteger(q, y, qZero, zero)
		}
	}
	dynamic := []string{"dynamicquantizelinear: DynamicQuantizeLinear", "matmulinteger: MatMulInteger(A, Bᵀ)"}
	return map[string]struct {
		build builder
		want  []string
		exact bool
	}{
		"int8, a scale for each row": {func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			return b.MatMul(x, turn(b, b.DequantizeLinear(t.int8(v, d), t.scales(v), nil, 0)))
		}, []string{"matmul: MatMul(A, Bᵀ) of int8"}, false},
		"int8 turned, a scale for each column": {func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			return b.MatMul(x, b.DequantizeLinear(t.int8(d, v), t.scales(v), nil, -1))
		}, []string{"matmul: MatMul(A, Bᵀ) of int8"}, false},
		"int8, one scale and a zero point of 0": {func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			zero := b.Const("zero", tensor.Of([]int8{0}, 1))
			return b.MatMul(x, turn(b, b.DequantizeLinear(t.int8(v, d), t.scales(1), zero, 0)))
		}, []string{"matmul: MatMul(A, Bᵀ) of int8"}, false},
		"int8 turned there and back": {func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			return b.MatMul(x, turn(b, turn(b, b.DequantizeLinear(t.int8(d, v), t.scales(v), nil, 1))))
		}, []string{"matmul: MatMul(A, Bᵀ) of int8"}, false},
		"int8 with two readers": {func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			table := b.DequantizeLinear(t.int8(v, d), t.scales(v), nil, 0)
			return b.Add(b.MatMul(x, turn(b, table)), b.ReduceSum(table, []int64{1}, false))
		}, []string{"matmul: MatMul(A, Bᵀ) of int8", "add: Add"}, false},
		"int8, scales along the sum": {func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			return b.MatMul(x, turn(b, b.DequantizeLinear(t.int8(v, d), t.scales(d), nil, 1)))
		}, []string{"matmul: MatMul(A, B)"}, false},
		"int8 with zero points": {func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			return b.MatMul(x, turn(b, b.DequantizeLinear(t.int8(v, d), t.scales(v), t.int8s(v), 0)))
		}, []string{"matmul: MatMul(A, B)"}, false},
		"half": {func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			return b.MatMul(x, turn(b, b.Cast(t.half(v, d), tensor.Float32)))
		}, []string{"matmul: MatMul(A, Bᵀ) of float16"}, false},
		"half turned, then Relu": {func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			return b.Relu(b.MatMul(x, b.Cast(t.half(d, v), tensor.Float32)))
		}, []string{"matmul: MatMul(A, Bᵀ) of float16", "relu: Relu"}, false},
		"half to float64 and on": {func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			return b.MatMul(x, turn(b, b.Cast(b.Cast(t.half(v, d), tensor.Float64), tensor.Float32)))
		}, []string{"matmul: MatMul(A, B)"}, false},
		"integers": {integer(func(b *graph.Builder, t tableOf, v, d int) (y, zero *graph.Value) {
			return turn(b, t.int8(v, d)), nil
		}), dynamic, true},
		"integers, zero points by column": {integer(func(_ *graph.Builder, t tableOf, v, d int) (y, zero *graph.Value) {
			return t.int8(d, v), t.int8s(v)
		}), dynamic, true},
		"integers of uint8": {integer(func(b *graph.Builder, t tableOf, v, d int) (y, zero *graph.Value) {
			return turn(b, t.uint8(v, d)), b.Const("zero", tensor.Scalar(uint8(131)))
		}), dynamic, true},
		"integers, int8 left": {func(b *graph.Builder, t tableOf, x *graph.Value, v, d int) *graph.Value {
			zero := b.Const("zero", tensor.Scalar(int8(-5)))
			return b.MatMulInteger(b.QuantizeLinear(x, b.Float32(0.01), zero, 0), t.uint8(d, v), zero, nil)
		}, []string{"quantizelinear: QuantizeLinear", "matmulinteger: MatMulInteger(A, Bᵀ)"}, true},
	}
}

func TestNarrowProducts(t *testing.T) {
	for name, test := range narrowTests() {
		for _, size := range [][2]int{{1, 1}, {5, 3}, {256, 16}, {257, 8}, {1030, 64}, {300, 77}} {
			t.Run(fmt.Sprintf("%s/%v", name, size), func(t *testing.T) {
				v, d := size[0], size[1]
				rng := rand.New(rand.NewPCG(1, 12))
				g := build(t, func(b *graph.Builder) {
					b.Output("y", test.build(b, tableOf{b, rng}, b.Input("x", tensor.Float32, batch(d)), v, d))
				})
				for _, set := range kernel.Sets() {
					fused, plain := compile(t, g, exec.Options{Kernels: set}), compile(t, g, exec.Options{Kernels: set, Unfused: true})
					// A table of one row or column has scales for both axes at once.
					if diff := cmp.Diff(fused.Steps(), test.want); diff != "" && min(v, d) > 1 {
						t.Fatalf("steps (-got +want):\n%s", diff)
					}
					for _, rows := range []int{0, 1, 3} {
						compareNarrow(t, fused, plain, feed(g, rows, 1), test.exact, d)
					}
				}
			})
		}
	}
}

// TestWideIntegerProducts: int8 left-hand sides are moved to uint8 on the stack as far as there is room.
func TestWideIntegerProducts(t *testing.T) {
	for width, want := range map[int]string{1024: "MatMulInteger(A, Bᵀ)", 1025: "MatMulInteger"} {
		g := build(t, func(b *graph.Builder) {
			rng := rand.New(rand.NewPCG(1, 13))
			x := b.QuantizeLinear(b.Input("x", tensor.Float32, batch(width)), b.Float32(0.01), b.Const("zero", tensor.Scalar(int8(3))), 0)
			b.Output("y", b.MatMulInteger(x, tableOf{b, rng}.int8(width, 5), nil, nil))
		})
		plan := compile(t, g, exec.Options{})
		if diff := cmp.Diff(plan.Steps(), []string{"quantizelinear: QuantizeLinear", "matmulinteger: " + want}); diff != "" {
			t.Errorf("width %d: steps (-got +want):\n%s", width, diff)
		}
		compareNarrow(t, plan, compile(t, g, exec.Options{Unfused: true}), feed(g, 2, 1), true, width)
	}
}

// compareNarrow bounds differences by 2(d+2) roundings (Higham 2002, section 3.1) of 2⁻²⁴ of a sum of d products, none
// of which is above 2: the greatest entry of x, 1, times 127/64 of a table. Compare's bound grows with the result from
// 1 on alone.
func compareNarrow(t *testing.T, fused, plain *exec.Plan, in tensor.Map, exact bool, d int) {
	t.Helper()
	got, err := fused.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want, err := plain.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	bound := 2 * float64(d+2) * 0x1p-24 * 2 * float64(d)
	if exact {
		bound = 0
	}
	if err := graphtest.Compare(got["y"], want["y"], bound); err != nil {
		t.Errorf("%v of %d: %v", in["x"].Shape(), d, err)
	}
}
