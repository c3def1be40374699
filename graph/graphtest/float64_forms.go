package graphtest

import (
	"math"
	"slices"

	"recsys/graph"
	"recsys/tensor"
)

// forms returns the float64 forms by type of operator, as ONNX defines the operators.
func forms() map[string]form {
	known := map[string]form{}
	standard := graph.Standard()
	for _, typ := range []string{
		"Concat", "Dropout", "Expand", "Gather", "GatherElements", "GatherND", "Identity", "OneHot", "Pad", "Reshape",
		"Slice", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze", "Where",
	} {
		known[typ] = moved(standard[typ])
	}
	for typ, f := range unaryForms() {
		known[typ] = elementwise(func(n *graph.Node) func(x ...float64) float64 {
			return func(x ...float64) float64 { return f(n, x[0]) }
		})
	}
	for typ, f := range binaryForms() {
		known[typ] = elementwise(func(*graph.Node) func(x ...float64) float64 {
			return func(x ...float64) float64 { return f(x[0], x[1]) }
		})
	}
	for typ, f := range map[string]func(x, y float64) bool{
		"Equal": func(x, y float64) bool { return x == y }, "Less": func(x, y float64) bool { return x < y },
		"LessOrEqual": func(x, y float64) bool { return x <= y }, "Greater": func(x, y float64) bool { return x > y },
		"GreaterOrEqual": func(x, y float64) bool { return x >= y },
	} {
		known[typ] = compared(standard[typ], f)
	}
	for typ, f := range reductions() {
		known[typ] = reduced(f)
	}
	known["Clip"] = clip64
	known["Cast"] = cast64
	known["Softmax"] = along(softmax64)
	known["LogSoftmax"] = along(func(_ *graph.Node, x []float64) []float64 {
		top := slices.Max(append(x, math.Inf(-1)))
		sum, y := 0.0, make([]float64, len(x))
		for _, v := range x {
			sum += math.Exp(v - top)
		}
		for i, v := range x {
			y[i] = v - top - math.Log(sum)
		}
		return y
	})
	known["CumSum"] = cumSum64
	known["LayerNormalization"] = layerNormalization64
	known["MatMul"] = matMul64
	known["Gemm"] = gemm64
	known["BatchNormalization"] = batchNormalization64
	known["Einsum"] = einsum64
	known["GRU"] = recurrent64(3, gruCell64)
	known["LSTM"] = recurrent64(4, lstmCell64)
	known["TopK"] = topK64
	known["ScatterElements"] = scattered(standard["ScatterElements"], scatterElementsAt)
	known["ScatterND"] = scattered(standard["ScatterND"], scatterNDAt)
	return known
}

func unaryForms() map[string]func(n *graph.Node, x float64) float64 {
	pick := func(f func(float64) float64) func(*graph.Node, float64) float64 {
		return func(_ *graph.Node, x float64) float64 { return f(x) }
	}
	attr := func(n *graph.Node, name string, def float32) float64 { return float64(n.Attrs.Float(name, def)) }
	return map[string]func(n *graph.Node, x float64) float64{
		"Abs": pick(math.Abs), "Exp": pick(math.Exp), "Log": pick(math.Log), "Sqrt": pick(math.Sqrt),
		"Tanh": pick(math.Tanh), "Erf": pick(math.Erf),
		"Neg":      pick(func(x float64) float64 { return -x }),
		"Relu":     pick(func(x float64) float64 { return max(x, 0) }),
		"Sigmoid":  pick(logistic),
		"Softplus": pick(func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }),
		"LeakyRelu": func(n *graph.Node, x float64) float64 {
			if x < 0 {
				return attr(n, "alpha", 0.01) * x
			}
			return x
		},
		"Elu": func(n *graph.Node, x float64) float64 {
			if x < 0 {
				return attr(n, "alpha", 1) * math.Expm1(x)
			}
			return x
		},
		"HardSigmoid": func(n *graph.Node, x float64) float64 {
			return max(0, min(1, attr(n, "alpha", 0.2)*x+attr(n, "beta", 0.5)))
		},
	}
}

func binaryForms() map[string]func(x, y float64) float64 {
	return map[string]func(x, y float64) float64{
		"Add": func(x, y float64) float64 { return x + y }, "Sub": func(x, y float64) float64 { return x - y },
		"Mul": func(x, y float64) float64 { return x * y }, "Div": func(x, y float64) float64 { return x / y },
		"Max": func(x, y float64) float64 { return max(x, y) }, "Min": func(x, y float64) float64 { return min(x, y) },
		"Pow": math.Pow,
	}
}

