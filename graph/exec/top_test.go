package exec_test

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// topDepth is the width of the tables.
const topDepth = 8

// topCase is what a TopK selects from: scores of v items for queries x [B,D].
type topCase struct {
	build func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value
	// want is the joint step, "" for none.
	want string
	// least tells that the least are looked for.
	least bool
}

// few draws from few different numbers, so that scores tie.
func (t tableOf) few(shape ...int) *tensor.Tensor {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return numbers(n, func() float32 { return float32(t.rng.IntN(5) - 2) }, shape...)
}

func (t tableOf) product(x *graph.Value, v int) *graph.Value {
	return t.b.MatMul(x, t.b.Param("items", graph.Dims(topDepth, v), graph.Uniform(1)))
}

// narrow scores with few different numbers.
func (t tableOf) narrow(x *graph.Value, v int) *graph.Value {
	table := numbers(v*topDepth, func() int8 { return int8(t.rng.IntN(3) - 1) }, v, topDepth)
	scale := t.b.Const("scales", tensor.Of([]float32{0.5}, 1))
	return t.b.MatMul(x, turn(t.b, t.b.DequantizeLinear(t.b.Const("table", table), scale, nil, 0)))
}

// digits scores queries of two rows of bytes with units of their own.
func (t tableOf) digits(x *graph.Value, v int, dtype tensor.DType) (scores, products *graph.Value) {
	b := t.b
	row := func(x *graph.Value) *graph.Value { return b.Unsqueeze(x, []int64{1}) }
	var zero *graph.Value
	if dtype == tensor.Uint8 {
		zero = b.Const("zero", tensor.Scalar(uint8(9)))
	}
	bytes := b.Cast(b.Add(b.Concat(1, row(x), row(b.Neg(x))), b.Float32(9)), dtype)
	units := b.Concat(2, row(b.Exp(b.ReduceMax(x, []int64{1}, true))), row(b.Exp(b.ReduceMin(x, []int64{1}, true))))
	products = b.Cast(b.MatMulInteger(bytes, turn(b, t.int8(v, topDepth)), zero, nil), tensor.Float32)
	return b.Squeeze(b.MatMul(units, products), []int64{1}), products
}

func infinity(b *graph.Builder) *graph.Value { return b.Float32(float32(math.Inf(-1))) }

// mask is an input of bools by name.
func mask(b *graph.Builder, shape graph.Shape) *graph.Value {
	return b.Input("mask", tensor.Bool, shape)
}

// bitmap expands bits [B,W] as the retrieval stage does.
func bitmap(b *graph.Builder, v int, turned bool) *graph.Value {
	table := make([]bool, 256*8)
	for i := range table {
		bit := i & 7
		if turned {
			bit = 7 - bit
		}
		table[i] = i>>3>>bit&1 == 1
	}
	const first = 3
	bytes := (v + first + 7) / 8
	bits := b.Input("bits", tensor.Uint8, batch(bytes))
	rows := b.Gather(b.Const("byte", tensor.Of(table, 256, 8)), b.Cast(bits, tensor.Int32), 0)
	return b.SliceAxis(b.Reshape(rows, b.Int64s(0, int64(8*bytes))), 1, first, first+int64(v))
}

