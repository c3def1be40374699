package graphtest

import (
	"fmt"
	"math"

	"recsys/graph"
	"recsys/graph/grad"
	"recsys/graph/kernel"
	"recsys/internal/portable"
	"recsys/tensor"
)

// The step and tolerance of finite differences. The operators run in float32 and are summed up in float64, so that
// the rounding errors of the outputs, 2⁻²⁴·|y| each, reach the difference (8+8+1+1)/(12·h) times: that is the part of
// the tolerance that grows with the outputs. The five-point formula's own error is h⁴/30 times the fifth derivative,
// 2e-9 times it for h = 1/64; the rest of the tolerance is for it and for the rounding inside of operators. A wrong
// gradient is off by orders of magnitude more.
const (
	gradStep      = 1.0 / 64
	gradTolerance = 1e-4
	gradNoise     = 18 / (12 * gradStep) / (1 << 24)
)

// Gradient checks the gradients of all float32 inputs that are no constants, as graph/grad makes them, against
// five-point finite differences (Abramowitz and Stegun 25.3.6) of a weighted sum of the float32 outputs. Cases with
// errors, non-finite numbers or no elements are passed over, and so are operators without a gradient.
func Gradient(op *graph.Op, c *Case) error {
	if op.Grad == nil || c.Error != "" || !c.finite() {
		return nil
	}
	for i := range c.Inputs {
		if !c.float(i) {
			continue
		}
		if err := gradientOf(op, c, i); err != nil {
			return fmt.Errorf("gradient of input %d: %w", i, err)
		}
	}
	return nil
}

// gradientOf checks input at, which becomes a parameter; the others are inputs as ever.
func gradientOf(op *graph.Op, c *Case, at int) error {
	f, err := newLoss(op, c, at)
	if err != nil || f == nil {
		return err
	}
	analytic, err := f.analytic()
	if err != nil {
		return err
	}
	x := tensor.MustData[float32](f.param.Data)
	for i, v := range x {
		var values [4]float64
		var size float64
		for k, step := range [...]float64{2, 1, -1, -2} {
			x[i] = float32(float64(v) + step*gradStep)
			if values[k], size, err = f.value(); err != nil {
				return err
			}
		}
		x[i] = v
		want := (-values[0] + 8*values[1] - 8*values[2] + values[3]) / (12 * gradStep)
		got := float64(analytic[i])
		if !(math.Abs(got-want) <= gradTolerance*max(1, math.Abs(want))+gradNoise*size) {
			return fmt.Errorf("element %d: got %g, finite differences give %g", i, got, want)
		}
	}
	return nil
}

// loss is the sum of an operator's float32 outputs, each multiplied with weights.
type loss struct {
	forward *graph.Graph
	param   *graph.Param
	fed     tensor.Map
	weights map[string][]float32
	step    *grad.Step
}

// newLoss returns nil when no output is float32.
func newLoss(op *graph.Op, c *Case, at int) (*loss, error) {
	b := graph.NewBuilder(op.Type)
	f := &loss{fed: tensor.Map{}, weights: map[string][]float32{}}
	inputs := make([]*graph.Value, len(c.Inputs))
	for i, in := range c.Inputs {
		name := fmt.Sprintf("x%d", i)
		switch {
		case in.Data == nil:
		case in.Const:
			inputs[i] = b.Const(name, in.Data)
		case i == at:
			inputs[i] = b.Param(name, graph.Dims(in.Data.Shape()...), graph.Zero())
			f.param = inputs[i].Param()
			f.param.Data = in.Data.Clone()
		default:
			inputs[i] = b.Input(name, in.Data.DType(), graph.Dims(in.Data.Shape()...))
			f.fed[name] = in.Data
		}
	}
	var total *graph.Value
	for i, y := range b.Apply(op, c.Attrs, inputs...) {
		if y.DType() != tensor.Float32 {
			continue
		}
		name := fmt.Sprintf("y%d", i)
		sizes, _ := y.Shape().Fixed()
		weights := tensor.Zeros(tensor.Float32, sizes...)
		f.weights[name] = tensor.MustData[float32](weights)
		rng := portable.New(1, name)
		for k := range f.weights[name] {
			f.weights[name][k] = 0.5 + rng.Float32()
		}
		b.Output(name, y)
		part := b.ReduceSum(b.Mul(y, b.Const("weights", weights)), nil, false)
		if total != nil {
			part = b.Add(total, part)
		}
		total = part
	}
	if total == nil {
		return nil, b.Err()
	}
	b.Output("loss", total)
	var err error
	if f.forward, err = b.Build(); err != nil {
		return nil, err
	}
	f.step, err = grad.Of(f.forward, "loss")
	return f, err
}

// value returns the loss, summed in float64, and the sum of its terms' absolute values.
func (f *loss) value() (sum, size float64, err error) {
	out, err := Run(f.forward, f.fed, kernel.Portable())
	if err != nil {
		return 0, 0, err
	}
	for name, weights := range f.weights {
		for i, v := range tensor.MustData[float32](out[name]) {
			term := float64(v) * float64(weights[i])
			sum += term
			size += math.Abs(term)
		}
	}
	return sum, size, nil
}

// analytic returns the gradient as graph/grad has it; zeros when it has none.
func (f *loss) analytic() ([]float32, error) {
	out, err := Run(f.step.Graph, f.fed, kernel.Portable())
	if err != nil {
		return nil, err
	}
	path := f.param.Path
	if name, ok := f.step.Dense[path]; ok {
		return tensor.MustData[float32](out[name]), nil
	}
	dense := make([]float32, f.param.Data.Len())
	for _, pair := range f.step.Sparse[path] {
		rows := tensor.MustData[float32](out[pair.Rows])
		d := out[pair.Rows].Dim(-1)
		for i, id := range tensor.MustData[int64](out[pair.IDs]) {
			if id < 0 {
				id += int64(f.param.Data.Dim(0))
			}
			for k := range d {
				dense[int(id)*d+k] += rows[i*d+k]
			}
		}
	}
	return dense, nil
}