func reductions() map[string]func(x []float64) float64 {
	sum := func(x []float64, term func(float64) float64) float64 {
		s := 0.0
		for _, v := range x {
			s += term(v)
		}
		return s
	}
	same := func(v float64) float64 { return v }
	best := func(pick func(x ...float64) float64) func(x []float64) float64 {
		return func(x []float64) float64 {
			m := x[0]
			for _, v := range x {
				m = pick(m, v)
			}
			return m
		}
	}
	return map[string]func(x []float64) float64{
		"ReduceSum":  func(x []float64) float64 { return sum(x, same) },
		"ReduceMean": func(x []float64) float64 { return sum(x, same) / float64(len(x)) },
		"ReduceL2":   func(x []float64) float64 { return math.Sqrt(sum(x, func(v float64) float64 { return v * v })) },
		"ReduceMax":  best(func(x ...float64) float64 { return max(x[0], x[1]) }),
		"ReduceMin":  best(func(x ...float64) float64 { return min(x[0], x[1]) }),
	}
}

// coordinates calls f with the index of every element of a shape, in order, and its place.
func coordinates(shape []int, f func(at int, index []int)) {
	index := make([]int, len(shape))
	n := 1
	for _, d := range shape {
		n *= d
	}
	for at := range n {
		rest := at
		for i := len(shape) - 1; i >= 0; i-- {
			index[i], rest = rest%shape[i], rest/shape[i]
		}
		f(at, index)
	}
}

// place returns where the element at index stands in a tensor that is broadcast to index's rank.
func place(shape, index []int) int {
	at := 0
	for i, d := range shape {
		k := index[len(index)-len(shape)+i]
		if d == 1 {
			k = 0
		}
		at = at*d + k
	}
	return at
}

// elementwise is the form of an operator on broadcast inputs, all float.
func elementwise(of func(n *graph.Node) func(x ...float64) float64) form {
	return func(n *graph.Node, in, out []*tensor.Tensor) error {
		f, y, x := of(n), tensor.MustData[float64](out[0]), make([]float64, len(in))
		coordinates(out[0].Shape(), func(at int, index []int) {
			for i, t := range in {
				x[i] = tensor.MustData[float64](t)[place(t.Shape(), index)]
			}
			y[at] = f(x...)
		})
		return nil
	}
}

// compared is the form of a comparison.
func compared(op *graph.Op, f func(x, y float64) bool) form {
	return func(n *graph.Node, in, out []*tensor.Tensor) error {
		if in[0].DType() != tensor.Float64 {
			return op.Kernel(&graph.Run{}, n, in, out)
		}
		y := tensor.MustData[bool](out[0])
		x0, x1 := tensor.MustData[float64](in[0]), tensor.MustData[float64](in[1])
		coordinates(out[0].Shape(), func(at int, index []int) {
			y[at] = f(x0[place(in[0].Shape(), index)], x1[place(in[1].Shape(), index)])
		})
		return nil
	}
}

func clip64(_ *graph.Node, in, out []*tensor.Tensor) error {
	y := tensor.MustData[float64](out[0])
	for i, v := range tensor.MustData[float64](in[0]) {
		if len(in) > 1 && in[1] != nil {
			v = max(v, tensor.MustData[float64](in[1])[0])
		}
		if len(in) > 2 && in[2] != nil {
			v = min(v, tensor.MustData[float64](in[2])[0])
		}
		y[i] = v
	}
	return nil
}

func cast64(n *graph.Node, in, out []*tensor.Tensor) error {
	if in[0].DType() == tensor.Float64 && out[0].DType() == tensor.Float64 {
		return tensor.Copy(out[0], in[0])
	}
	return rounded(n.Op)(n, in, out)
}

// axis returns the node's attribute as a non-negative axis.
func axis(n *graph.Node, name string, def int64, rank int) int {
	a, err := graph.Axis(n.Attrs.Int(name, def), rank)
	if err != nil {
		panic("graphtest: " + err.Error()) // The shape rule has looked at it.
	}
	return a
}

// lanes calls f with the places of the elements along an axis, lane by lane.
func lanes(shape []int, axis int, f func(places []int)) {
	step := 1
	for _, d := range shape[axis+1:] {
		step *= d
	}
	coordinates(shape, func(at int, index []int) {
		if index[axis] > 0 {
			return
		}
		places := make([]int, shape[axis])
		for i := range places {
			places[i] = at + i*step
		}
		f(places)
	})
}

