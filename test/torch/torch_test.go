package torch_test

import (
	"math"
	"slices"
	"testing"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/grad"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

const (
	// formula bounds, relative to max(1,|want|), the difference between our graphs in float64 and PyTorch in float64:
	// both are of the same float32 data, and only PyTorch's results were rounded, to 2⁻²⁴. Scalars within graphs
	// (rates, temperatures, epsilons) are float32 on our side.
	formula = 2e-7
	// single bounds that between the graphs in float32 and PyTorch in float64, relative to the greatest number of the
	// fixture: chains of some 60 operators, each rounding to 2⁻²⁴ what the next may amplify as it does gradients.
	single = 5e-6
)

// TestFixtures compares outputs and gradients with PyTorch's: of the graphs in float64, and in float32 with every kernel
// set, on graph/exec fused and unfused.
func TestFixtures(t *testing.T) {
	for _, f := range fixtures(t) {
		t.Run(f.Name, func(t *testing.T) {
			g, in := build(t, &f), tensors(t, f.Inputs)
			step, err := grad.Of(g, "loss")
			if err != nil {
				t.Fatal(err)
			}
			if !graphtest.Exact(g) {
				t.Error("an operator has no float64 form")
			}
			wide, err := graphtest.Run64(step.Graph, in)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "in float64", &f, step, wide, formula)
			for _, set := range kernel.Sets() {
				for _, unfused := range []bool{false, true} {
					plan, err := exec.Compile(step.Graph, exec.Options{Kernels: set, Unfused: unfused})
					if err != nil {
						t.Fatal(err)
					}
					out, err := plan.Run(t.Context(), in)
					if err != nil {
						t.Fatal(err)
					}
					compare(t, "with "+set.Name+" kernels", &f, step, out, single)
				}
			}
		})
	}
}

func compare(t *testing.T, how string, f *fixture, step *grad.Step, out tensor.Map, tolerance float64) {
	t.Helper()
	outputs, gradients := tensors(t, f.Outputs), tensors(t, f.Gradients)
	greatest := 1.0
	for _, m := range []tensor.Map{outputs, gradients} {
		for _, want := range m {
			for _, w := range floats(want) {
				greatest = max(greatest, math.Abs(w))
			}
		}
	}
	check := func(what string, got []float64, want *tensor.Tensor) {
		for i, w := range floats(want) {
			size := max(1, math.Abs(w))
			if tolerance == single {
				size = greatest
			}
			if d := math.Abs(got[i] - w); !(d <= tolerance*size) {
				t.Errorf("%s: %s[%d] is %.9g, PyTorch has %.9g", how, what, i, got[i], w)
				return
			}
		}
	}
	for name, want := range outputs {
		if !slices.Equal(out[name].Shape(), want.Shape()) {
			t.Errorf("%s: output %s has the shape %v, PyTorch's has %v", how, name, out[name].Shape(), want.Shape())
			continue
		}
		check("output "+name, floats(out[name]), want)
	}
	for path, want := range gradients {
		got := make([]float64, want.Len())
		if name, ok := step.Dense[path]; ok {
			got = floats(out[name])
		}
		for _, pair := range step.Sparse[path] {
			rows, d := floats(out[pair.Rows]), want.Dim(1)
			for i, id := range tensor.MustData[int64](out[pair.IDs]) {
				for k := range d {
					got[int(id)*d+k] += rows[i*d+k]
				}
			}
		}
		check("gradient of "+path, got, want)
	}
}

func floats(t *tensor.Tensor) []float64 {
	if wide, ok := t.Any().([]float64); ok {
		return wide
	}
	narrow := tensor.MustData[float32](t)
	wide := make([]float64, len(narrow))
	for i, v := range narrow {
		wide[i] = float64(v)
	}
	return wide
}

// TestEveryGradientHasAFixture: every operator with a gradient is between a parameter and the loss of some fixture.
func TestEveryGradientHasAFixture(t *testing.T) {
	met := map[string]bool{}
	for _, f := range fixtures(t) {
		learned := map[*graph.Value]bool{}
		for _, n := range build(t, &f).Nodes { // those that no output needs have been dropped
			for _, v := range n.Inputs {
				if learned[v] || v != nil && v.Kind() == graph.FromParam {
					met[n.Op.Type] = true
					for _, y := range n.Outputs {
						learned[y] = true
					}
				}
			}
		}
	}
	for typ, op := range graph.Standard() {
		if op.Grad != nil && !met[typ] {
			t.Errorf("%s has a gradient but no fixture; add a chain to make_fixtures.py", typ)
		}
	}
}
