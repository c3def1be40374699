package onnx_test

import (
	"fmt"
	"slices"

	"pgregory.net/rapid"

	"recsys/graph"
	"recsys/tensor"
)

// world draws random graphs over values of rank 2 and all element types, [B,C] with a symbolic B.
type world struct {
	t *rapid.T
	b *graph.Builder
	// pool holds the values by type; exact are those that every implementation computes to the same bits: inputs,
	// what is moved, and arithmetic that IEEE 754 rounds correctly. Operators that make a small difference a large
	// one, such as Floor or a comparison, read exact values only.
	pool  map[tensor.DType][]*graph.Value
	exact map[*graph.Value]bool
	n     int
}

// random draws a graph with parameters.
func random(t *rapid.T) *graph.Graph {
	w := &world{t: t, b: graph.NewBuilder("random"), pool: map[tensor.DType][]*graph.Value{}, exact: map[*graph.Value]bool{}}
	batch := func(size int) graph.Shape { return graph.Shape{graph.Sym("B"), graph.Fixed(size)} }
	raw := w.b.Input("raw", tensor.Float32, batch(4)) // with NaN and infinities
	missing := w.b.IsNaN(raw)
	w.add(true, w.b.Input("x", tensor.Float32, batch(4)), w.b.Input("narrow", tensor.Float32, batch(1)),
		w.b.Input("ids", tensor.Int64, batch(3)), w.b.Input("id", tensor.Int64, batch(1)), w.b.Input("word", tensor.String, batch(3)),
		w.b.Input("flag", tensor.Bool, batch(4)), missing, w.b.IsInf(raw),
		w.b.Clip(w.b.Where(missing, w.b.Float32(0.5), raw), w.b.Float32(-3), w.b.Float32(3)))
	for range rapid.IntRange(1, 40).Draw(t, "nodes") {
		w.grow()
	}
	last := 0
	for _, d := range []tensor.DType{tensor.Float32, tensor.Int64, tensor.Bool, tensor.String} {
		for _, v := range w.pool[d] {
			if node, _ := v.Node(); node != nil && rapid.IntRange(0, 2).Draw(t, "output") == 0 {
				w.b.Output(fmt.Sprintf("out%d", last), v)
				last++
			}
		}
	}
	w.b.Output("ids_out", w.b.Identity(w.pool[tensor.Int64][0]))
	g, err := w.b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.InitParams(1); err != nil {
		t.Fatal(err)
	}
	return g
}

// add puts values into the pool.
func (w *world) add(exact bool, values ...*graph.Value) {
	if err := w.b.Err(); err != nil {
		w.t.Fatal(err)
	}
	for _, v := range values {
		w.pool[v.DType()] = append(w.pool[v.DType()], v)
		w.exact[v] = exact
	}
}

// derive adds y, which is exact where its operands are.
func (w *world) derive(y *graph.Value, operands ...*graph.Value) {
	w.add(!slices.ContainsFunc(operands, func(v *graph.Value) bool { return !w.exact[v] }), y)
}

// pick picks a value of a type; strict picks an exact one.
func (w *world) pick(d tensor.DType) *graph.Value {
	return rapid.SampledFrom(w.pool[d]).Draw(w.t, "value")
}

func (w *world) strict(d tensor.DType) *graph.Value {
	var fit []*graph.Value
	for _, v := range w.pool[d] {
		if w.exact[v] {
			fit = append(fit, v)
		}
	}
	return rapid.SampledFrom(fit).Draw(w.t, "exact")
}

// like picks a value, exact if x is wanted to be, that broadcasts to x.
func (w *world) like(x *graph.Value, exact bool) *graph.Value {
	var fit []*graph.Value
	for _, v := range w.pool[x.DType()] {
		if s, err := graph.Broadcast(x.Shape(), v.Shape()); err == nil && s.Same(x.Shape()) && (w.exact[v] || !exact) {
			fit = append(fit, v)
		}
	}
	return rapid.SampledFrom(fit).Draw(w.t, "operand")
}

func (w *world) param(shape ...int) *graph.Value {
	w.n++
	return w.b.Param(fmt.Sprintf("w%d", w.n), graph.Dims(shape...), graph.Uniform(0.5))
}

// number draws an integer.
func (w *world) number(from, to int) int64 {
	return int64(rapid.IntRange(from, to).Draw(w.t, "number"))
}

