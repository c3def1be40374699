package exec_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// batch is the shape [B,n].
func batch(n int) graph.Shape { return graph.Shape{graph.Sym("B"), graph.Fixed(n)} }

// build makes a graph with initialised parameters.
func build(tb testing.TB, f func(b *graph.Builder)) *graph.Graph {
	tb.Helper()
	b := graph.NewBuilder("test")
	f(b)
	g, err := b.Build()
	if err != nil {
		tb.Fatal(err)
	}
	if err := g.InitParams(1); err != nil {
		tb.Fatal(err)
	}
	return g
}

func compile(tb testing.TB, g *graph.Graph, o exec.Options) *exec.Plan {
	tb.Helper()
	p, err := exec.Compile(g, o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// ranker looks up two tables, concatenates, runs a perceptron and scores.
func ranker(b *graph.Builder) {
	user := b.Gather(b.Param("user", graph.Dims(50, 8), graph.Uniform(1)), b.Input("user_id", tensor.Int64, graph.Shape{graph.Sym("B")}), 0)
	item := b.Gather(b.Param("item", graph.Dims(70, 8), graph.Uniform(1)), b.Input("item_id", tensor.Int64, graph.Shape{graph.Sym("B")}), 0)
	h := b.Concat(1, user, item, b.Input("price", tensor.Float32, batch(1)))
	h = b.Relu(b.Add(b.MatMul(h, b.Param("w0", graph.Dims(17, 32), graph.GlorotUniform())), b.Param("b0", graph.Dims(32), graph.Uniform(1))))
	h = b.Add(b.MatMul(h, b.Param("w1", graph.Dims(32, 1), graph.GlorotUniform())), b.Param("b1", graph.Dims(1), graph.Uniform(1)))
	b.Output("score", b.Squeeze(b.Sigmoid(h), []int64{1}))
}

func rankerInputs(rows int) tensor.Map {
	rng := rand.New(rand.NewPCG(3, uint64(rows)))
	users, items, prices := make([]int64, rows), make([]int64, rows), make([]float32, rows)
	for i := range rows {
		users[i], items[i], prices[i] = rng.Int64N(50), rng.Int64N(70), rng.Float32()
	}
	return tensor.Map{"user_id": tensor.Of(users, rows), "item_id": tensor.Of(items, rows), "price": tensor.Of(prices, rows, 1)}
}

// TestBatches: a batch gives the same bits as its rows one by one.
func TestBatches(t *testing.T) {
	g := build(t, ranker)
	for _, set := range kernel.Sets() {
		plan := compile(t, g, exec.Options{Kernels: set})
		in := rankerInputs(33)
		whole, err := plan.Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		var parts []*tensor.Tensor
		for _, cut := range [][2]int{{0, 1}, {1, 13}, {13, 33}} {
			part := tensor.Map{}
			for name, x := range in {
				part[name] = x.Rows(cut[0], cut[1])
			}
			out, err := plan.Run(t.Context(), part)
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, out["score"])
		}
		joined, err := tensor.Concat(parts...)
		if err != nil {
			t.Fatal(err)
		}
		if err := graphtest.Compare(joined, whole["score"], 0); err != nil {
			t.Errorf("%s: %v", set.Name, err)
		}
	}
}

func TestNoRows(t *testing.T) {
	out, err := compile(t, build(t, ranker), exec.Options{}).Run(t.Context(), rankerInputs(0))
	if err != nil {
		t.Fatal(err)
	}
	if got := out["score"].String(); got != "float32[0]" {
		t.Errorf("score is %s, want float32[0]", got)
	}
}

func TestConcurrentRuns(t *testing.T) {
	g := build(t, ranker)
	plan := compile(t, g, exec.Options{})
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			session := plan.NewSession()
			for i := range 30 {
				// More sizes than the plan keeps layouts for.
				in := rankerInputs(1 + (worker*7+i)%23)
				want, err := graphtest.Run(g, in, kernel.Best())
				if err != nil {
					t.Error(err)
					return
				}
				got, err := plan.Run(t.Context(), in)
				if err == nil {
					err = graphtest.Compare(got["score"], want["score"], 1e-6)
				}
				if err != nil {
					t.Errorf("Run: %v", err)
				}
				got, err = session.Run(t.Context(), in)
				if err == nil {
					err = graphtest.Compare(got["score"], want["score"], 1e-6)
				}
				if err != nil {
					t.Errorf("Session.Run: %v", err)
				}
			}
		})
	}
	wg.Wait()
}

