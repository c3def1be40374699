package exec_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// world draws random graphs: a pool of float32 values of rank 2 with leading dimension B or a fixed one.
type world struct {
	t    *rapid.T
	b    *graph.Builder
	pool []*graph.Value
	n    int
}

func (w *world) pick() *graph.Value {
	return w.pool[rapid.IntRange(0, len(w.pool)-1).Draw(w.t, "value")]
}

// like picks a value that broadcasts to x; with rows, one that has as many rows.
func (w *world) like(x *graph.Value, rows bool) *graph.Value {
	var fit []*graph.Value
	for _, v := range w.pool {
		if rows && !v.Shape()[0].Same(x.Shape()[0]) {
			continue
		}
		if s, err := graph.Broadcast(x.Shape(), v.Shape()); err == nil && s.Same(x.Shape()) {
			fit = append(fit, v)
		}
	}
	return fit[rapid.IntRange(0, len(fit)-1).Draw(w.t, "operand")]
}

func (w *world) param(shape ...int) *graph.Value {
	w.n++
	return w.b.Param(fmt.Sprintf("w%d", w.n), graph.Dims(shape...), graph.Uniform(0.5))
}

func cols(v *graph.Value) int { return v.Shape()[len(v.Shape())-1].Size }

// grow adds one value.
func (w *world) grow() {
	b, x := w.b, w.pick()
	var y *graph.Value
	switch rapid.SampledFrom([]string{
		"add", "sub", "mul", "relu", "sigmoid", "tanh", "dense", "dense", "outer", "relu-grad", "reshape", "identity",
		"sum", "spread", "concat", "softmax", "norm", "centred", "slice", "transposed", "const", "lookup",
	}).Draw(w.t, "op") {
	case "add":
		y = b.Add(x, w.like(x, false))
	case "sub":
		y = b.Sub(w.like(x, false), x)
	case "mul":
		y = b.Mul(x, w.like(x, false))
	case "relu":
		y = b.Relu(x)
	case "sigmoid":
		y = b.Sigmoid(x)
	case "tanh":
		y = b.Tanh(x)
	case "dense":
		n := rapid.IntRange(1, 9).Draw(w.t, "n")
		y = b.MatMul(x, w.param(cols(x), n))
		if rapid.Bool().Draw(w.t, "bias") {
			y = b.Add(w.param(n), y)
		}
	case "outer":
		if x.Shape()[0].IsFixed() {
			return
		}
		// Bounded, so that chains of products stay finite.
		y = b.Tanh(b.MatMul(b.Transpose(x, []int64{1, 0}), w.like(x, true)))
	case "relu-grad":
		y = b.Where(b.Greater(b.Relu(x), b.Float32(0)), w.like(x, false), b.Float32(0))
	case "reshape":
		y = b.Reshape(b.Reshape(x, b.Int64s(1, -1)), b.ShapeOf(x))
	case "identity":
		y = b.Identity(x)
	case "sum":
		y = b.ReduceSum(x, []int64{int64(rapid.IntRange(0, 1).Draw(w.t, "axis"))}, true)
	case "spread":
		y = b.Expand(b.ReduceSum(x, []int64{1}, true), b.ShapeOf(w.pick2(x)))
		if rapid.Bool().Draw(w.t, "used") {
			y = b.Add(x, b.Expand(b.ReduceSum(x, []int64{1}, true), b.ShapeOf(x)))
		}
	case "concat":
		y = b.Concat(1, x, w.like(x, true), x)
		y = b.SliceAxis(y, 1, 0, int64(min(9, cols(x))))
	case "softmax":
		y = b.Softmax(x, 1)
	case "norm":
		y = b.LayerNormalization(x, w.param(cols(x)), w.param(cols(x)), -1, 1e-3)
	case "centred":
		y = b.Sub(x, b.ReduceMean(x, []int64{1}, true))
		y = b.Mul(y, b.Sqrt(b.ReduceMean(b.Mul(y, y), []int64{1}, true)))
	case "slice":
		y = b.SliceAxis(x, 1, 0, int64((cols(x)+1)/2))
	case "transposed":
		y = b.Sigmoid(b.MatMul(x, b.Transpose(w.param(3, cols(x)), []int64{1, 0})))
	case "const":
		y = b.Add(x, b.Mul(b.Float32(0.5), b.Exp(b.Const("", tensor.Of([]float32{0.25}, 1)))))
	case "lookup":
		y = b.Gather(w.param(5, 4), b.Input(fmt.Sprintf("ids%d", w.n), tensor.Int64, graph.Shape{graph.Sym("B")}), 0)
	}
	if b.Err() != nil {
		w.t.Fatal(b.Err())
	}
	w.pool = append(w.pool, y)
}