func (w *world) flip() bool { return rapid.Bool().Draw(w.t, "flip") }

func cols(v *graph.Value) int { return v.Shape()[1].Size }

// bound keeps x small, so that what follows neither overflows nor makes much of a rounding error.
func (w *world) bound(x *graph.Value) *graph.Value {
	return w.b.Clip(x, w.b.Float32(-4), w.b.Float32(4))
}

// grow adds one operator, or some that belong together.
func (w *world) grow() {
	rapid.SampledFrom([]func(w *world){
		(*world).unary, (*world).unary, (*world).binary, (*world).binary, (*world).step, (*world).scaled, (*world).product,
		(*world).normed, (*world).reduced, (*world).moved, (*world).moved, (*world).joined, (*world).spread, (*world).looked,
		(*world).scattered, (*world).ranked, (*world).compared, (*world).logical, (*world).chosen, (*world).integers, (*world).cast,
		(*world).encoded, (*world).hashed, (*world).recurrent, (*world).trees, (*world).quantized,
	}).Draw(w.t, "op")(w)
}

// unary adds functions that implementations round otherwise.
func (w *world) unary() {
	b, x := w.b, w.pick(tensor.Float32)
	w.add(false, rapid.SampledFrom([]func() *graph.Value{
		func() *graph.Value { return b.Sigmoid(x) }, func() *graph.Value { return b.Tanh(x) },
		func() *graph.Value { return b.Softplus(x) }, func() *graph.Value { return b.Erf(x) },
		func() *graph.Value { return b.Elu(x, 0.5) }, func() *graph.Value { return b.Exp(b.Tanh(x)) },
		func() *graph.Value { return b.Log(b.Add(b.Abs(x), b.Float32(0.5))) },
		func() *graph.Value { return b.Pow(b.Add(b.Abs(x), b.Float32(0.5)), b.Float32(0.7)) },
		func() *graph.Value { return b.Softmax(x, w.number(0, 1)) }, func() *graph.Value { return b.LogSoftmax(x, 1) },
		func() *graph.Value { return b.HardSigmoid(x, 0.3, 0.4) },
	}).Draw(w.t, "function")())
}

// step adds functions with steps, of exact values.
func (w *world) step() {
	b, x := w.b, w.strict(tensor.Float32)
	y := b.Mul(x, b.Float32(2))
	w.add(true, rapid.SampledFrom([]func() *graph.Value{
		func() *graph.Value { return b.Floor(y) }, func() *graph.Value { return b.Ceil(y) }, func() *graph.Value { return b.Round(y) },
		func() *graph.Value { return b.Sign(y) }, func() *graph.Value { return b.Mod(y, b.Float32(1.5)) },
	}).Draw(w.t, "step")())
}

// scaled adds what IEEE 754 rounds correctly.
func (w *world) scaled() {
	b, x := w.b, w.pick(tensor.Float32)
	w.derive(rapid.SampledFrom([]func() *graph.Value{
		func() *graph.Value { return b.Neg(x) }, func() *graph.Value { return b.Abs(x) }, func() *graph.Value { return b.Relu(x) },
		func() *graph.Value { return b.LeakyRelu(x, 0.25) }, func() *graph.Value { return b.Identity(x) },
		func() *graph.Value { return b.Dropout(x) }, func() *graph.Value { return b.Sqrt(b.Add(b.Abs(x), b.Float32(0.25))) },
		func() *graph.Value { return b.Clip(x, b.Float32(-0.5), nil) },
	}).Draw(w.t, "function")(), x)
}

func (w *world) binary() {
	b, x := w.b, w.pick(tensor.Float32)
	y := w.like(x, false)
	w.derive(w.bound(rapid.SampledFrom([]func() *graph.Value{
		func() *graph.Value { return b.Add(x, y) }, func() *graph.Value { return b.Sub(y, x) }, func() *graph.Value { return b.Mul(x, y) },
		func() *graph.Value { return b.Max(x, y) }, func() *graph.Value { return b.Min(x, y) },
		func() *graph.Value { return b.Div(x, b.Add(b.Abs(y), b.Float32(1))) },
	}).Draw(w.t, "operation")()), x, y)
}

