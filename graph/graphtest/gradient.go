package graphtest

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"recsys/graph"
	"recsys/graph/grad"
	"recsys/graph/kernel"
	"recsys/internal/portable"
	"recsys/tensor"
)

// differences are five-point finite differences (Abramowitz and Stegun 25.3.6) with a step and what they are off by at
// most: their own error is step⁴/30 times the fifth derivative, and the rounding errors of the loss, noise·|loss| each,
// reach them (8+8+1+1)/(12·step) times.
type differences struct{ step, tolerance, noise float64 }

// In float64 the five-point formula with a step of 1/8192 is off by 7e-18 times the fifth derivative: 1e-6 leaves room
// for one of 1e11, which 1/x has at 0.03. Operators without a float64 form are rounded to float32, which asks for a
// larger step. A wrong gradient is off by orders of magnitude more.
func differencesOf(exact bool) differences {
	if exact {
		return differences{1.0 / 8192, 1e-6, 1.0 / (1 << 53)}
	}
	return differences{1.0 / 64, 1e-4, 1.0 / (1 << 24)}
}

// kernelTolerance bounds, relative to max(1,|want|), the rounding errors of a gradient computed in float32: sums of some
// tens of terms near 1, each off by 2⁻²⁴ or a few times that where a form cancels.
const kernelTolerance = 2e-5

// Differentiate checks the gradients that graph/grad gives for output loss of g, a float32 of one element, with respect
// to every element of every parameter that frozen does not name. In float64, see [Run64], they have to be what finite differences of the loss are;
// in float32, with the portable kernels, what they are in float64. The inputs and parameters have to keep clear of kinks
// by 1/4096. It fails as well when a parameter has no gradient but the loss depends on it.
func Differentiate(g *graph.Graph, loss string, inputs tensor.Map, frozen ...string) error {
	step, err := grad.Of(g, loss, frozen...)
	if err != nil {
		return err
	}
	wide, err := Run64(step.Graph, inputs)
	if err != nil {
		return err
	}
	single, err := Run(step.Graph, inputs, kernel.Portable())
	if err != nil {
		return err
	}
	by := differencesOf(Exact(g))
	for _, p := range g.Params {
		if slices.Contains(frozen, p.Path) {
			continue
		}
		analytic := gradientOf(step, p, wide)
		if err := by.compare(g, loss, inputs, p, analytic); err != nil {
			return fmt.Errorf("parameter %q: %w", p.Path, err)
		}
		want := tensor.Of(analytic, p.Data.Shape()...)
		got := tensor.Of(gradientOf(step, p, single), p.Data.Shape()...)
		if err := Compare(got, want, kernelTolerance); err != nil {
			return fmt.Errorf("parameter %q: in float32 instead of float64: %w", p.Path, err)
		}
	}
	return nil
}

// compare compares p's gradient with differences of the loss.
func (d differences) compare(g *graph.Graph, loss string, inputs tensor.Map, p *graph.Param, got []float64) error {
	fed := tensor.Map{p.Path: widen(p.Data)}
	maps.Copy(fed, inputs)
	x := tensor.MustData[float64](fed[p.Path])
	for i, v := range x {
		var values [4]float64
		size := 1.0
		for k, step := range [...]float64{2, 1, -1, -2} {
			x[i] = v + step*d.step
			out, err := Run64(g, fed)
			if err != nil {
				return err
			}
			values[k] = tensor.MustData[float64](out[loss])[0]
			size = max(size, math.Abs(values[k]))
		}
		x[i] = v
		want := (-values[0] + 8*values[1] - 8*values[2] + values[3]) / (12 * d.step)
		if !(math.Abs(got[i]-want) <= d.tolerance*max(1, math.Abs(want))+18/(12*d.step)*d.noise*size) {
			return fmt.Errorf("element %d: got %g, finite differences give %g", i, got[i], want)
		}
	}
	return nil
}

// gradientOf returns the gradient of p, rows added up, from the outputs of its step; zeros when it has none.
func gradientOf(step *grad.Step, p *graph.Param, out tensor.Map) []float64 {
	if name, ok := step.Dense[p.Path]; ok {
		return tensor.MustData[float64](widen(out[name]))
	}
	dense := make([]float64, p.Data.Len())
	for _, pair := range step.Sparse[p.Path] {
		rows := tensor.MustData[float64](widen(out[pair.Rows]))
		d := out[pair.Rows].Dim(-1)
		for i, id := range tensor.MustData[int64](out[pair.IDs]) {
			for k := range d {
				dense[wrap(id, p.Data.Dim(0))*d+k] += rows[i*d+k]
			}
		}
	}
	return dense
}

// Gradient checks the gradients of all float32 inputs that are no constants, see [Differentiate], for a weighted sum of
// the float32 outputs. Cases with errors or non-finite numbers are passed over, and so are operators without a gradient.
func Gradient(op *graph.Op, c *Case) error {
	if op.Grad == nil || c.Error != "" || !c.finite() {
		return nil
	}
	for i := range c.Inputs {
		if !c.float(i) {
			continue
		}
		g, fed, err := c.loss(op, i)
		if err == nil && g != nil {
			err = Differentiate(g, "loss", fed)
		}
		if err != nil {
			return fmt.Errorf("gradient of input %d: %w", i, err)
		}
	}
	return nil
}

// loss builds the sum of the case's float32 outputs, each multiplied with weights. Input at becomes a parameter; the
// others are inputs as ever. It returns nil when no output is float32.
func (c *Case) loss(op *graph.Op, at int) (*graph.Graph, tensor.Map, error) {
	b, fed := graph.NewBuilder(op.Type), tensor.Map{}
	inputs := make([]*graph.Value, len(c.Inputs))
	for i, in := range c.Inputs {
		name := fmt.Sprintf("x%d", i)
		switch {
		case in.Data == nil:
		case in.Const:
			inputs[i] = b.Const(name, in.Data)
		case i == at:
			inputs[i] = b.Param(name, graph.Dims(in.Data.Shape()...), graph.Zero())
			inputs[i].Param().Data = in.Data.Clone()
		default:
			inputs[i] = b.Input(name, in.Data.DType(), graph.Dims(in.Data.Shape()...))
			fed[name] = in.Data
		}
	}
	var total *graph.Value
	for i, y := range b.Apply(op, c.Attrs, inputs...) {
		if y.DType() != tensor.Float32 {
			continue
		}
		sizes, _ := y.Shape().Fixed()
		weights := tensor.Zeros(tensor.Float32, sizes...)
		rng := portable.New(1, fmt.Sprintf("y%d", i))
		for k := range weights.Len() {
			tensor.MustData[float32](weights)[k] = 0.5 + rng.Float32()
		}
		part := b.ReduceSum(b.Mul(y, b.Const("weights", weights)), nil, false)
		if total != nil {
			part = b.Add(total, part)
		}
		total = part
	}
	if total == nil {
		return nil, nil, b.Err()
	}
	b.Output("loss", total)
	g, err := b.Build()
	return g, fed, err
}
