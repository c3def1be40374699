package graph_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// tower is a [B,2] -> [B,2] graph with the parameter "weight".
func tower(t *testing.T) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("tower")
	x := b.Input("x", tensor.Float32, graph.Shape{batch, graph.Fixed(2)})
	w := b.Param("weight", graph.Dims(2, 2), graph.Uniform(1))
	b.Output("hidden", b.MatMul(x, w))
	b.Output("scaled", b.Mul(b.MatMul(x, w), b.Float32(2)))
	return build(t, b)
}

func TestInlineSharesParametersAndRenamesNodes(t *testing.T) {
	g := tower(t)
	b := graph.NewBuilder("both")
	first := b.Inline(g, nil)
	second := b.Inline(g, map[string]*graph.Value{"x": first["hidden"]})
	b.Output("y", second["scaled"])
	both := build(t, b)
	if len(both.Params) != 1 || both.Params[0] != g.Params[0] {
		t.Errorf("got parameters %v, want the tower's own", paths(both))
	}
	if diff := cmp.Diff(names(both.Inputs), []string{"x"}); diff != "" {
		t.Errorf("inputs (-got +want):\n%s", diff)
	}
	if err := both.InitParams(1); err != nil {
		t.Fatal(err)
	}
	in := tensor.Map{"x": tensor.Of([]float32{1, 2}, 1, 2)}
	once, err := graphtest.Run(g, in, kernel.Portable())
	if err != nil {
		t.Fatal(err)
	}
	want, err := graphtest.Run(g, tensor.Map{"x": once["hidden"]}, kernel.Portable())
	if err != nil {
		t.Fatal(err)
	}
	got, err := graphtest.Run(both, in, kernel.Portable())
	if err != nil {
		t.Fatal(err)
	}
	if err := graphtest.Compare(got["y"], want["scaled"], 0); err != nil {
		t.Error(err)
	}
}

func TestInlineInfersShapesAgain(t *testing.T) {
	b := graph.NewBuilder("fixed")
	outs := b.Inline(tower(t), map[string]*graph.Value{"x": b.Input("x", tensor.Float32, graph.Dims(5, 2))})
	if got := outs["hidden"].Shape().String(); got != "[5,2]" {
		t.Errorf("got %s, want [5,2]", got)
	}
}

func TestInlineSharesInputsOfOneName(t *testing.T) {
	b := graph.NewBuilder("g")
	first, second := b.Inline(tower(t), nil), b.Inline(tower(t), nil)
	b.Output("y", b.Add(first["hidden"], second["hidden"]))
	if diff := cmp.Diff(names(build(t, b).Inputs), []string{"x"}); diff != "" {
		t.Errorf("inputs (-got +want):\n%s", diff)
	}
}

func TestInlineErrors(t *testing.T) {
	tests := []struct {
		name  string
		given func(b *graph.Builder) *graph.Value
	}{
		{"type", func(b *graph.Builder) *graph.Value { return b.Input("i", tensor.Int64, graph.Dims(5, 2)) }},
		{"rank", func(b *graph.Builder) *graph.Value { return b.Input("i", tensor.Float32, graph.Dims(2)) }},
		{"size", func(b *graph.Builder) *graph.Value { return b.Input("i", tensor.Float32, graph.Dims(5, 3)) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := graph.NewBuilder("g")
			outs := b.Inline(tower(t), map[string]*graph.Value{"x": test.given(b)})
			if outs["hidden"] == nil {
				t.Error("got no placeholder")
			}
			if err := b.Err(); err == nil || !strings.Contains(err.Error(), `inline "tower": input x float32[B,2] is given`) {
				t.Errorf("got error %v", err)
			}
		})
	}
}