func (w *world) product() {
	b, x := w.b, w.pick(tensor.Float32)
	n := int(w.number(1, 6))
	var y *graph.Value
	switch w.number(0, 4) {
	case 4:
		y = b.Einsum("ij,kj->ik", x, w.param(n, cols(x)))
	case 0:
		y = b.Gemm(x, w.param(n, cols(x)), w.param(n), graph.GemmOptions{TransB: true})
	case 1:
		y = b.Relu(b.Add(b.MatMul(x, w.param(cols(x), n)), w.param(n)))
	case 2:
		y = b.MatMul(b.Softmax(b.MatMul(x, b.Transpose(x, []int64{1, 0})), -1), x)
	default:
		y = b.Sigmoid(b.MatMul(x, b.Transpose(w.param(n, cols(x)), []int64{1, 0})))
	}
	w.add(false, w.bound(y))
}

func (w *world) normed() {
	b, x := w.b, w.pick(tensor.Float32)
	n := cols(x)
	if w.flip() {
		w.add(false, w.bound(b.LayerNormalization(x, w.param(n), w.param(n), -1, 0.5)))
		return
	}
	variance := b.Const("", tensor.Of(slices.Repeat([]float32{1.5}, n), n))
	w.add(false, w.bound(b.BatchNormalization(x, w.param(n), w.param(n), w.param(n), variance, 0.5)))
}

func (w *world) reduced() {
	b, x := w.b, w.pick(tensor.Float32)
	axes := []int64{w.number(0, 1)}
	y := rapid.SampledFrom([]func() *graph.Value{
		func() *graph.Value { return b.ReduceSum(x, axes, true) }, func() *graph.Value { return b.ReduceMean(x, axes, true) },
		func() *graph.Value { return b.ReduceMax(x, axes, true) }, func() *graph.Value { return b.ReduceMin(x, axes, true) },
		func() *graph.Value { return b.ReduceL2(x, axes, true) }, func() *graph.Value { return b.CumSum(x, 1, w.flip(), w.flip()) },
	}).Draw(w.t, "reduction")()
	w.add(false, w.bound(b.Sub(x, y)))
}

func (w *world) any() *graph.Value {
	return w.pick(rapid.SampledFrom([]tensor.DType{tensor.Float32, tensor.Int64, tensor.Bool, tensor.String}).Draw(w.t, "type"))
}

// moved adds operators that take elements elsewhere.
func (w *world) moved() {
	b, x := w.b, w.any()
	n := cols(x)
	w.derive(rapid.SampledFrom([]func() *graph.Value{
		func() *graph.Value { return b.SliceAxis(x, 1, 0, int64((n+1)/2)) },
		func() *graph.Value { return b.Slice(x, []int64{-1}, []int64{-99}, []int64{1}, []int64{-1}) },
		func() *graph.Value { return b.Split(x, 1, 1, int64(n-1))[min(1, n-1)] },
		func() *graph.Value { return b.Transpose(b.Transpose(x, []int64{1, 0}), []int64{1, 0}) },
		func() *graph.Value {
			axis := []int64{w.number(0, 2)}
			return b.Squeeze(b.Unsqueeze(x, axis), axis)
		},
		func() *graph.Value { return b.Reshape(b.Reshape(x, b.Int64s(0, int64(n), 1)), b.Int64s(0, -1)) },
		func() *graph.Value { return b.Reshape(b.Reshape(x, b.Int64s(-1)), b.ShapeOf(x)) },
		func() *graph.Value { return b.SliceAxis(b.Tile(x, []int64{1, 2}), 1, 1, int64(1+n)) },
		func() *graph.Value { return b.Gather(x, b.Int64s(0, int64(n-1), -1), 1) },
	}).Draw(w.t, "move")(), x)
}

func (w *world) joined() {
	x := w.any()
	y := w.like(x, false)
	w.derive(w.b.SliceAxis(w.b.Concat(1, x, y, x), 1, 0, min(6, int64(2*cols(x)))), x, y)
}

func (w *world) spread() {
	b, x := w.b, w.pick(tensor.Float32)
	switch w.number(0, 2) {
	case 0:
		w.derive(b.Expand(b.SliceAxis(x, 1, 0, 1), b.ShapeOf(x)), x)
	case 1:
		w.derive(b.Pad(x, []int64{0, 1, 0, 1}, b.Float32(0.25)), x)
	default:
		w.derive(b.Add(x, b.ConstantOfShape(b.ShapeOf(x), tensor.Of([]float32{0.5}, 1))), x)
	}
}

