package layer_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/layer"
	"recsys/tensor"
)

// near allows the rounding of a few float32 operations on values near 1.
func near() cmp.Option { return cmpopts.EquateApprox(1e-6, 1e-6) }

// run builds a graph of one output, sets its parameters and runs it.
func run(t *testing.T, in, params tensor.Map, build func(b *graph.Builder, in map[string]*graph.Value) *graph.Value) *tensor.Tensor {
	t.Helper()
	b := graph.NewBuilder("test")
	values := map[string]*graph.Value{}
	for _, name := range in.Names() {
		shape := graph.Dims(in[name].Shape()...)
		shape[0] = graph.Sym("B")
		values[name] = b.Input(name, in[name].DType(), shape)
	}
	b.Output("y", build(b, values))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Load(params); err != nil {
		t.Fatal(err)
	}
	plan, err := exec.Compile(g, exec.Options{Kernels: kernel.Portable()})
	if err != nil {
		t.Fatal(err)
	}
	out, err := plan.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out["y"]
}

func compare(t *testing.T, got *tensor.Tensor, shape []int, want []float32) {
	t.Helper()
	if diff := cmp.Diff(shape, got.Shape()); diff != "" {
		t.Errorf("shape (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, tensor.MustData[float32](got), near()); diff != "" {
		t.Errorf("values (-want +got):\n%s", diff)
	}
}

// table is [4,2]: row i is (i, 10·i), so that row 0 would show if padding were counted.
func table() tensor.Map {
	return tensor.Map{"embedding/item": tensor.Of([]float32{7, 70, 1, 10, 2, 20, 3, 30}, 4, 2)}
}

func TestEmbedding(t *testing.T) {
	in := tensor.Map{"ids": tensor.Of([]int64{3, 1, 2, 2}, 2, 2)}
	got := run(t, in, table(), func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		return layer.Embedding{Name: "item", Rows: 4, Dim: 2}.Apply(b, in["ids"])
	})
	compare(t, got, []int{2, 2, 2}, []float32{3, 30, 1, 10, 2, 20, 2, 20})
}

func TestListEmbeddingIgnoresPadding(t *testing.T) {
	in := tensor.Map{"ids": tensor.Of([]int64{3, 1, 0, 0, 0, 0, 0, 2, 0}, 3, 3)}
	got := run(t, in, table(), func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		return layer.ListEmbedding{Embedding: layer.Embedding{Name: "item", Rows: 4, Dim: 2}}.Apply(b, in["ids"])
	})
	compare(t, got, []int{3, 2}, []float32{2, 20, 0, 0, 2, 20})
}

func TestListEmbeddingOfCandidates(t *testing.T) {
	in := tensor.Map{"ids": tensor.Of([]int64{1, 0, 2, 3, 0, 0, 3, 1}, 2, 2, 2)}
	got := run(t, in, table(), func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		return layer.ListEmbedding{Embedding: layer.Embedding{Name: "item", Rows: 4, Dim: 2}}.Apply(b, in["ids"])
	})
	compare(t, got, []int{2, 2, 2}, []float32{1, 10, 2.5, 25, 0, 0, 2, 20})
}

func TestSequenceEmbedding(t *testing.T) {
	weighted := func(rate float64, items ...float64) float32 { // oldest first
		sum, total := 0.0, 0.0
		for i, v := range items {
			w := math.Exp(-rate * float64(len(items)-1-i))
			sum, total = sum+w*v, total+w
		}
		return float32(sum / total)
	}
	a, b2 := weighted(0.5, 3, 1, 2), weighted(0.5, 1)
	tests := []struct {
		name string
		ids  []int64
		want []float32
	}{
		{"full", []int64{3, 1, 2}, []float32{2, 20, a, 10 * a}},
		{"padded on the right", []int64{1, 0, 0}, []float32{1, 10, b2, 10 * b2}},
		{"padded on the left", []int64{0, 0, 1}, []float32{1, 10, b2, 10 * b2}},
		{"empty", []int64{0, 0, 0}, []float32{0, 0, 0, 0}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			in := tensor.Map{"ids": tensor.Of(tc.ids, 1, 3)}
			got := run(t, in, table(), func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
				return layer.SequenceEmbedding{
					Embedding: layer.Embedding{Name: "item", Rows: 4, Dim: 2}, Rates: []float32{0, 0.5},
				}.Apply(b, in["ids"])
			})
			compare(t, got, []int{1, 4}, tc.want)
		})
	}
}

