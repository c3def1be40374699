package graphtest

import (
	"fmt"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// Run64 evaluates g as [Run] does but in float64: what is float32 in the graph is a float64 tensor here. Inputs of either
// type are taken, and so are values for parameters, by path, in place of their data. Operators with a gradient have a
// float64 form of their own, written down from their definition without the kernels; [Exact] tells whether all of g have.
// The others compute float32 results from rounded operands.
func Run64(g *graph.Graph, inputs tensor.Map) (tensor.Map, error) {
	r := &run64{values: map[*graph.Value]*tensor.Tensor{}, inputs: inputs, forms: forms(), standard: graph.Standard()}
	for _, v := range g.Inputs {
		t := inputs[v.Name()]
		if t == nil || widened(v.DType()) != widened(t.DType()) || t.Rank() != v.Rank() {
			return nil, fmt.Errorf("run graph %q: input %s is given %v", g.Name, v, t)
		}
		r.values[v] = widen(t)
	}
	for _, n := range g.Nodes {
		if err := r.node(n); err != nil {
			return nil, fmt.Errorf("node %q (%s) in float64: %w", n.Name, n.Op, err)
		}
	}
	out := tensor.Map{}
	for _, o := range g.Outputs {
		out[o.Name] = r.values[o.Value]
	}
	return out, nil
}

// Exact reports whether every operator of g that has a gradient has a float64 form.
func Exact(g *graph.Graph) bool {
	known, standard := forms(), graph.Standard()
	for _, n := range g.Nodes {
		if n.Op.Grad != nil && (known[n.Op.Type] == nil || standard[n.Op.Type] == nil || standard[n.Op.Type].Domain != n.Op.Domain) {
			return false
		}
	}
	return true
}

// form computes an operator's outputs, zeroed, from its inputs. Floats are float64 on both sides.
type form func(n *graph.Node, in, out []*tensor.Tensor) error

type run64 struct {
	values   map[*graph.Value]*tensor.Tensor
	inputs   tensor.Map
	forms    map[string]form
	standard map[string]*graph.Op
}

func (r *run64) node(n *graph.Node) error {
	in := make([]*tensor.Tensor, len(n.Inputs))
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		if in[i] = r.value(v); in[i] == nil {
			return fmt.Errorf("%s has no data", v)
		}
	}
	types, err := graph.InferNode(n, func(v *graph.Value) graph.Shape {
		if t := r.value(v); t != nil {
			return graph.Dims(t.Shape()...)
		}
		return v.Shape()
	})
	if err != nil {
		return err
	}
	out := make([]*tensor.Tensor, len(types))
	floats := false
	for i, t := range types {
		sizes, ok := t.Shape.Fixed()
		if !ok {
			return fmt.Errorf("output %d has the shape %s at the run", i, t.Shape)
		}
		out[i] = tensor.Zeros(widened(t.DType), sizes...)
		floats = floats || out[i].DType() == tensor.Float64
	}
	for _, t := range in {
		floats = floats || t != nil && t.DType() == tensor.Float64
	}
	f := r.forms[n.Op.Type]
	if f == nil || !floats || r.standard[n.Op.Type] == nil {
		f = rounded(n.Op)
	}
	if err := f(n, in, out); err != nil {
		return err
	}
	for i, v := range n.Outputs {
		r.values[v] = out[i]
	}
	return nil
}

// value returns the tensor of v, nil when a node has not made it yet.
func (r *run64) value(v *graph.Value) *tensor.Tensor {
	if t := r.values[v]; t != nil {
		return t
	}
	t := v.Data()
	if given := r.inputs[v.Name()]; given != nil && v.Kind() == graph.FromParam {
		t = given
	}
	if t == nil {
		return nil
	}
	r.values[v] = widen(t)
	return r.values[v]
}

func widened(d tensor.DType) tensor.DType {
	if d == tensor.Float32 {
		return tensor.Float64
	}
	return d
}

func widen(t *tensor.Tensor) *tensor.Tensor {
	x, ok := t.Any().([]float32)
	if !ok {
		return t
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = float64(v)
	}
	return tensor.Of(y, t.Shape()...)
}

func narrow(t *tensor.Tensor) *tensor.Tensor {
	x := tensor.MustData[float64](t)
	y := make([]float32, len(x))
	for i, v := range x {
		y[i] = float32(v)
	}
	return tensor.Of(y, t.Shape()...)
}

// rounded computes by op's kernel in float32.
func rounded(op *graph.Op) form {
	return func(n *graph.Node, in, out []*tensor.Tensor) error {
		results, err := inFloat32(op, n, in, out, narrow)
		if err != nil {
			return err
		}
		for i, t := range results {
			if err := tensor.Copy(out[i], widen(t)); err != nil {
				return err
			}
		}
		return nil
	}
}

// inFloat32 runs op's kernel on inputs that convert makes of the float64 ones, and returns its outputs.
func inFloat32(
	op *graph.Op, n *graph.Node, in, out []*tensor.Tensor, convert func(*tensor.Tensor) *tensor.Tensor,
) ([]*tensor.Tensor, error) {
	operands, results := make([]*tensor.Tensor, len(in)), make([]*tensor.Tensor, len(out))
	for i, t := range in {
		if operands[i] = t; t != nil && n.Inputs[i].DType() == tensor.Float32 {
			operands[i] = convert(t)
		}
	}
	for i, t := range out {
		results[i] = tensor.Zeros(n.Outputs[i].DType(), t.Shape()...)
	}
	r := &graph.Run{Kernels: kernel.Portable()}
	if op.Prepare != nil {
		var err error
		if r.Prepared, err = op.Prepare(n); err != nil {
			return nil, err
		}
	}
	return results, op.Kernel(r, n, operands, results)
}

// maxMoved is the greatest number of elements that a float32 can count.
const maxMoved = 1 << 24

// moved is the form of op when its outputs' elements are elements of its inputs, or 0, wherever these are and whatever
// they hold: the kernel moves numbers that name the elements. Tests of the kernel itself compare with ONNX Runtime.
func moved(op *graph.Op) form {
	return func(n *graph.Node, in, out []*tensor.Tensor) error {
		elements := []float64{0}
		results, err := inFloat32(op, n, in, out, func(t *tensor.Tensor) *tensor.Tensor {
			names := make([]float32, t.Len())
			for i, v := range tensor.MustData[float64](t) {
				names[i] = float32(len(elements))
				elements = append(elements, v)
			}
			return tensor.Of(names, t.Shape()...)
		})
		if err != nil {
			return err
		}
		if len(elements) > maxMoved {
			return fmt.Errorf("%d elements are more than a float32 counts", len(elements))
		}
		for i, t := range results {
			names, ok := t.Any().([]float32)
			if !ok {
				out[i] = t
				continue
			}
			y := tensor.MustData[float64](out[i])
			for k, name := range names {
				y[k] = elements[int(name)]
			}
		}
		return nil
	}
}