// index returns ids of [0,n) made of any integers.
func (w *world) index(n int) *graph.Value { return w.b.Mod(w.pick(tensor.Int64), w.b.Int64(int64(n))) }

func (w *world) looked() {
	b := w.b
	x := w.pick(tensor.Float32)
	switch w.number(0, 3) {
	case 0:
		id := b.Squeeze(b.SliceAxis(w.index(5), 1, 0, 1), []int64{1})
		w.add(true, b.Gather(w.param(5, 4), id, 0))
	case 1:
		w.derive(b.GatherElements(x, w.index(cols(x)), 1), x)
	case 2:
		w.add(true, b.GatherND(w.param(5, 3), b.SliceAxis(w.index(5), 1, 0, 1)))
	default:
		w.add(true, b.Squeeze(b.OneHot(b.SliceAxis(w.index(4), 1, 0, 1), 4, w.param(2), -1), []int64{1}))
	}
}

func (w *world) scattered() {
	b, x := w.b, w.pick(tensor.Float32)
	update := w.b.SliceAxis(x, 1, 0, 1)
	id := b.SliceAxis(w.index(cols(x)), 1, 0, 1)
	if w.flip() {
		w.add(false, w.bound(b.ScatterElements(x, id, update, 1, "add")))
		return
	}
	if w.flip() {
		table := w.param(4, 2)
		w.derive(b.Expand(b.SliceAxis(b.ScatterND(table, b.Const("", tensor.Of([]int64{2, -4}, 2, 1)), w.param(2, 2), "none"), 0, 2, 3),
			b.ShapeOf(b.Concat(1, update, update))))
		return
	}
	w.derive(b.ScatterElements(x, id, update, 1, "none"), x)
}

func (w *world) ranked() {
	b, x := w.b, w.strict(tensor.Float32)
	if w.flip() {
		w.add(true, b.ArgMax(x, 1, true))
		return
	}
	values, ids := b.TopK(x, w.number(1, cols(x)), 1)
	w.add(true, values, ids)
}

func (w *world) compared() {
	b, d := w.b, rapid.SampledFrom([]tensor.DType{tensor.Float32, tensor.Int64}).Draw(w.t, "type")
	x := w.strict(d)
	y := w.like(x, true)
	w.add(true, rapid.SampledFrom([]func() *graph.Value{
		func() *graph.Value { return b.Less(x, y) }, func() *graph.Value { return b.LessOrEqual(x, y) },
		func() *graph.Value { return b.Greater(x, y) }, func() *graph.Value { return b.GreaterOrEqual(x, y) },
		func() *graph.Value { return b.Equal(x, y) },
	}).Draw(w.t, "comparison")())
}

func (w *world) logical() {
	b, x := w.b, w.pick(tensor.Bool)
	y := w.like(x, false)
	w.add(true, rapid.SampledFrom([]func() *graph.Value{
		func() *graph.Value { return b.And(x, y) }, func() *graph.Value { return b.Or(x, b.Not(y)) },
	}).Draw(w.t, "logic")())
}

func (w *world) chosen() {
	// ONNX Runtime has no Where of bools.
	x := w.pick(rapid.SampledFrom([]tensor.DType{tensor.Float32, tensor.Int64, tensor.String}).Draw(w.t, "type"))
	y := w.like(x, false)
	flag := w.b.SliceAxis(w.pick(tensor.Bool), 1, 0, 1)
	w.derive(w.b.Where(flag, x, y), x, y)
}

func (w *world) integers() {
	b, x := w.b, w.pick(tensor.Int64)
	y := w.like(x, false)
	w.add(true, b.Mod(rapid.SampledFrom([]func() *graph.Value{
		func() *graph.Value { return b.Add(x, y) }, func() *graph.Value { return b.Sub(x, y) }, func() *graph.Value { return b.Mul(x, y) },
		func() *graph.Value { return b.Max(x, y) }, func() *graph.Value { return b.Min(b.Neg(x), y) },
		func() *graph.Value { return b.Div(x, b.Int64(3)) }, func() *graph.Value { return b.CumSum(b.Abs(x), 1, w.flip(), w.flip()) },
		func() *graph.Value { return b.Add(x, b.Range(b.Int64(0), b.Int64(int64(cols(x))), b.Int64(1))) },
	}).Draw(w.t, "operation")(), b.Int64(1000)))
}

