package onnx

import (
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/tensor"
)

// oldest returns the version of the operator set from which on a model's operator means what ours does, or what upgrade
// makes of it. What came in between concerns element types only.
func oldest(op *graph.Op) int64 {
	switch op.Type {
	case "ArgMax", "Gather", "Identity", "LogSoftmax", "MatMul", "ReduceL2", "ReduceMax", "ReduceMean", "ReduceMin",
		"ReduceSum", "Shape", "Slice", "Softmax", "Squeeze", "Transpose", "TreeEnsembleClassifier", "TreeEnsembleRegressor",
		"Unsqueeze":
		return 1
	case "Pad", "Split":
		return 2
	case "Concat":
		return 4
	case "Reshape":
		return 5
	case "Abs", "Cast", "Ceil", "Clip", "Elu", "Exp", "Floor", "HardSigmoid", "LeakyRelu", "Log", "Neg", "Relu", "Sigmoid",
		"Sqrt", "Tanh", "Tile":
		return 6
	case "Add", "Div", "Dropout", "Equal", "GRU", "Gemm", "Greater", "LSTM", "Less", "Mul", "Pow", "Sub":
		return 7
	case "Expand", "Max", "Min":
		return 8
	case "BatchNormalization", "Erf", "IsNaN", "Sign", "Where":
		return 9
	case "Mod", "TopK":
		return 10
	case "CumSum", "GatherElements", "GatherND", "ScatterElements", "ScatterND":
		return 11
	case "GreaterOrEqual", "LessOrEqual":
		return 12
	}
	return int64(op.Since)
}

// call is a node of a model on its way to becoming one of ours.
type call struct {
	op      *graph.Op
	version int64 // of the operator set
	attrs   graph.Attrs
	inputs  []*graph.Value
	outputs int
}

// upgrade rewrites what older operator sets say otherwise: settings that were attributes become inputs.
func (im *importer) upgrade(c *call) error {
	if c.op.Domain != "" {
		return nil
	}
	switch typ := c.op.Type; {
	case typ == "Softmax" && c.version < 13, typ == "LogSoftmax" && c.version < 13:
		return c.lastAxis()
	case typ == "Squeeze" && c.version < 13, typ == "Unsqueeze" && c.version < 13, typ == "ReduceSum" && c.version < 13:
		im.toInput(c, "axes", 1)
	case typ == "Split":
		if c.version < 13 {
			im.toInput(c, "split", 1)
		}
		return im.equalParts(c)
	case typ == "Slice" && c.version < 10:
		im.toInput(c, "starts", 1)
		im.toInput(c, "ends", 2)
		im.toInput(c, "axes", 3)
	case typ == "Pad" && c.version < 11:
		im.toInput(c, "pads", 1)
		im.toInput(c, "value", 2)
	case typ == "Clip" && c.version < 11:
		im.toInput(c, "min", 1)
		im.toInput(c, "max", 2)
	case typ == "Dropout" && c.version < 12:
		delete(c.attrs, "ratio")
	}
	return nil
}

// toInput makes a constant input of an attribute; without the attribute the input stays absent.
func (im *importer) toInput(c *call, name string, at int) {
	var t *tensor.Tensor
	switch v := c.attrs[name].(type) {
	case []int64:
		t = tensor.Of(v, len(v))
	case float32:
		t = tensor.Scalar(v)
	default:
		return // It is absent, or of a type that the check of attributes refuses.
	}
	delete(c.attrs, name)
	for len(c.inputs) <= at {
		c.inputs = append(c.inputs, nil)
	}
	c.inputs[at] = im.b.Const(name, t)
}

// lastAxis is for the softmax of operator sets below 13, which is over all axes from the given one on, 1 when none is
// given: along the last one both meanings are one.
func (c *call) lastAxis() error {
	if len(c.inputs) == 0 || c.inputs[0] == nil {
		return nil // The shape rule says so.
	}
	rank := c.inputs[0].Rank()
	axis, err := graph.Axis(c.attrs.Int("axis", 1), rank)
	if err != nil {
		return err
	}
	if axis != rank-1 {
		return fmt.Errorf("operator %s in version %d of its set is over all axes from %d on; supported is the last axis, %d: "+
			"export with opset_version=13 or newer", c.op, c.version, axis, rank-1)
	}
	c.attrs["axis"] = int64(axis)
	return nil
}

// equalParts gives a Split that names no sizes as many equal ones as the node has outputs.
func (im *importer) equalParts(c *call) error {
	if len(c.inputs) == 0 || c.inputs[0] == nil || len(c.inputs) > 1 && c.inputs[1] != nil {
		return nil
	}
	x := c.inputs[0].Shape()
	axis, err := graph.Axis(c.attrs.Int("axis", 0), len(x))
	if err != nil {
		return err
	}
	if n := x[axis]; !n.IsFixed() || c.outputs == 0 || n.Size%c.outputs != 0 {
		return fmt.Errorf("operator %s: axis %d of %s does not split into %d equal parts; name their sizes", c.op, axis, x, c.outputs)
	}
	sizes := slices.Repeat([]int64{int64(x[axis].Size / c.outputs)}, c.outputs)
	c.inputs = []*graph.Value{c.inputs[0], im.b.Int64s(sizes...)}
	return nil
}

// apply adds the node. A MatMul of vectors, which ONNX takes as numpy does, becomes one of matrices: a vector on the left is a
// row, one on the right a column, and the result has not their axis.
func (im *importer) apply(name string, c *call) []*graph.Value {
	b := im.b
	isVector := func(i int) bool { return len(c.inputs) == 2 && c.inputs[i] != nil && c.inputs[i].Rank() == 1 }
	if c.op.Type != "MatMul" || !isVector(0) && !isVector(1) {
		return b.ApplyNamed(name, c.op, c.attrs, c.inputs...)
	}
	x, y := c.inputs[0], c.inputs[1]
	var gone []int64
	if isVector(0) {
		x, gone = b.Unsqueeze(x, []int64{0}), append(gone, -2)
	}
	if isVector(1) {
		y, gone = b.Unsqueeze(y, []int64{1}), append(gone, -1)
	}
	product := b.ApplyNamed(name, c.op, c.attrs, x, y)[0]
	return []*graph.Value{b.Squeeze(product, gone)}
}