func TestInputErrors(t *testing.T) {
	plan := compile(t, build(t, ranker), exec.Options{})
	tests := []struct {
		name   string
		change func(in tensor.Map)
		want   []string
	}{
		{"missing", func(in tensor.Map) { delete(in, "price") }, []string{`input "price" float32[B,1] is missing`}},
		{"nil", func(in tensor.Map) { in["price"] = nil }, []string{`input "price" float32[B,1] is missing`}},
		{"unknown", func(in tensor.Map) { in["age"] = tensor.Scalar[int64](1) }, []string{`input "age" is unknown; remove it`}},
		{"type", func(in tensor.Map) { in["price"] = tensor.Zeros(tensor.Float64, 4, 1) }, []string{`input "price" has to be float32[B,1], got float64[4,1]`}},
		{"rank", func(in tensor.Map) { in["price"] = tensor.Zeros(tensor.Float32, 4) }, []string{`input "price" has to be float32[B,1], got float32[4]`}},
		{"fixed", func(in tensor.Map) { in["price"] = tensor.Zeros(tensor.Float32, 4, 2) }, []string{`input "price" has to be float32[B,1], got float32[4,2]`}},
		{
			"symbol", func(in tensor.Map) { in["price"] = tensor.Zeros(tensor.Float32, 3, 1) },
			[]string{`input "price" has to be float32[B,1], got float32[3,1]: B is 3 here and 4 in input "item_id"`},
		},
		{"several", func(in tensor.Map) {
			delete(in, "price")
			in["age"] = tensor.Scalar[int64](1)
		}, []string{`"price"`, `"age"`}},
		{"value", func(in tensor.Map) {
			in["item_id"] = tensor.Of([]int64{0, 1, 70, 2}, 4)
		}, []string{`node "gather_2" (Gather)`, "70"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			in := rankerInputs(4)
			test.change(in)
			for range 2 { // the second run meets a bound plan
				_, err := plan.Run(t.Context(), in)
				if err == nil {
					t.Fatal("no error")
				}
				for _, want := range test.want {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("error %q, want %q in it", err, want)
					}
				}
				if _, err := plan.Run(t.Context(), rankerInputs(4)); err != nil {
					t.Fatalf("good inputs after bad ones: %v", err)
				}
			}
		})
	}
}

func TestOutputs(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		x, y := b.Input("x", tensor.Float32, batch(2)), b.Input("y", tensor.Float32, batch(3))
		b.Output("a", b.Neg(x))
		b.Output("b", b.Neg(y))
	})
	plan := compile(t, g, exec.Options{Outputs: []string{"b"}})
	in := tensor.Map{"y": tensor.Of([]float32{1, 2, 3}, 1, 3)}
	for range 2 {
		out, err := plan.Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(out.Names(), []string{"b"}); diff != "" {
			t.Errorf("outputs (-got +want):\n%s", diff)
		}
		in["x"] = tensor.Zeros(tensor.Float32, 1, 2) // not needed, but the graph knows it
	}
	for name, outputs := range map[string][]string{`no output "c"; there are a, b`: {"c"}, `output "a" is selected twice`: {"a", "a"}} {
		if _, err := exec.Compile(g, exec.Options{Outputs: outputs}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("error %v, want %q in it", err, name)
		}
	}
}

