package grad_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/graph/grad"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/internal/portable"
	"recsys/onnx"
	"recsys/tensor"
	"recsys/test/ort"
)

const users, dim, batch = 5, 3, 4

// ids names row 2 twice and rows 0 and 4 never.
func ids() *tensor.Tensor { return tensor.Of([]int64{2, 1, 2, 3}, batch) }

func inputs() tensor.Map {
	rng := portable.New(7, "inputs")
	x := tensor.Zeros(tensor.Float32, batch, 2)
	for i := range x.Len() {
		tensor.MustData[float32](x)[i] = float32(rng.Normal())
	}
	return tensor.Map{"user": ids(), "x": x, "label": tensor.Of([]float32{1, 0, 0, 1}, batch, 1)}
}

// dense is x·w+b for a layer of the given name.
func dense(b *graph.Builder, name string, x *graph.Value, in, out int) *graph.Value {
	defer b.Scope(name)()
	w := b.Param("weight", graph.Dims(in, out), graph.GlorotUniform())
	bias := b.Param("bias", graph.Dims(out), awayFromZero)
	return b.Add(b.MatMul(x, w), bias)
}

// awayFromZero keeps the sums of a layer out of reach of Relu's kink, on both of its sides, where differences would
// straddle it.
func awayFromZero(_ *portable.Rand, _ []int, data []float32) {
	for i := range data {
		data[i] = 4 - float32(8*(i%2))
	}
}

// model is an embedding beside features under a perceptron of two layers, with the mean binary cross-entropy.
// shared may add another use of the table.
func model(t *testing.T, shared func(b *graph.Builder, table, loss *graph.Value) *graph.Value) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("rank")
	size := graph.Sym("B")
	table := b.Param("table", graph.Dims(users, dim), graph.Uniform(1))
	user := b.Gather(table, b.Input("user", tensor.Int64, graph.Shape{size}), 0)
	x := b.Concat(1, user, b.Input("x", tensor.Float32, graph.Shape{size, graph.Fixed(2)}))
	hidden := b.Relu(dense(b, "hidden", x, dim+2, 6))
	logit := dense(b, "top", hidden, 6, 1)
	label := b.Input("label", tensor.Float32, graph.Shape{size, graph.Fixed(1)})
	loss := b.ReduceMean(b.Sub(b.Softplus(logit), b.Mul(logit, label)), nil, false)
	if shared != nil {
		loss = shared(b, table, loss)
	}
	b.Output("logit", logit)
	b.Output("loss", loss)
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.InitParams(3); err != nil {
		t.Fatal(err)
	}
	return g
}