func (w *world) cast() {
	b := w.b
	switch w.number(0, 4) {
	case 0:
		w.add(true, b.Cast(b.Mul(w.strict(tensor.Float32), b.Float32(3)), tensor.Int64))
	case 1:
		w.add(true, b.Mul(b.Cast(b.Mod(w.pick(tensor.Int64), b.Int64(16)), tensor.Float32), b.Float32(0.25)))
	case 2:
		w.add(true, b.Cast(w.pick(tensor.Bool), tensor.Float32))
	case 3:
		w.add(true, b.Cast(w.pick(tensor.Int64), tensor.String))
	default:
		w.add(true, b.Cast(w.pick(tensor.Int64), tensor.Bool), b.Cast(b.Cast(w.pick(tensor.Int64), tensor.Int32), tensor.Int64))
	}
}

func (w *world) encoded() {
	if w.flip() {
		keys, values := tensor.Of([]string{"a", "", "é", "7"}, 4), tensor.Of([]int64{4, 1, 2, 7}, 4)
		w.add(true, w.b.LabelEncoder(w.pick(tensor.String), keys, values, tensor.Scalar[int64](3)))
		return
	}
	keys, values := tensor.Of([]int64{0, 1, 5, tensor.NullInt64}, 4), tensor.Of([]string{"zero", "a", "é", ""}, 4)
	w.add(true, w.b.LabelEncoder(w.pick(tensor.Int64), keys, values, tensor.Scalar("none")))
}

func (w *world) hashed() {
	h := w.b.MurmurHash3(w.pick(tensor.String), 7, true)
	w.add(true, w.b.Mod(w.b.Cast(h, tensor.Int64), w.b.Int64(100)))
}

// recurrent adds one step of a recurrent unit over the rows.
func (w *world) recurrent() {
	b, x := w.b, w.pick(tensor.Float32)
	n, width := int(w.number(1, 4)), cols(x)
	steps := b.Unsqueeze(x, []int64{0})
	var last *graph.Value
	if w.flip() {
		_, last = b.GRU(steps, w.param(1, 3*n, width), w.param(1, 3*n, n), graph.Recurrent{Bias: w.param(1, 6*n)})
	} else {
		_, last, _ = b.LSTM(steps, w.param(1, 4*n, width), w.param(1, 4*n, n), graph.Recurrent{})
	}
	w.add(false, b.Squeeze(last, []int64{0}))
}

// trees adds a tree of one question.
func (w *world) trees() {
	b, x := w.b, w.strict(tensor.Float32)
	tree := graph.TreeEnsemble{
		Nodes: []graph.TreeNode{
			{Feature: w.number(0, cols(x)-1), Mode: "BRANCH_LEQ", Value: 0.25, True: 1, False: 2}, {ID: 1, Mode: "LEAF"}, {ID: 2, Mode: "LEAF"},
		},
		Votes: []graph.TreeVote{{Node: 1, Target: 0, Weight: 0.5}, {Node: 2, Target: 2, Weight: 1.5}},
	}
	if w.flip() {
		w.add(true, b.TreeEnsembleRegressor(x, tree, 3, ""))
		return
	}
	label, scores := b.TreeEnsembleClassifier(x, tree, tensor.Of([]int64{4, 5, 6}, 3))
	w.add(true, b.Unsqueeze(label, []int64{1}), scores)
}

// quantized adds numbers that went through 8 bits, and products of them.
func (w *world) quantized() {
	b, x := w.b, w.strict(tensor.Float32)
	if w.flip() {
		scale, zero := b.Float32(0.0625), b.Const("", tensor.Scalar[uint8](100))
		w.add(true, b.DequantizeLinear(b.QuantizeLinear(x, scale, zero, 1), scale, zero, 1))
		return
	}
	y, _, zero := b.DynamicQuantizeLinear(x)
	table := b.Const("", tensor.Of(slices.Repeat([]int8{-128, 3, 127}, cols(x)), cols(x), 3))
	w.add(true, b.Cast(b.MatMulInteger(y, table, zero, nil), tensor.Int64))
}
