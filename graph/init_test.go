package graph_test

import (
	"math"
	"strings"
	"testing"

	"recsys/graph"
	"recsys/tensor"
)

func params(t *testing.T, more bool) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("g")
	y := b.Mul(b.Param("uniform", graph.Dims(40, 50), graph.Uniform(0.5)), b.Param("normal", graph.Dims(40, 50), graph.Normal(2)))
	y = b.Add(y, b.Param("glorot", graph.Dims(40, 50), graph.GlorotUniform()))
	if more {
		y = b.Add(y, b.Param("a", graph.Dims(50), graph.Zero()))
	}
	b.Output("y", y)
	return build(t, b)
}

func TestInitParams(t *testing.T) {
	g := params(t, false)
	if err := g.InitParams(1); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		path             string
		limit, deviation float64 // of one element
	}{
		{"uniform", 0.5, 0.5 / math.Sqrt(3)},
		{"normal", math.Inf(1), 2},
		{"glorot", math.Sqrt(6.0 / 90), math.Sqrt(2.0 / 90)},
	}
	for _, test := range tests {
		var sum, squares float64
		data := tensor.MustData[float32](g.Param(test.path).Data)
		for _, v := range data {
			if math.Abs(float64(v)) > test.limit {
				t.Fatalf("%s: %g is beyond %g", test.path, v, test.limit)
			}
			sum += float64(v)
			squares += float64(v) * float64(v)
		}
		n := float64(len(data))
		// The mean of 2,000 draws strays by deviation/√2000, 2.2 %, the deviation by less; five times that is 11 %.
		if mean := sum / n; math.Abs(mean) > 0.11*test.deviation {
			t.Errorf("%s: mean %g, want 0", test.path, mean)
		}
		if got := math.Sqrt(squares / n); math.Abs(got/test.deviation-1) > 0.11 {
			t.Errorf("%s: deviation %g, want %g", test.path, got, test.deviation)
		}
	}
}

// TestDrawsDependOnSeedAndPathOnly: another parameter in the graph changes nothing.
func TestDrawsDependOnSeedAndPathOnly(t *testing.T) {
	one, more, other := params(t, false), params(t, true), params(t, false)
	for seed, g := range map[uint64]*graph.Graph{1: one, 2: other} {
		if err := g.InitParams(seed); err != nil {
			t.Fatal(err)
		}
	}
	if err := more.InitParams(1); err != nil {
		t.Fatal(err)
	}
	for _, p := range one.Params {
		if !p.Data.Equal(more.Param(p.Path).Data) {
			t.Errorf("%s differs beside another parameter", p.Path)
		}
		if p.Data.Equal(other.Param(p.Path).Data) {
			t.Errorf("%s is the same with another seed", p.Path)
		}
	}
}

func TestLoadIsAllOrNothing(t *testing.T) {
	g := params(t, false)
	if err := g.InitParams(1); err != nil {
		t.Fatal(err)
	}
	before := g.Param("glorot").Data
	other := params(t, false)
	if err := other.InitParams(2); err != nil {
		t.Fatal(err)
	}
	state := other.State()
	state["uniform"] = tensor.Zeros(tensor.Float32, 2)
	err := g.Load(state)
	if err == nil || !strings.Contains(err.Error(), `parameter "uniform" is float32[40,50], the state has float32[2]`) {
		t.Errorf("got error %v", err)
	}
	delete(state, "uniform")
	if err := g.Load(state); err == nil || !strings.Contains(err.Error(), `no tensor for parameter "uniform"`) {
		t.Errorf("got error %v", err)
	}
	if g.Param("glorot").Data != before {
		t.Error("a failed load changed a parameter")
	}
	if err := g.Load(other.State()); err != nil || g.Param("glorot").Data != other.Param("glorot").Data {
		t.Errorf("load: %v", err)
	}
}
