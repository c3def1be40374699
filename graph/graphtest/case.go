package graphtest

import (
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/tensor"
)

// Case is one test of an operator.
type Case struct {
	Name   string
	Attrs  graph.Attrs
	Inputs []Input
	// Want holds the outputs. It is empty when Error is not.
	Want []*tensor.Tensor
	// Error is a part of the message that building or running the node ends with.
	Error string
	// Tolerance of floats, relative to max(1,|want|).
	Tolerance float64
	// Skip names the checks that do not apply, each with its reason: gradient, symbolic, onnxruntime.
	Skip map[string]string
}

// Input is an input of a case. Data is nil for an optional input that is absent.
type Input struct {
	Data  *tensor.Tensor
	Const bool
}

// graph builds the one-node graph of the case: input i is "xi", output i "yi". The shape of each input that is no
// constant is what shape makes of its sizes.
func (c *Case) graph(op *graph.Op, shape func(sizes []int) graph.Shape) (*graph.Graph, tensor.Map, error) {
	b := graph.NewBuilder(op.Type)
	inputs, fed := make([]*graph.Value, len(c.Inputs)), tensor.Map{}
	for i, in := range c.Inputs {
		name := fmt.Sprintf("x%d", i)
		switch {
		case in.Data == nil:
		case in.Const:
			inputs[i] = b.Const(name, in.Data)
		default:
			inputs[i] = b.Input(name, in.Data.DType(), shape(in.Data.Shape()))
			fed[name] = in.Data
		}
	}
	for i, y := range b.Apply(op, c.Attrs, inputs...) {
		b.Output(fmt.Sprintf("y%d", i), y)
	}
	g, err := b.Build()
	return g, fed, err
}

func fixed(sizes []int) graph.Shape { return graph.Dims(sizes...) }

// fixedUnlessZero names dimensions of size 0, which models in ONNX do not have.
func fixedUnlessZero(sizes []int) graph.Shape {
	shape := graph.Dims(sizes...)
	for i, n := range sizes {
		if n == 0 {
			shape[i] = graph.Sym("S0")
		}
	}
	return shape
}

// float reports whether input i is float32 and no constant.
func (c *Case) float(i int) bool {
	in := c.Inputs[i]
	return in.Data != nil && !in.Const && in.Data.DType() == tensor.Float32
}

// finite reports whether all floats of the case are finite.
func (c *Case) finite() bool {
	all := slices.Clone(c.Want)
	for _, in := range c.Inputs {
		if in.Data != nil {
			all = append(all, in.Data)
		}
	}
	for _, t := range all {
		data, _ := tensor.Data[float32](t)
		for _, v := range data {
			if v-v != 0 {
				return false
			}
		}
	}
	return true
}