// TestOutputsAreApart: outputs share memory neither with one another nor with inputs, parameters and constants.
func TestOutputsAreApart(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		x, w := b.Input("x", tensor.Float32, batch(2)), b.Param("w", graph.Dims(2), graph.Uniform(1))
		y := b.Exp(x)
		b.Output("x", x)
		b.Output("flat", b.Reshape(x, b.Int64s(-1)))
		b.Output("w", b.Reshape(w, b.Int64s(2, 1)))
		b.Output("c", b.Float32(3))
		b.Output("y", y)
		b.Output("same", b.Identity(y))
		b.Output("yflat", b.Reshape(y, b.Int64s(-1)))
		b.Output("shape", b.ShapeOf(y))
	})
	session := compile(t, g, exec.Options{}).NewSession()
	in := tensor.Map{"x": tensor.Of([]float32{1, 2}, 1, 2)}
	out, err := session.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for name, v := range out {
		want[name] = fmt.Sprint(v.Any())
	}
	for _, name := range out.Names() {
		if _, err := session.Run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
		switch data := out[name].Any().(type) {
		case []float32:
			clear(data)
		case []int64:
			clear(data)
		}
		for other, v := range out {
			if got := fmt.Sprint(v.Any()); other != name && got != want[other] {
				t.Errorf("clearing output %q turned output %q from %s into %s", name, other, want[other], got)
			}
		}
		if x := tensor.MustData[float32](in["x"]); x[0] != 1 || x[1] != 2 {
			t.Fatalf("clearing output %q changed the input", name)
		}
	}
}

// TestRunKeepsNothing: the outputs of Run survive later runs.
func TestRunKeepsNothing(t *testing.T) {
	plan := compile(t, build(t, ranker), exec.Options{})
	first, err := plan.Run(t.Context(), rankerInputs(5))
	if err != nil {
		t.Fatal(err)
	}
	kept := first["score"].Clone()
	if _, err := plan.Run(t.Context(), tensor.Map{
		"user_id": tensor.Zeros(tensor.Int64, 5), "item_id": tensor.Zeros(tensor.Int64, 5), "price": tensor.Zeros(tensor.Float32, 5, 1),
	}); err != nil {
		t.Fatal(err)
	}
	if !first["score"].Equal(kept) {
		t.Error("a later run changed the output of an earlier one")
	}
}

func TestParameters(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		w := b.Param("w", graph.Dims(2, 2), graph.Constant(1))
		b.Output("y", b.Exp(b.Reshape(b.MatMul(b.Input("x", tensor.Float32, batch(2)), w), b.Int64s(-1))))
		b.Output("w", b.Neg(b.Reshape(w, b.Int64s(-1))))
	})
	session := compile(t, g, exec.Options{}).NewSession()
	in := tensor.Map{"x": tensor.Of([]float32{1, 0}, 1, 2)}
	check := func(want string) {
		t.Helper()
		out, err := session.Run(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(out["w"].Any()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	check("[-1 -1 -1 -1]")
	tensor.MustData[float32](g.Params[0].Data)[1] = 5 // as a trainer does
	check("[-1 -5 -1 -1]")
	g.Params[0].Data = tensor.Of([]float32{1, 2, 3, 4}, 2, 2) // as a loader does
	check("[-1 -2 -3 -4]")
	g.Params[0].Data = tensor.Zeros(tensor.Float32, 3)
	if _, err := session.Run(t.Context(), in); err == nil || !strings.Contains(err.Error(), `"w"`) && !strings.Contains(err.Error(), "w float32[2,2] holds float32[3]") {
		t.Errorf("wrong parameter: %v", err)
	}
	g.Params[0].Data = nil
	if _, err := session.Run(t.Context(), in); err == nil || !strings.Contains(err.Error(), `parameter "w" has no data`) {
		t.Errorf("missing parameter: %v", err)
	}
}

// panicOp is a caller's operator with a bug, refuse one that returns an error.
func panicOp(refuse error) *graph.Op {
	return &graph.Op{
		Type: "Boom", Domain: "test",
		Infer: func(c *graph.InferContext) error {
			c.Out(0, c.In[0].DType, c.In[0].Shape)
			return nil
		},
		Kernel: func(*graph.Run, *graph.Node, []*tensor.Tensor, []*tensor.Tensor) error {
			if refuse != nil {
				return refuse
			}
			panic("boom")
		},
	}
}

func TestKernelPanics(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		b.Output("y", b.Apply(panicOp(nil), nil, b.Input("x", tensor.Float32, batch(2)))[0])
	})
	_, err := compile(t, g, exec.Options{}).Run(t.Context(), tensor.Map{"x": tensor.Zeros(tensor.Float32, 1, 2)})
	if want := `run graph "test": node "boom" (test.Boom): panic: boom`; err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
	refused := errors.New("refused")
	for _, e := range []error{nil, refused} {
		g = build(t, func(b *graph.Builder) { b.Output("y", b.Neg(b.Apply(panicOp(e), nil, b.Float32(1))[0])) })
		_, err = exec.Compile(g, exec.Options{})
		if err == nil || !strings.Contains(err.Error(), `node "boom" (test.Boom)`) || e != nil && !errors.Is(err, e) {
			t.Errorf("constant folding: error %v", err)
		}
	}
}

func TestContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := compile(t, build(t, ranker), exec.Options{}).Run(ctx, rankerInputs(2))
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

// TestConstants runs a graph without inputs, twice, and one whose constants depend on shapes.
func TestConstants(t *testing.T) {
	g := build(t, func(b *graph.Builder) { b.Output("y", b.Exp(b.Neg(b.Float32(0)))) })
	plan := compile(t, g, exec.Options{})
	for range 2 {
		out, err := plan.Run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(out["y"].Any()); got != "[1]" {
			t.Errorf("got %s, want [1]", got)
		}
	}
	g = build(t, func(b *graph.Builder) {
		x := b.Input("x", tensor.Float32, batch(2))
		ones := b.ConstantOfShape(b.ShapeOf(x), tensor.Of([]float32{1}, 1))
		b.Output("y", b.Add(x, b.Exp(b.Sub(ones, b.Float32(1)))))
	})
	plan = compile(t, g, exec.Options{})
	for _, rows := range []int{1, 2, 1, 20000} { // the last is too large to be kept
		out, err := plan.Run(t.Context(), tensor.Map{"x": tensor.Zeros(tensor.Float32, rows, 2)})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range tensor.MustData[float32](out["y"]) {
			if v != 1 {
				t.Fatalf("%d rows: got %v, want 1", rows, v)
			}
		}
	}
}

// TestTypes moves every element type through memory.
func TestTypes(t *testing.T) {
	inputs := tensor.Map{
		"bool": tensor.Of([]bool{true, false}, 2), "uint8": tensor.Of([]uint8{1, 2}, 2), "uint16": tensor.Of([]uint16{1, 2}, 2),
		"uint32": tensor.Of([]uint32{1, 2}, 2), "uint64": tensor.Of([]uint64{1, 2}, 2), "int8": tensor.Of([]int8{-1, 2}, 2),
		"int16": tensor.Of([]int16{-1, 2}, 2), "int32": tensor.Of([]int32{-1, 2}, 2), "int64": tensor.Of([]int64{-1, 2}, 2),
		"f16": tensor.Of([]tensor.F16{1, 2}, 2), "bf16": tensor.Of([]tensor.BF16{1, 2}, 2), "float32": tensor.Of([]float32{1.5, 2}, 2),
		"float64": tensor.Of([]float64{1.5, 2}, 2), "string": tensor.Of([]string{"a", "b"}, 2),
	}
	g := build(t, func(b *graph.Builder) {
		for _, name := range inputs.Names() {
			b.Output(name, b.Input("in_"+name, inputs[name].DType(), graph.Shape{graph.Sym("B")}))
		}
	})
	in := tensor.Map{}
	for name, v := range inputs {
		in["in_"+name] = v
	}
	out, err := compile(t, g, exec.Options{}).Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range inputs {
		if !out[name].Equal(want) || out[name].DType() != want.DType() {
			t.Errorf("%s: got %v, want %v", name, out[name].Any(), want.Any())
		}
	}
}

func TestTooLarge(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(1)})
		wide := b.Expand(x, b.Int64s(1, 1<<40))
		b.Output("y", b.ReduceSum(wide, []int64{1}, false))
	})
	_, err := compile(t, g, exec.Options{}).Run(t.Context(), tensor.Map{"x": tensor.Zeros(tensor.Float32, 2, 1)})
	if err == nil || !strings.Contains(err.Error(), "run a smaller batch") {
		t.Errorf("error %v", err)
	}
	_, err = compile(t, g, exec.Options{}).Run(t.Context(), tensor.Map{"x": tensor.Zeros(tensor.Float32, 1<<21, 1)})
	if err == nil || !strings.Contains(err.Error(), "too many elements") {
		t.Errorf("error %v", err)
	}
}