func topCases() map[string]topCase {
	return map[string]topCase{
		"float32": {func(_ *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return t.product(x, v)
		}, "TopK(MatMul(A, B))", false},
		"float32 and bias": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return b.Relu(b.Add(t.product(x, v), b.Const("bias", t.few(v))))
		}, "TopK(MatMul(A, B)+bias+Relu)", false},
		"float32 turned": {func(b *graph.Builder, _ tableOf, x *graph.Value, v int) *graph.Value {
			return b.MatMul(x, turn(b, b.Param("items", graph.Dims(v, topDepth), graph.Uniform(1))))
		}, "", false},
		"int8": {func(_ *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return t.narrow(x, v)
		}, "TopK(MatMul(A, Bᵀ) of int8)", false},
		"int8, a scale for each row": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return b.MatMul(x, turn(b, b.DequantizeLinear(t.int8(v, topDepth), t.scales(v), nil, 0)))
		}, "TopK(MatMul(A, Bᵀ) of int8)", false},
		"half": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return b.MatMul(x, turn(b, b.Cast(t.half(v, topDepth), tensor.Float32)))
		}, "TopK(MatMul(A, Bᵀ) of float16)", false},
		"digits": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			y, _ := t.digits(x, v, tensor.Uint8)
			return b.Where(bitmap(b, v, false), infinity(b), b.Mul(y, t.scales(v)))
		}, "TopK(MatMul(A, MatMulInteger(B, Cᵀ)), Mul, Where)", false},
		"digits of int8": {func(_ *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			y, _ := t.digits(x, v, tensor.Int8)
			return y
		}, "TopK(MatMul(A, MatMulInteger(B, Cᵀ)))", false},
		"digits with another reader": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			y, products := t.digits(x, v, tensor.Uint8)
			return b.Add(y, b.ReduceMax(products, []int64{1}, false))
		}, "", false},
		"numbers by column, row, and for all": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			y := b.Mul(t.narrow(x, v), b.Const("by", t.few(v)))
			y = b.Sub(b.ReduceMax(x, []int64{1}, true), y)
			return b.Neg(b.Mul(b.Add(y, b.Float32(0.25)), b.Input("all", tensor.Float32, batch(v))))
		}, "TopK(MatMul(A, Bᵀ) of int8, Mul, Sub, Add, Mul, Neg)", false},
		"in another shape": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return b.Squeeze(t.narrow(b.Unsqueeze(x, []int64{1}), v), []int64{1})
		}, "TopK(MatMul(A, Bᵀ) of int8)", false},
		"mask": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return b.Where(mask(b, batch(v)), infinity(b), b.Neg(t.narrow(x, v)))
		}, "TopK(MatMul(A, Bᵀ) of int8, Neg, Where)", false},
		"one mask for all": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return b.Where(mask(b, graph.Dims(v)), infinity(b), t.product(x, v))
		}, "TopK(MatMul(A, B), Where)", false},
		"bitmap": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return b.Where(bitmap(b, v, false), infinity(b), t.narrow(x, v))
		}, "TopK(MatMul(A, Bᵀ) of int8, Where)", false},
		"bitmap, highest bit first": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return b.Where(bitmap(b, v, true), infinity(b), t.narrow(x, v))
		}, "TopK(MatMul(A, Bᵀ) of int8, Where)", false},
		"mask with a number": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return b.Where(mask(b, batch(v)), b.Float32(-3), t.narrow(x, v))
		}, "", false},
		"mask of what is kept": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return b.Where(mask(b, batch(v)), t.narrow(x, v), infinity(b))
		}, "", false},
		"the least": {func(_ *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return t.narrow(x, v)
		}, "TopK(MatMul(A, Bᵀ) of int8)", true},
		"the least of what is masked": {func(b *graph.Builder, t tableOf, x *graph.Value, v int) *graph.Value {
			return b.Where(mask(b, batch(v)), infinity(b), t.narrow(x, v))
		}, "", true},
		"not a product": {func(b *graph.Builder, _ tableOf, x *graph.Value, v int) *graph.Value {
			return b.Add(b.ReduceSum(x, []int64{1}, true), b.Input("all", tensor.Float32, batch(v)))
		}, "", false},
	}
}

// topInputs feeds a plan: queries of few different numbers, those of the second row zeros, which give zeros of both signs.
func topInputs(plan *exec.Plan, rows int, seed uint64) tensor.Map {
	t := tableOf{rng: rand.New(rand.NewPCG(seed, 14))}
	in := tensor.Map{}
	for _, v := range plan.Inputs() {
		shape := []int{}
		for _, d := range v.Shape() {
			n := d.Size
			if !d.IsFixed() {
				n = rows
			}
			shape = append(shape, n)
		}
		n := 1
		for _, d := range shape {
			n *= d
		}
		switch v.DType() {
		case tensor.Bool:
			in[v.Name()] = numbers(n, func() bool { return t.rng.IntN(3) > 0 }, shape...)
		case tensor.Uint8:
			in[v.Name()] = numbers(n, func() uint8 { return uint8(t.rng.Uint32() & t.rng.Uint32()) }, shape...)
		default:
			in[v.Name()] = t.few(shape...)
		}
	}
	if rows > 1 && in["x"] != nil {
		clear(tensor.MustData[float32](in["x"])[topDepth : 2*topDepth])
	}
	return in
}

// topPlans returns the plan of a TopK of k of the scores of v items, which joins them, and of one that has the scores as an
// output too, which does not.
func topPlans(t *testing.T, c topCase, v, k int, o exec.Options) (joint, plain *exec.Plan) {
	t.Helper()
	plans := make([]*exec.Plan, 2)
	for i := range plans {
		g := build(t, func(b *graph.Builder) {
			scores := c.build(b, tableOf{b, rand.New(rand.NewPCG(1, 15))}, b.Input("x", tensor.Float32, batch(topDepth)), v)
			attrs := graph.Attrs{"axis": int64(1)}
			if c.least {
				attrs["largest"] = int64(0)
			}
			top := b.Apply(graph.Standard()["TopK"], attrs, scores, b.Int64s(int64(k)))
			b.Output("values", top[0])
			b.Output("ids", top[1])
			if i == 1 {
				b.Output("scores", scores)
			}
		})
		for _, p := range g.Params {
			data := tensor.MustData[float32](p.Data)
			for j := range data { // of few different numbers too
				data[j] = float32(math.Round(float64(2 * data[j])))
			}
		}
		plans[i] = compile(t, g, o)
	}
	return plans[0], plans[1]
}

