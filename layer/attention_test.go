package layer_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/grad"
	"recsys/graph/kernel"
	"recsys/layer"
	"recsys/tensor"
)

// attentionCase is a case of testdata/attention.py.
type attentionCase struct {
	Heads         int
	Causal        bool
	Present       []bool
	X, Weight, Y  []float32
	Params, Grads map[string][]float32
}

// TestAttentionIsPyTorchs compares a layer norm and attention behind it, and the gradients of their parameters, with
// torch.nn.
func TestAttentionIsPyTorchs(t *testing.T) {
	data, err := os.ReadFile("testdata/attention.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Cases []attentionCase }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for _, c := range file.Cases {
		padded := slices.Contains(c.Present, false)
		t.Run(fmt.Sprintf("heads=%d,causal=%t,padded=%t", c.Heads, c.Causal, padded), func(t *testing.T) {
			out, step := c.run(t, padded)
			// A few dozen float32 operations on values of size 1, in another order.
			near := cmpopts.EquateApprox(1e-5, 1e-5)
			if diff := cmp.Diff(tensor.MustData[float32](out["y"]), c.Y, near); diff != "" {
				t.Errorf("output (-got +want):\n%s", diff)
			}
			if len(step.Dense) != len(c.Grads) {
				t.Errorf("%d gradients, want %d", len(step.Dense), len(c.Grads))
			}
			for path, want := range c.Grads {
				if diff := cmp.Diff(tensor.MustData[float32](out[step.Dense[path]]), want, near); diff != "" {
					t.Errorf("gradient of %s (-got +want):\n%s", path, diff)
				}
			}
		})
	}
}

// run computes the output and the gradients of its weighted sum.
func (c attentionCase) run(t *testing.T, padded bool) (tensor.Map, *grad.Step) {
	t.Helper()
	const length, dim = 4, 6
	b := graph.NewBuilder("attention")
	lists := graph.Shape{graph.Sym("B"), graph.Fixed(length)}
	x := b.Input("x", tensor.Float32, append(lists, graph.Fixed(dim)))
	in := tensor.Map{"x": tensor.Of(c.X, 2, length, dim), "weight": tensor.Of(c.Weight, 2, length, dim)}
	var present *graph.Value
	if padded {
		present = b.Input("present", tensor.Bool, lists)
		in["present"] = tensor.Of(c.Present, 2, length)
	}
	h := layer.LayerNorm{Name: "norm"}.Apply(b, x)
	y := layer.MultiHeadAttention{Name: "attention", Heads: c.Heads, Causal: c.Causal}.Apply(b, h, h, present)
	b.Output("y", y)
	b.Output("loss", b.ReduceSum(b.Mul(y, b.Input("weight", tensor.Float32, x.Shape())), []int64{0, 1, 2}, false))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	params := tensor.Map{}
	for _, p := range g.Params {
		sizes, _ := p.Shape.Fixed()
		params[p.Path] = tensor.Of(c.Params[p.Path], sizes...)
	}
	if err := g.Load(params); err != nil {
		t.Fatal(err)
	}
	step, err := grad.Of(g, "loss")
	if err != nil {
		t.Fatal(err)
	}
	plan, err := exec.Compile(step.Graph, exec.Options{Kernels: kernel.Portable()})
	if err != nil {
		t.Fatal(err)
	}
	out, err := plan.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return out, step
}

// TestAttentionSeesNothingBehind changes the last place of the keys: with Causal only the last query may notice.
func TestAttentionSeesNothingBehind(t *testing.T) {
	const length, dim = 5, 4
	x := make([]float32, length*dim)
	for i := range x {
		x[i] = float32(i%7) - 3
	}
	y := make([][]float32, 2)
	for i := range y {
		b := graph.NewBuilder("causal")
		in := b.Input("x", tensor.Float32, graph.Dims(1, length, dim))
		b.Output("y", layer.MultiHeadAttention{Name: "a", Heads: 2, Causal: true}.Apply(b, in, in, nil))
		g, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		if err := g.InitParams(1); err != nil {
			t.Fatal(err)
		}
		plan, err := exec.Compile(g, exec.Options{Kernels: kernel.Portable()})
		if err != nil {
			t.Fatal(err)
		}
		out, err := plan.Run(t.Context(), tensor.Map{"x": tensor.Of(x, 1, length, dim)})
		if err != nil {
			t.Fatal(err)
		}
		y[i] = tensor.MustData[float32](out["y"])
		x[len(x)-1]++
	}
	before := (length - 1) * dim
	if diff := cmp.Diff(y[0][:before], y[1][:before]); diff != "" {
		t.Errorf("places before the last changed:\n%s", diff)
	}
	if cmp.Equal(y[0][before:], y[1][before:]) {
		t.Error("the last place did not change")
	}
}
