package graphtest

import (
	"fmt"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// Run evaluates g node by node in the graph's order: every value has memory of its own and nothing is fused. It fails
// when an input is missing or has another type, when shapes do not fit, and where a kernel does.
func Run(g *graph.Graph, inputs tensor.Map, kernels *kernel.Set) (tensor.Map, error) {
	values := map[*graph.Value]*tensor.Tensor{}
	for _, v := range g.Inputs {
		t := inputs[v.Name()]
		if t == nil || t.DType() != v.DType() || t.Rank() != v.Rank() {
			return nil, fmt.Errorf("run graph %q: input %s is given %v", g.Name, v, t)
		}
		values[v] = t
	}
	shapeOf := func(v *graph.Value) graph.Shape {
		if t := values[v]; t != nil {
			return graph.Dims(t.Shape()...)
		}
		return v.Shape()
	}
	for _, n := range g.Nodes {
		if err := step(n, values, shapeOf, kernels); err != nil {
			return nil, err
		}
	}
	out := tensor.Map{}
	for _, o := range g.Outputs {
		out[o.Name] = values[o.Value]
	}
	return out, nil
}

// step runs one node and keeps its outputs in values.
func step(
	n *graph.Node, values map[*graph.Value]*tensor.Tensor, shapeOf func(*graph.Value) graph.Shape, kernels *kernel.Set,
) error {
	in := make([]*tensor.Tensor, len(n.Inputs))
	for i, v := range n.Inputs {
		if v == nil {
			continue
		}
		if in[i] = values[v]; in[i] == nil {
			in[i] = v.Data()
		}
		if in[i] == nil {
			return fmt.Errorf("node %q: %s has no data", n.Name, v)
		}
	}
	types, err := graph.InferNode(n, shapeOf)
	if err != nil {
		return err
	}
	out := make([]*tensor.Tensor, len(types))
	for i, t := range types {
		sizes, ok := t.Shape.Fixed()
		if !ok {
			return fmt.Errorf("node %q (%s): output %d has the shape %s at the run", n.Name, n.Op, i, t.Shape)
		}
		out[i] = tensor.Zeros(t.DType, sizes...)
		soil(out[i])
	}
	r := &graph.Run{Kernels: kernels}
	if n.Op.Prepare != nil {
		if r.Prepared, err = n.Op.Prepare(n); err != nil {
			return fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
	}
	if err := call(r, n, in, out); err != nil {
		return fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
	}
	for i, v := range n.Outputs {
		values[v] = out[i]
	}
	return nil
}

// call runs the node's kernel. A panic, which a kernel must not end with, becomes an error.
func call(r *graph.Run, n *graph.Node, in, out []*tensor.Tensor) (err error) {
	defer func() {
		if e := recover(); e != nil {
			err = fmt.Errorf("panic: %v", e)
		}
	}()
	return n.Op.Kernel(r, n, in, out)
}

// soil fills a tensor with what a kernel may find in its output: anything. A kernel that relies on zeros shows.
func soil(t *tensor.Tensor) {
	switch data := t.Any().(type) {
	case []float32:
		for i := range data {
			data[i] = -12345
		}
	case []int64:
		for i := range data {
			data[i] = -12345
		}
	case []int32:
		for i := range data {
			data[i] = -12345
		}
	case []uint8:
		for i := range data {
			data[i] = 123
		}
	case []int8:
		for i := range data {
			data[i] = -123
		}
	case []tensor.F16:
		for i := range data {
			data[i] = 12345
		}
	case []bool:
		for i := range data {
			data[i] = i%2 == 0
		}
	case []string:
		for i := range data {
			data[i] = "soiled"
		}
	}
}