// pick2 picks a value with the leading dimension of x.
func (w *world) pick2(x *graph.Value) *graph.Value {
	for _, v := range w.pool {
		if v != x && v.Shape()[0].Same(x.Shape()[0]) {
			return v
		}
	}
	return x
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, b: graph.NewBuilder("random")}
	w.pool = append(w.pool,
		w.b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(4)}),
		w.b.Input("y", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(4)}),
		w.param(3, 4), w.param(1, 4))
	for range rapid.IntRange(1, 25).Draw(t, "nodes") {
		w.grow()
	}
	w.b.Output("last", w.pool[len(w.pool)-1])
	for i := range rapid.IntRange(0, 4).Draw(t, "outputs") {
		w.b.Output(fmt.Sprintf("out%d", i), w.pick())
	}
	return w
}

func feed(g *graph.Graph, rows int, seed uint64) tensor.Map {
	rng := rand.New(rand.NewPCG(seed, uint64(rows)))
	in := tensor.Map{}
	for _, v := range g.Inputs {
		shape := []int{rows}
		if v.DType() == tensor.Int64 {
			ids := make([]int64, rows)
			for i := range ids {
				ids[i] = rng.Int64N(5)
			}
			in[v.Name()] = tensor.Of(ids, shape...)
			continue
		}
		shape = append(shape, v.Shape()[1].Size)
		data := make([]float32, rows*shape[1])
		for i := range data {
			data[i] = 2*rng.Float32() - 1
		}
		in[v.Name()] = tensor.Of(data, shape...)
	}
	return in
}

// TestRandomGraphs compares plans, fused and not, with the interpreter of graphtest, again and again in one session
// and with changing batches. The portable set has to give the same bits; sums of other sets may differ in order.
func TestRandomGraphs(t *testing.T) {
	for _, set := range kernel.Sets() {
		tolerance := 0.0
		if set.Name != "portable" {
			tolerance = 1e-4 // sums of up to some hundred elements below 10, each with an error of 2^-24
		}
		for _, unfused := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/unfused=%t", set.Name, unfused), func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					g, err := newWorld(t).b.Build()
					if err != nil {
						t.Fatal(err)
					}
					if err := g.InitParams(1); err != nil {
						t.Fatal(err)
					}
					plan, err := exec.Compile(g, exec.Options{Kernels: set, Unfused: unfused})
					if err != nil {
						t.Fatal(err)
					}
					session := plan.NewSession()
					for i, rows := range []int{3, 7, 3, 1} {
						in := feed(g, rows, uint64(i))
						want, err := graphtest.Run(g, in, set)
						if err != nil {
							t.Fatal(err)
						}
						got, err := plan.Run(t.Context(), in)
						compare(t, "Run", got, want, err, tolerance)
						for range 2 {
							got, err = session.Run(t.Context(), in)
							compare(t, "Session.Run", got, want, err, tolerance)
						}
					}
				})
			})
		}
	}
}

func compare(t *rapid.T, what string, got, want tensor.Map, err error, tolerance float64) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if len(got) != len(want) {
		t.Fatalf("%s: got outputs %v, want %v", what, got.Names(), want.Names())
	}
	for name, w := range want {
		if err := graphtest.Compare(got[name], w, tolerance); err != nil {
			t.Fatalf("%s: output %q: %v", what, name, err)
		}
	}
}