func TestMLP(t *testing.T) {
	params := tensor.Map{
		"top/0/weight": tensor.Of([]float32{1, -1, 2, 1}, 2, 2), "top/0/bias": tensor.Of([]float32{0.5, 0}, 2),
		"top/1/weight": tensor.Of([]float32{1, -2}, 2, 1), "top/1/bias": tensor.Of([]float32{-10}, 1),
	}
	in := tensor.Map{"x": tensor.Of([]float32{1, 2, 3, -1}, 2, 2)}
	got := run(t, in, params, func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		return layer.MLP{Name: "top", Units: []int{2, 1}}.Apply(b, in["x"])
	})
	// Row 0: (1+4+0.5, -1+2) = (5.5, 1) -> 5.5-2-10. Row 1: (3-2+0.5, -3-1) -> relu (1.5, 0) -> 1.5-10.
	compare(t, got, []int{2, 1}, []float32{-6.5, -8.5})
}

func TestDotInteraction(t *testing.T) {
	in := tensor.Map{
		"a": tensor.Of([]float32{1, 2, 0, 1}, 1, 2, 2), "b": tensor.Of([]float32{3, -1, 2, 2}, 1, 2, 2),
		"c": tensor.Of([]float32{0.5, 4, 1, -1}, 1, 2, 2),
	}
	got := run(t, in, nil, func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		return layer.DotInteraction{}.Apply(b, in["a"], in["b"], in["c"])
	})
	// Candidate 0: b·a = 1, c·a = 8.5, c·b = -2.5; candidate 1: 2, -1, 0.
	compare(t, got, []int{1, 2, 3}, []float32{1, 8.5, -2.5, 2, -1, 0})
}

// TestFactorizationMachine compares with the products of all pairs.
func TestFactorizationMachine(t *testing.T) {
	in := tensor.Map{
		"a": tensor.Of([]float32{1, 2}, 1, 1, 2), // broadcasts over two candidates
		"b": tensor.Of([]float32{3, -1, 2, 2}, 1, 2, 2), "c": tensor.Of([]float32{0.5, 4, 1, -1}, 1, 2, 2),
	}
	got := run(t, in, nil, func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		return layer.FactorizationMachine{}.Apply(b, in["a"], in["b"], in["c"])
	})
	// Candidate 0: a·b = 1, a·c = 8.5, b·c = -2.5; candidate 1: 6, -1, 0.
	compare(t, got, []int{1, 2, 1}, []float32{7, 5})
}

func TestCrossNetwork(t *testing.T) {
	full := tensor.Map{
		"c/0/weight": tensor.Of([]float32{1, 2, 0, -1}, 2, 2), "c/0/bias": tensor.Of([]float32{0.5, 0}, 2),
		"c/1/weight": tensor.Of([]float32{2, 0, 1, 1}, 2, 2), "c/1/bias": tensor.Of([]float32{0, 1}, 2),
	}
	low := tensor.Map{
		"c/0/down": tensor.Of([]float32{1, 2}, 2, 1), "c/0/up": tensor.Of([]float32{1, -1}, 1, 2),
		"c/0/bias": tensor.Of([]float32{0, 1}, 2),
	}
	in := tensor.Map{"x": tensor.Of([]float32{1, 2}, 1, 2)}
	tests := []struct {
		name   string
		params tensor.Map
		layer  layer.CrossNetwork
		want   []float32
	}{
		// x·W+b = (1.5, 0) -> (1·1.5+1, 2·0+2) = (2.5, 2); then (7, 3) -> (1·7+2.5, 2·3+2).
		{"full", full, layer.CrossNetwork{Name: "c", Layers: 2}, []float32{9.5, 8}},
		// x·down = 5, ·up = (5, -5), + b = (5, -4) -> (1·5+1, 2·-4+2).
		{"low rank", low, layer.CrossNetwork{Name: "c", Layers: 1, Rank: 1}, []float32{6, -6}},
		{"none", nil, layer.CrossNetwork{Name: "c"}, []float32{1, 2}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := run(t, in, tc.params, func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
				return tc.layer.Apply(b, in["x"])
			})
			compare(t, got, []int{1, 2}, tc.want)
		})
	}
}

