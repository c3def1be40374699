package layer_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/layer"
	"recsys/model"
	"recsys/model/modeltest"
	"recsys/schema"
	"recsys/tensor"
)

// Highway is the layer of the how-to page: a dense layer H and a gate T that decides how much of each unit is H's and how
// much is the input's (Srivastava, Greff and Schmidhuber 2015, equation 3): y = T(x) ⊙ H(x) + (1 - T(x)) ⊙ x.
type Highway struct {
	// Name makes the parameter paths: those of layer.Dense behind "NAME/dense", "NAME/gate/weight" [F,F] and
	// "NAME/gate/bias" [F].
	Name string
	// Bias is what the gate's bias begins at; 0 means -2, with which most of the input passes at first (section 2.2).
	Bias float32
}

// Apply maps x [...,F] float32, whose F has to be fixed, to as many axes and units.
func (h Highway) Apply(b *graph.Builder, x *graph.Value) *graph.Value {
	if b.Err() != nil {
		return x
	}
	if x.Rank() == 0 || !x.Shape()[x.Rank()-1].IsFixed() {
		return b.Fail(fmt.Errorf("highway %q: input %s has no last axis of fixed size", h.Name, x))
	}
	if h.Bias == 0 {
		h.Bias = -2
	}
	units := x.Shape()[x.Rank()-1].Size
	weight := b.Param(h.Name+"/gate/weight", graph.Dims(units, units), graph.GlorotUniform())
	bias := b.Param(h.Name+"/gate/bias", graph.Dims(units), graph.Constant(h.Bias))
	gate := b.Sigmoid(b.Add(b.MatMul(x, weight), bias))
	dense := layer.Dense{Name: h.Name + "/dense", Units: units}.Apply(b, x)
	return b.Add(x, b.Mul(gate, b.Sub(dense, x)))
}

func TestHighwayGradient(t *testing.T) {
	b := graph.NewBuilder("highway")
	x := b.Param("x", graph.Dims(2, 2, 3), graph.Uniform(2))
	y := Highway{Name: "h"}.Apply(b, x)
	weights := b.Const("weights", tensor.Of([]float32{1, -2, 3, 0.5, 1, -1, 2, 1, -3, 1, -0.5, 2}, 2, 2, 3))
	b.Output("loss", b.ReduceSum(b.Mul(y, weights), nil, false))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.InitParams(1); err != nil {
		t.Fatal(err)
	}
	if err := graphtest.Differentiate(g, "loss", nil); err != nil {
		t.Error(err)
	}
}

func highwayParams() tensor.Map {
	return tensor.Map{
		"h/gate/weight": tensor.Of([]float32{0.5, -1, 1, 0.25}, 2, 2), "h/gate/bias": tensor.Of([]float32{-1, 0.5}, 2),
		"h/dense/weight": tensor.Of([]float32{1, -0.5, 2, 1}, 2, 2), "h/dense/bias": tensor.Of([]float32{0.5, -0.25}, 2),
	}
}

// highwayWant is the formula in PyTorch 2 in float64.
func highwayWant() []float32 {
	return []float32{4.6790851, 1.6250000, -0.2310586, 0.2500000, 0.1344707, 0.0000000, 2.4527234, -1.9051483}
}

// TestHighway is of rows [B,F] and of candidates [B,K,F].
func TestHighway(t *testing.T) {
	for _, shape := range [][]int{{4, 2}, {2, 2, 2}} {
		in := tensor.Map{"x": tensor.Of([]float32{1, 2, -0.5, 0.25, 0, 0, 3, -2}, shape...)}
		got := run(t, in, highwayParams(), func(b *graph.Builder, in map[string]*graph.Value) *graph.Value {
			return Highway{Name: "h"}.Apply(b, in["x"])
		})
		compare(t, got, shape, highwayWant())
	}
}

func TestHighwayBegins(t *testing.T) {
	for bias, want := range map[float32]float32{0: -2, -1: -1} {
		b := graph.NewBuilder("highway")
		b.Output("y", Highway{Name: "h", Bias: bias}.Apply(b, b.Input("x", tensor.Float32, graph.Dims(1, 2))))
		g, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		if err := g.InitParams(1); err != nil {
			t.Fatal(err)
		}
		got := map[string][]float32{}
		for _, p := range g.Params {
			if strings.HasSuffix(p.Path, "/bias") {
				got[p.Path] = tensor.MustData[float32](p.Data)
			}
		}
		if diff := cmp.Diff(map[string][]float32{"h/gate/bias": {want, want}, "h/dense/bias": {0, 0}}, got); diff != "" {
			t.Errorf("bias %v (-want +got):\n%s", bias, diff)
		}
	}
}

// gated is a ranker that has the layer behind the sum of the vectors of the user, the item and its category.
type gated struct{ schema schema.Schema }

func (m gated) Name() string { return "gated" }

func (m gated) Schema() schema.Schema { return m.schema }

func (m gated) Tasks() []string { return []string{"like"} }

func (m gated) Logits(b *graph.Builder, query, candidates model.Columns) []*graph.Value {
	defer b.Scope(m.Name())()
	embed := func(name string, values model.Columns) *graph.Value {
		c, _ := m.schema.Column(name)
		return layer.Embedding{Name: name, Rows: c.Cardinality, Dim: 4}.Apply(b, values[name])
	}
	item := b.Add(embed("item_id", candidates), embed("category", candidates))
	x := b.Add(b.Unsqueeze(embed("user_id", query), []int64{1}), item) // [B,1,4] and [B,K,4]
	logits := layer.Dense{Name: "logit", Units: 1, Activation: layer.Linear}.Apply(b, Highway{Name: "h"}.Apply(b, x))
	return []*graph.Value{b.Squeeze(logits, []int64{-1})}
}

// TestHighwayInRanker runs the conformance suite of models, ONNX Runtime among its checks, over one with the layer.
func TestHighwayInRanker(t *testing.T) {
	modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) { return gated{s}, nil })
}

func TestHighwayRefuses(t *testing.T) {
	for name, shape := range map[string]graph.Shape{"a number": {}, "units that are not fixed": {graph.Fixed(2), graph.Sym("F")}} {
		b := graph.NewBuilder("highway")
		b.Output("y", Highway{Name: "h"}.Apply(b, b.Input("x", tensor.Float32, shape)))
		if _, err := b.Build(); err == nil || !strings.Contains(err.Error(), `highway "h"`) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