// TestTopSteps: which scores a TopK takes as they are computed.
func TestTopSteps(t *testing.T) {
	for name, c := range topCases() {
		t.Run(name, func(t *testing.T) {
			joint, plain := topPlans(t, c, 20, 5, exec.Options{})
			if last := plain.Steps()[len(plain.Steps())-1]; last != "topk: TopK" {
				t.Errorf("where the scores have another reader the last step is %q", last)
			}
			steps := joint.Steps()
			got := strings.TrimPrefix(steps[len(steps)-1], "topk: ")
			if c.want == "" {
				c.want = "TopK"
			}
			if got != c.want {
				t.Errorf("the last step is %q, want %q", got, c.want)
			}
			bits := slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, "Slice") })
			if bits == (name == "bitmap") && strings.HasPrefix(name, "bitmap") {
				t.Errorf("the bits are laid out: %t", bits)
			}
		})
	}
}

// TestTopOfScores: a joint step gives the bits and the order of the single ones, for one and many queries, with ties, both
// zeros and all of the items, on any number of threads.
func TestTopOfScores(t *testing.T) {
	for name, c := range topCases() {
		for _, size := range [][2]int{{1, 1}, {9, 0}, {9, 9}, {2047, 20}, {2500, 2500}, {12_000, 50}} {
			v, k := size[0], size[1]
			t.Run(fmt.Sprintf("%s/%v", name, size), func(t *testing.T) {
				for _, set := range kernel.Sets() {
					if testing.Short() && set.Name == "portable" && v > 10_000 {
						continue
					}
					for _, threads := range []int{1, 3} {
						joint, plain := topPlans(t, c, v, k, exec.Options{Kernels: set, Threads: threads})
						for _, rows := range []int{0, 1, 3, 170} {
							if rows > 100 && v > 10_000 {
								continue
							}
							compareTops(t, joint, plain, topInputs(plain, rows, uint64(rows)))
						}
					}
				}
			})
		}
	}
}

func compareTops(t *testing.T, joint, plain *exec.Plan, in tensor.Map) {
	t.Helper()
	want, err := plain.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	got, err := joint.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	ids, wantIDs := tensor.MustData[int64](got["ids"]), tensor.MustData[int64](want["ids"])
	values, wantValues := tensor.MustData[float32](got["values"]), tensor.MustData[float32](want["values"])
	if len(ids) != len(wantIDs) {
		t.Fatalf("%d ids, want %d", len(ids), len(wantIDs))
	}
	for i, id := range ids {
		if id != wantIDs[i] || math.Float32bits(values[i]) != math.Float32bits(wantValues[i]) {
			t.Fatalf("%v: element %d is %v of item %d, want %v of item %d", in["x"].Shape(), i, values[i], id, wantValues[i], wantIDs[i])
		}
	}
}

// TestTopRefusesNaN: of one row among several, on one thread and several, with the error of a TopK alone; but not where it is
// masked.
func TestTopRefusesNaN(t *testing.T) {
	const v = 12_000
	for name, masked := range map[string]bool{"int8": false, "float32": false, "mask": true} {
		for _, threads := range []int{1, 3} {
			joint, plain := topPlans(t, topCases()[name], v, 10, exec.Options{Threads: threads})
			in := topInputs(plain, 3, 1)
			tensor.MustData[float32](in["x"])[topDepth] = float32(math.NaN())
			_, want := plain.Run(t.Context(), in)
			if _, err := joint.Run(t.Context(), in); want == nil || err == nil || err.Error() != want.Error() {
				t.Errorf("%s: got error %v, want %v", name, err, want)
			}
			if !masked {
				continue
			}
			for i := range v {
				tensor.MustData[bool](in["mask"])[v+i] = true
			}
			compareTops(t, joint, plain, in)
		}
	}
}

// TestTopAfterAnError: what a failing run left with its lanes is not there in the next.
func TestTopAfterAnError(t *testing.T) {
	joint, plain := topPlans(t, topCases()["int8"], 12_000, 10, exec.Options{Threads: 3})
	session, in := joint.NewSession(), topInputs(plain, 2, 1)
	bad := maps.Clone(in)
	x := in["x"].Clone()
	tensor.MustData[float32](x)[topDepth] = float32(math.NaN()) // the first row has been selected from by then
	bad["x"] = x
	for range 5 {
		if _, err := session.Run(t.Context(), bad); err == nil {
			t.Fatal("a NaN went through")
		}
		want, err := plain.Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		got, err := session.Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if !got["ids"].Equal(want["ids"]) || !got["values"].Equal(want["values"]) {
			t.Fatal("another answer after an error")
		}
	}
}