// TestExperts: gates of zero weight and different biases mix two experts of one unit.
func TestExperts(t *testing.T) {
	ln3 := float32(math.Log(3))
	params := tensor.Map{
		"e/0/0/weight": tensor.Of([]float32{1}, 1, 1), "e/0/0/bias": tensor.Of([]float32{1}, 1),
		"e/1/0/weight": tensor.Of([]float32{-1}, 1, 1), "e/1/0/bias": tensor.Of([]float32{0}, 1), // ReLU makes it 0
		"e/gate/like/weight": tensor.Of([]float32{0, 0}, 1, 2), "e/gate/like/bias": tensor.Of([]float32{ln3, 0}, 2),
		"e/gate/buy/weight": tensor.Of([]float32{ln3 / 3, 0}, 1, 2), "e/gate/buy/bias": tensor.Of([]float32{-ln3, ln3}, 2),
	}
	in := tensor.Map{"x": tensor.Of([]float32{3}, 1, 1)}
	got := run(t, in, params, func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		y := layer.Experts{Name: "e", Experts: 2, Units: []int{1}, Gates: []string{"like", "buy"}}.Apply(b, in["x"])
		return b.Concat(-1, y...)
	})
	// Experts give 4 and 0; the gates 3/4 and, with logits 0 and ln 3, 1/4.
	compare(t, got, []int{1, 2}, []float32{3, 1})
}

// TestDropout: elements whose number is below the rate are dropped, the others grow; graphs that are not trained have no
// dropout.
func TestDropout(t *testing.T) {
	x := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)
	for _, training := range []bool{true, false} {
		b := graph.NewBuilder("test")
		if training {
			b.Train()
		}
		in := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(3)})
		drop := layer.Dropout{Name: "d", Rate: 0.2}
		b.Output("y", drop.Apply(b, drop.Apply(b, in)))
		g, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		feeds, want := tensor.Map{"x": x}, []float32{1, 2, 3, 4, 5, 6}
		if training {
			feeds["uniform/d"] = tensor.Of([]float32{0.1, 0.2, 0.9, 0.5, 0, 0.3}, 2, 3)
			feeds["uniform/d_2"] = tensor.Of([]float32{0.9, 0.9, 0.9, 0.1, 0.9, 0.9}, 2, 3)
			want = []float32{0, 3.125, 4.6875, 0, 0, 9.375}
		} else if len(g.Inputs) != 1 {
			t.Errorf("a graph that is not trained has the inputs %v", g.Inputs)
		}
		plan, err := exec.Compile(g, exec.Options{Kernels: kernel.Portable()})
		if err != nil {
			t.Fatal(err)
		}
		out, err := plan.Run(t.Context(), feeds)
		if err != nil {
			t.Fatal(err)
		}
		compare(t, out["y"], []int{2, 3}, want)
	}
}

func TestL2Norm(t *testing.T) {
	in := tensor.Map{"x": tensor.Of([]float32{3, 4, 0, 0}, 2, 2)}
	got := run(t, in, nil, func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
		return layer.L2Norm{}.Apply(b, in["x"])
	})
	compare(t, got, []int{2, 2}, []float32{0.6, 0.8, 0, 0})
}

