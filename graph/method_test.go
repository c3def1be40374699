package graph_test

import (
	"strings"
	"testing"

	"recsys/graph"
	"recsys/graph/grad"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// TestRecurrentMethods runs one step of one unit without a bias, by hand: with all weights 1, x = 1 and the state h = 2 every
// gate's sum is 3.
func TestRecurrentMethods(t *testing.T) {
	b := graph.NewBuilder("recurrent")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Fixed(1), graph.Sym("B"), graph.Fixed(1)})
	ones := func(gates int) *graph.Value {
		return b.Const("", tensor.Of([]float32{1, 1, 1, 1}[:gates], 1, gates, 1))
	}
	h := b.Const("h", tensor.Of([]float32{2}, 1, 1, 1))
	_, last := b.GRU(x, ones(3), ones(3), graph.Recurrent{Hidden: b.Expand(h, b.ShapeOf(x))})
	b.Output("gru", last)
	_, hidden, cell := b.LSTM(x, ones(4), ones(4), graph.Recurrent{Hidden: b.Expand(h, b.ShapeOf(x)), Cell: b.Expand(h, b.ShapeOf(x))})
	b.Output("hidden", hidden)
	b.Output("cell", cell)
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	out, err := graphtest.Run(g, tensor.Map{"x": tensor.Of([]float32{1}, 1, 1, 1)}, kernel.Portable())
	if err != nil {
		t.Fatal(err)
	}
	// With s = σ(3) = 0.95257413 the GRU's new state is tanh(1+2·s) = 0.99402482, so that it leaves (1-s)·0.99402482 + s·2;
	// the LSTM's cell is s·2 + s·tanh(3) and its state s·tanh(cell).
	for name, want := range map[string]float32{"gru": 1.9522907, "cell": 2.8530117, "hidden": 0.9462589} {
		if err := graphtest.Compare(out[name], tensor.Of([]float32{want}, 1, 1, 1), 1e-6); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRecurrentGradientWantsFixedLength: the gradient is unrolled, so a symbolic number of steps is an error that says so.
func TestRecurrentGradientWantsFixedLength(t *testing.T) {
	b := graph.NewBuilder("recurrent")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("L"), graph.Sym("B"), graph.Fixed(1)})
	w := b.Param("w", graph.Dims(1, 3, 1), graph.GlorotUniform())
	_, last := b.GRU(x, w, w, graph.Recurrent{})
	b.Output("loss", b.ReduceSum(last, nil, false))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := grad.Of(g, "loss"); err == nil || !strings.Contains(err.Error(), "its number of steps has to be fixed") {
		t.Errorf("got error %v, want one about the number of steps", err)
	}
}

func TestBatchNormalizationMethod(t *testing.T) {
	b := graph.NewBuilder("normal")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(1)})
	one := func(v float32) *graph.Value { return b.Const("", tensor.Of([]float32{v}, 1)) }
	b.Output("y", b.BatchNormalization(x, one(3), one(5), one(1), one(3), 1))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	out, err := graphtest.Run(g, tensor.Map{"x": tensor.Of([]float32{7}, 1, 1)}, kernel.Portable())
	if err != nil {
		t.Fatal(err)
	}
	// (7-1)/sqrt(3+1)·3 + 5
	if err := graphtest.Compare(out["y"], tensor.Of([]float32{14}, 1, 1), 1e-6); err != nil {
		t.Error(err)
	}
}