// along is the form of operators that turn the elements along their axis into as many others.
func along(f func(n *graph.Node, x []float64) []float64) form {
	return func(n *graph.Node, in, out []*tensor.Tensor) error {
		x, y := tensor.MustData[float64](in[0]), tensor.MustData[float64](out[0])
		lanes(in[0].Shape(), axis(n, "axis", -1, in[0].Rank()), func(places []int) {
			lane := make([]float64, len(places))
			for i, at := range places {
				lane[i] = x[at]
			}
			for i, v := range f(n, lane) {
				y[places[i]] = v
			}
		})
		return nil
	}
}

func softmax64(_ *graph.Node, x []float64) []float64 {
	top := slices.Max(append(x, math.Inf(-1)))
	sum, y := 0.0, make([]float64, len(x))
	for i, v := range x {
		y[i] = math.Exp(v - top)
		sum += y[i]
	}
	for i := range y {
		y[i] /= sum
	}
	return y
}

// reduced is the form of a reduction.
func reduced(f func(x []float64) float64) form {
	return func(n *graph.Node, in, out []*tensor.Tensor) error {
		axes := n.Attrs.Ints("axes")
		if len(in) > 1 && in[1] != nil {
			axes = tensor.MustData[int64](in[1])
		}
		gone := make([]bool, in[0].Rank())
		for i := range gone {
			gone[i] = len(axes) == 0
		}
		for _, a := range axes {
			gone[(int(a)+len(gone))%len(gone)] = true
		}
		// With the reduced axes kept at size 1, the result stands as an operand that is broadcast to the input.
		kept := make([]int, len(gone))
		for i, d := range in[0].Shape() {
			if kept[i] = d; gone[i] {
				kept[i] = 1
			}
		}
		groups := make([][]float64, out[0].Len())
		x, y := tensor.MustData[float64](in[0]), tensor.MustData[float64](out[0])
		coordinates(in[0].Shape(), func(at int, index []int) {
			to := place(kept, index)
			groups[to] = append(groups[to], x[at])
		})
		for i, g := range groups {
			y[i] = f(g)
		}
		return nil
	}
}

func cumSum64(n *graph.Node, in, out []*tensor.Tensor) error {
	x, y := tensor.MustData[float64](in[0]), tensor.MustData[float64](out[0])
	at, err := graph.Axis(ints(in[1])[0], in[0].Rank())
	if err != nil {
		return err
	}
	reverse, exclusive := n.Attrs.Int("reverse", 0) != 0, n.Attrs.Int("exclusive", 0) != 0
	lanes(in[0].Shape(), at, func(places []int) {
		for i, to := range places {
			for k, from := range places {
				if k == i && !exclusive || k < i && !reverse || k > i && reverse {
					y[to] += x[from]
				}
			}
		}
	})
	return nil
}

// ints returns the elements of an int64 or int32 tensor.
func ints(t *tensor.Tensor) []int64 {
	narrow, ok := t.Any().([]int32)
	if !ok {
		return tensor.MustData[int64](t)
	}
	wide := make([]int64, len(narrow))
	for i, v := range narrow {
		wide[i] = int64(v)
	}
	return wide
}

func batchNormalization64(n *graph.Node, in, out []*tensor.Tensor) error {
	y := tensor.MustData[float64](out[0])
	x, scale, bias := tensor.MustData[float64](in[0]), tensor.MustData[float64](in[1]), tensor.MustData[float64](in[2])
	mean, variance := tensor.MustData[float64](in[3]), tensor.MustData[float64](in[4])
	epsilon := float64(n.Attrs.Float("epsilon", 1e-5))
	coordinates(in[0].Shape(), func(at int, index []int) {
		c := index[1]
		y[at] = (x[at]-mean[c])/math.Sqrt(variance[c]+epsilon)*scale[c] + bias[c]
	})
	return nil
}

func layerNormalization64(n *graph.Node, in, out []*tensor.Tensor) error {
	x, y, scale := tensor.MustData[float64](in[0]), tensor.MustData[float64](out[0]), tensor.MustData[float64](in[1])
	for at := 0; at < len(x); at += len(scale) {
		row := x[at : at+len(scale)]
		mean, variance := 0.0, 0.0
		for _, v := range row {
			mean += v / float64(len(row))
		}
		for _, v := range row {
			variance += (v - mean) * (v - mean) / float64(len(row))
		}
		for i, v := range row {
			y[at+i] = (v - mean) / math.Sqrt(variance+float64(n.Attrs.Float("epsilon", 1e-5))) * scale[i]
			if len(in) > 2 && in[2] != nil {
				y[at+i] += tensor.MustData[float64](in[2])[i]
			}
		}
	}
	return nil
}