func run(t *testing.T, g *graph.Graph, in tensor.Map) tensor.Map {
	t.Helper()
	out, err := graphtest.Run(g, in, kernel.Portable())
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// check compares the outputs of a step with those of g, and its gradients with finite differences in float64.
func check(t *testing.T, g *graph.Graph, s *grad.Step, in tensor.Map, frozen ...string) {
	t.Helper()
	out := run(t, s.Graph, in)
	for name, want := range run(t, g, in) {
		if err := graphtest.Compare(out[name], want, 0); err != nil {
			t.Errorf("output %q of the step: %v", name, err)
		}
	}
	if err := graphtest.Differentiate(g, s.Loss, in, frozen...); err != nil {
		t.Error(err)
	}
}

func of(t *testing.T, g *graph.Graph, frozen ...string) *grad.Step {
	t.Helper()
	s, err := grad.Of(g, "loss", frozen...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var layers = map[string]string{
	"hidden/weight": "grad/hidden/weight", "hidden/bias": "grad/hidden/bias",
	"top/weight": "grad/top/weight", "top/bias": "grad/top/bias",
}

func TestGatheredTableHasSparseGradient(t *testing.T) {
	g := model(t, nil)
	s := of(t, g)
	if diff := cmp.Diff(s.Dense, layers); diff != "" {
		t.Errorf("dense (-got +want):\n%s", diff)
	}
	want := map[string][]grad.Pair{"table": {{IDs: "grad/table/ids#0", Rows: "grad/table/rows#0"}}}
	if diff := cmp.Diff(s.Sparse, want); diff != "" {
		t.Errorf("sparse (-got +want):\n%s", diff)
	}
	out := run(t, s.Graph, inputs())
	if got := out["grad/table/ids#0"]; !got.Equal(ids()) {
		t.Errorf("got ids %v", got.Any())
	}
	check(t, g, s, inputs())
}

func TestTwoGathersGiveTwoPairs(t *testing.T) {
	g := model(t, func(b *graph.Builder, table, loss *graph.Value) *graph.Value {
		again := b.Gather(table, b.Const("", tensor.Of([]int32{4, 0, 2, 2}, 2, 2)), 0)
		return b.Add(loss, b.ReduceSum(b.Mul(again, again), nil, false))
	})
	s := of(t, g)
	if got := len(s.Sparse["table"]); got != 2 {
		t.Fatalf("got %d pairs, want 2", got)
	}
	check(t, g, s, inputs())
}

func TestTableUsedBothWaysHasDenseGradient(t *testing.T) {
	g := model(t, func(b *graph.Builder, table, loss *graph.Value) *graph.Value {
		return b.Add(loss, b.ReduceMean(b.Mul(table, table), nil, false))
	})
	s := of(t, g)
	if s.Sparse["table"] != nil || s.Dense["table"] != "grad/table" {
		t.Errorf("got sparse %v and dense %v", s.Sparse, s.Dense)
	}
	check(t, g, s, inputs())
}

func TestUseOffTheLossLeavesTheGradientSparse(t *testing.T) {
	b := graph.NewBuilder("tower")
	table := b.Param("table", graph.Dims(users, dim), graph.Uniform(1))
	rows := b.Gather(table, b.Input("user", tensor.Int64, graph.Shape{graph.Sym("B")}), 0)
	b.Output("scores", b.MatMul(rows, b.Transpose(table, []int64{1, 0})))
	b.Output("loss", b.ReduceMean(b.Mul(rows, rows), nil, false))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.InitParams(1); err != nil {
		t.Fatal(err)
	}
	s := of(t, g)
	if len(s.Sparse["table"]) != 1 || len(s.Dense) != 0 {
		t.Errorf("got sparse %v and dense %v", s.Sparse, s.Dense)
	}
	check(t, g, s, tensor.Map{"user": ids()})
}

func TestFrozen(t *testing.T) {
	g := model(t, nil)
	s := of(t, g, "table", "hidden/bias")
	want := map[string]string{
		"hidden/weight": "grad/hidden/weight", "top/weight": "grad/top/weight", "top/bias": "grad/top/bias",
	}
	if diff := cmp.Diff(s.Dense, want); diff != "" || len(s.Sparse) != 0 {
		t.Errorf("dense (-got +want):\n%s\nsparse %v", diff, s.Sparse)
	}
	check(t, g, s, inputs(), "table", "hidden/bias")
}

func TestUnreachableParameterHasNoGradient(t *testing.T) {
	b := graph.NewBuilder("g")
	w := b.Param("w", graph.Dims(2), graph.Constant(0.4))
	blocked := b.Param("blocked", graph.Dims(2), graph.Constant(0.4))
	beside := b.Param("beside", graph.Dims(2), graph.Constant(0.4))
	b.Output("loss", b.ReduceSum(b.Mul(w, b.Floor(blocked)), nil, false))
	b.Output("beside", b.Relu(beside))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	s := of(t, g)
	if diff := cmp.Diff(s.Dense, map[string]string{"w": "grad/w"}); diff != "" || len(s.Sparse) != 0 {
		t.Errorf("dense (-got +want):\n%s\nsparse %v", diff, s.Sparse)
	}
}

// TestGradientsAddUp: a value with several readers gets the sum of their gradients.
func TestGradientsAddUp(t *testing.T) {
	b := graph.NewBuilder("g")
	w := b.Param("w", graph.Dims(3), graph.Uniform(1))
	y := b.Tanh(w)
	b.Output("loss", b.ReduceSum(b.Add(b.Mul(y, y), b.Mul(b.Exp(y), w)), []int64{0}, true))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.InitParams(5); err != nil {
		t.Fatal(err)
	}
	check(t, g, of(t, g), nil)
}

// TestTwoSymbolicDimensions: in-batch scores have a shape [B,M] that only Shape of a value can name.
func TestTwoSymbolicDimensions(t *testing.T) {
	b := graph.NewBuilder("in_batch")
	users := b.Param("users", graph.Dims(users, dim), graph.Uniform(1))
	items := b.Param("items", graph.Dims(6, dim), graph.Uniform(1))
	query := b.Gather(users, b.Input("user", tensor.Int64, graph.Shape{graph.Sym("B")}), 0)
	item := b.Gather(items, b.Input("item", tensor.Int64, graph.Shape{graph.Sym("M")}), 0)
	scores := b.MatMul(query, b.Transpose(item, []int64{1, 0}))
	with := b.Concat(1, scores, b.ReduceMax(scores, []int64{1}, true))
	logits := b.LogSoftmax(b.Mul(with, b.Float32(2)), -1)
	target := b.GatherElements(logits, b.Input("target", tensor.Int64, graph.Shape{graph.Sym("B"), graph.Fixed(1)}), 1)
	b.Output("loss", b.Neg(b.ReduceMean(target, nil, false)))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.InitParams(5); err != nil {
		t.Fatal(err)
	}
	in := tensor.Map{
		"user": ids(), "item": tensor.Of([]int64{5, 0, 3}, 3), "target": tensor.Of([]int64{0, 2, 1, 1}, batch, 1),
	}
	check(t, g, of(t, g), in)
}

// TestONNXRuntimeComputesTheSameStep: a step is a graph of ONNX operators as any other.
func TestONNXRuntimeComputesTheSameStep(t *testing.T) {
	g := model(t, func(b *graph.Builder, table, loss *graph.Value) *graph.Value {
		again := b.Gather(b.Tanh(table), b.Int64s(4, 0, 2), 0)
		return b.Add(loss, b.ReduceSum(b.LogSoftmax(again, 1), nil, false))
	})
	s := of(t, g)
	data, err := onnx.Marshal(s.Graph, onnx.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	got := run(t, s.Graph, inputs())
	for name, want := range ort.Run(t, data, inputs(), nil) {
		if err := graphtest.Compare(got[name], want, 1e-5); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestErrors(t *testing.T) {
	x := func(b *graph.Builder) *graph.Value { return b.Input("x", tensor.Float32, graph.Dims(2, 3)) }
	w := func(b *graph.Builder) *graph.Value { return b.Param("w", graph.Dims(2, 3), graph.Zero()) }
	tests := []struct {
		name   string
		loss   func(b *graph.Builder) *graph.Value
		output string
		frozen []string
		want   string
	}{
		{"no such output", func(b *graph.Builder) *graph.Value { return b.ReduceSum(w(b), nil, false) }, "cost", nil, `no output "cost"`},
		{"not a scalar", w, "loss", nil, "has to be one float32; reduce it"},
		{"not a float", func(b *graph.Builder) *graph.Value {
			return b.Cast(b.ReduceSum(w(b), nil, false), tensor.Int64)
		}, "loss", nil, "has to be one float32"},
		{"no parameter", func(b *graph.Builder) *graph.Value { return b.ReduceSum(x(b), nil, false) }, "loss", nil, "depends on no parameter"},
		{"all frozen", func(b *graph.Builder) *graph.Value { return b.ReduceSum(w(b), nil, false) }, "loss", []string{"w"}, "depends on no parameter"},
		{"frozen name", func(b *graph.Builder) *graph.Value { return b.ReduceSum(w(b), nil, false) }, "loss", []string{"v"}, `frozen parameter "v" does not exist`},
		{"no gradient for the case", func(b *graph.Builder) *graph.Value {
			return b.ReduceSum(b.Pow(x(b), w(b)), nil, false)
		}, "loss", nil, "constant exponent only"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := graph.NewBuilder("g")
			b.Output("loss", test.loss(b))
			g, err := b.Build()
			if err != nil {
				t.Fatal(err)
			}
			_, err = grad.Of(g, test.output, test.frozen...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}