func TestFaults(t *testing.T) {
	tests := []struct {
		name  string
		build func(b *graph.Builder, ids, x *graph.Value) *graph.Value
		want  string
	}{
		{"no rows", func(b *graph.Builder, ids, _ *graph.Value) *graph.Value {
			return layer.Embedding{Name: "item", Dim: 2}.Apply(b, ids)
		}, `embedding "item" has 0 rows`},
		{"scalar as list", func(b *graph.Builder, ids, _ *graph.Value) *graph.Value {
			return layer.ListEmbedding{Embedding: layer.Embedding{Name: "item", Rows: 4, Dim: 2}}.Apply(b, ids)
		}, "have to be [...,L]"},
		{"negative rate", func(b *graph.Builder, ids, _ *graph.Value) *graph.Value {
			e := layer.Embedding{Name: "item", Rows: 4, Dim: 2}
			return layer.SequenceEmbedding{Embedding: e, Rates: []float32{-1}}.Apply(b, b.Expand(b.Unsqueeze(ids, []int64{1}), b.Int64s(1, 3)))
		}, "rates are not negative"},
		{"unknown activation", func(b *graph.Builder, _, x *graph.Value) *graph.Value {
			return layer.Dense{Name: "d", Units: 2, Activation: "swish"}.Apply(b, x)
		}, `activation "swish"`},
		{"no units", func(b *graph.Builder, _, x *graph.Value) *graph.Value {
			return layer.MLP{Name: "top", Units: []int{0}}.Apply(b, x)
		}, `dense layer "top/0": has 0 units`},
		{"one vector", func(b *graph.Builder, _, x *graph.Value) *graph.Value {
			return layer.DotInteraction{}.Apply(b, x)
		}, "at least 2"},
		{"attention over vectors", func(b *graph.Builder, _, x *graph.Value) *graph.Value {
			return layer.MultiHeadAttention{Name: "a"}.Apply(b, x, x, nil)
		}, `attention "a": of`},
		{"heads that do not divide", func(b *graph.Builder, _, x *graph.Value) *graph.Value {
			x = b.Reshape(x, b.Int64s(-1, 1, 3))
			return layer.MultiHeadAttention{Name: "a", Heads: 2}.Apply(b, x, x, nil)
		}, "number of heads has to divide"},
		{"norm of scalars", func(b *graph.Builder, ids, _ *graph.Value) *graph.Value {
			return layer.LayerNorm{Name: "n"}.Apply(b, b.Cast(ids, tensor.Float32))
		}, `layer norm "n": input`},
		{"one vector to factorise", func(b *graph.Builder, _, x *graph.Value) *graph.Value {
			return layer.FactorizationMachine{}.Apply(b, x)
		}, "factorisation machine of 1 vectors"},
		{"negative rank", func(b *graph.Builder, _, x *graph.Value) *graph.Value {
			return layer.CrossNetwork{Name: "c", Layers: 1, Rank: -1}.Apply(b, x)
		}, `cross network "c": has 1 layers of rank -1`},
		{"dropout of all", func(b *graph.Builder, _, x *graph.Value) *graph.Value {
			return layer.Dropout{Name: "d", Rate: 1}.Apply(b, x)
		}, `dropout "d" has the rate 1`},
		{"no experts", func(b *graph.Builder, _, x *graph.Value) *graph.Value {
			return layer.Experts{Name: "e", Units: []int{2}, Gates: []string{"like"}}.Apply(b, x)[0]
		}, `experts "e": needs at least one`},
		{"no features", func(b *graph.Builder, _, _ *graph.Value) *graph.Value {
			return layer.Concat{}.Apply(b)
		}, "concat of no features"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			b := graph.NewBuilder("test")
			ids := b.Input("ids", tensor.Int64, graph.Shape{graph.Sym("B")})
			x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(3)})
			b.Output("y", tc.build(b, ids, x))
			_, err := b.Build()
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one with %q", err, tc.want)
			}
		})
	}
}
