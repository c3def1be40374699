package onnx

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/internal/onnxpb"
	"recsys/tensor"
)

// node adds one node. Nodes stand behind the producers of their inputs, as ONNX demands, so that a cycle shows as an
// input that nothing made.
func (im *importer) node(n *onnxpb.Node) error {
	if n.OpType == "Constant" && plainDomain(n.Domain) == "" {
		return im.constant(n)
	}
	op, err := im.ops.find(n)
	if err != nil {
		return err
	}
	c := &call{op: op, version: im.ops.versions[op.Domain], inputs: make([]*graph.Value, len(n.Inputs)), outputs: len(n.Outputs)}
	if c.attrs, err = readAttributes(n.Attributes); err != nil {
		return fmt.Errorf("operator %s: %w", op, err)
	}
	for i, name := range n.Inputs {
		if name == "" {
			continue
		}
		if c.inputs[i] = im.values[name]; c.inputs[i] == nil {
			return fmt.Errorf("operator %s: input %d, %q, is made by no input, initialiser or earlier node", op, i, name)
		}
	}
	if err := im.upgrade(c); err != nil {
		return err
	}
	if err := c.checkAttributes(); err != nil {
		return fmt.Errorf("operator %s: %w", op, err)
	}
	outs := im.apply(nodeName(n), c)
	if err := im.b.Err(); err != nil {
		return err
	}
	if len(n.Outputs) > len(outs) {
		return fmt.Errorf("operator %s has %d outputs, %d are named", op, len(outs), len(n.Outputs))
	}
	for i, name := range n.Outputs {
		if name == "" {
			continue
		}
		if err := im.define(name, outs[i]); err != nil {
			return err
		}
	}
	return nil
}

func nodeName(n *onnxpb.Node) string {
	if n.Name != "" {
		return n.Name
	}
	for _, out := range n.Outputs {
		if out != "" {
			return out
		}
	}
	return strings.ToLower(n.OpType)
}

// constant turns a Constant node into a constant of the graph.
func (im *importer) constant(n *onnxpb.Node) error {
	if len(n.Attributes) != 1 || len(n.Outputs) != 1 {
		return errors.New("operator Constant has one attribute and one output")
	}
	value, err := readAttribute(n.Attributes[0])
	if err != nil {
		return fmt.Errorf("operator Constant: %w", err)
	}
	var t *tensor.Tensor
	switch v := value.(type) {
	case *tensor.Tensor:
		t = v
	case float32:
		t = tensor.Scalar(v)
	case int64:
		t = tensor.Scalar(v)
	case string:
		t = tensor.Scalar(v)
	case []float32:
		t = tensor.Of(v, len(v))
	case []int64:
		t = tensor.Of(v, len(v))
	case []string:
		t = tensor.Of(v, len(v))
	}
	return im.define(n.Outputs[0], im.b.Const(n.Outputs[0], t))
}

// checkAttributes checks the attributes against those that the operator's kernel honours: one that it would pass over
// would give wrong answers.
func (c *call) checkAttributes() error {
	for _, name := range c.attrs.Names() {
		keep, err := supported(c.op, name, c.attrs[name])
		if err != nil {
			return err
		}
		if !keep {
			delete(c.attrs, name)
		}
	}
	return nil
}

func readAttributes(list []*onnxpb.Attribute) (graph.Attrs, error) {
	attrs := graph.Attrs{}
	for _, a := range list {
		value, err := readAttribute(a)
		if err != nil {
			return nil, err
		}
		if _, ok := attrs[a.Name]; ok {
			return nil, fmt.Errorf("attribute %q is given twice", a.Name)
		}
		attrs[a.Name] = value
	}
	return attrs, nil
}

// readAttribute returns one of the types that graph.Attrs holds.
func readAttribute(a *onnxpb.Attribute) (any, error) {
	if a.RefName != "" {
		return nil, fmt.Errorf("attribute %q refers to a function's attribute, which is not supported", a.Name)
	}
	switch a.Type {
	case onnxpb.AttributeFloat:
		return a.F, nil
	case onnxpb.AttributeInt:
		return a.I, nil
	case onnxpb.AttributeString:
		return a.S, nil
	case onnxpb.AttributeFloats:
		return slices.Clone(a.Floats), nil
	case onnxpb.AttributeInts:
		return slices.Clone(a.Ints), nil
	case onnxpb.AttributeStrings:
		return slices.Clone(a.Strings), nil
	case onnxpb.AttributeTensor:
		if a.T == nil {
			return nil, fmt.Errorf("attribute %q has no tensor", a.Name)
		}
		t, err := readTensor(a.T)
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", a.Name, err)
		}
		return t, nil
	}
	return nil, fmt.Errorf("attribute %q has type %d of ONNX; supported are numbers, strings, lists of them and tensors", a.Name, a.Type)
}
