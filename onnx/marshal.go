package onnx

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"recsys/graph"
	"recsys/internal/onnxpb"
	"recsys/tensor"
)

// parameterDoc marks the initialisers that are parameters.
const parameterDoc = "parameter"

// maxBytes is what protobuf's readers accept.
const maxBytes = math.MaxInt32

// Meta is what a model says about itself besides its graph.
type Meta struct {
	// ProducerVersion is the version of the program that made it; empty is not written.
	ProducerVersion string
	// Doc describes the model.
	Doc string
	// Properties are free key-value pairs, written in ascending order of key.
	Properties map[string]string
	// External is the number of bytes from which on [Write] puts an initialiser into a second file, beside the model
	// and called as it with ".data" behind. 0 means 1024 where the initialisers are too many for one file, which
	// holds 2 GiB, and none otherwise. Integers of less than 1024 bytes, which may be shapes, always stay in the model. [Marshal], which writes no files, does not look at it.
	External int
}

// Marshal writes the graph as ModelProto bytes: the same graph and meta are the same bytes everywhere. It fails for a
// parameter without data, for an operator that ONNX has not, for an output named as an input, a parameter or
// another output's tensor, and for more than 2 GiB.
func Marshal(g *graph.Graph, meta Meta) ([]byte, error) {
	return marshal(g, meta, nil)
}

func marshal(g *graph.Graph, meta Meta, out *outside) ([]byte, error) {
	m, err := model(g, meta, out)
	if err != nil {
		return nil, fmt.Errorf("write graph %q as ONNX: %w", g.Name, err)
	}
	return m.Marshal(), nil
}

func model(g *graph.Graph, meta Meta, out *outside) (*onnxpb.Model, error) {
	sets, err := opsets(g)
	if err != nil {
		return nil, err
	}
	if err := checkSize(g, out); err != nil {
		return nil, err
	}
	pg, err := graphProto(g, out)
	if err != nil {
		return nil, err
	}
	m := &onnxpb.Model{
		IRVersion: IRVersion, ProducerName: "recsys", ProducerVersion: meta.ProducerVersion, Doc: meta.Doc,
		Graph: pg, Opsets: sets,
	}
	for _, key := range slices.Sorted(maps.Keys(meta.Properties)) {
		m.Metadata = append(m.Metadata, &onnxpb.StringPair{Key: key, Value: meta.Properties[key]})
	}
	if n := m.Size(); n > maxBytes {
		return nil, fmt.Errorf("the model has %d bytes, more than the %d that protobuf reads", n, maxBytes)
	}
	return m, nil
}

// checkSize refuses tensors that cannot fit before any of them is copied.
func checkSize(g *graph.Graph, out *outside) error {
	total, largest, name := 0, 0, ""
	for v := range initializers(g) {
		t := v.Data()
		if t == nil || out.takes(t) {
			continue
		}
		n := t.Len() * t.DType().Size()
		total += n
		if n > largest {
			largest, name = n, v.Name()
		}
	}
	if total > maxBytes {
		return fmt.Errorf("initialisers have %d bytes, more than the %d that protobuf reads, most of them (%d) in tensor %q; "+
			"write it to a path with external data or make the table smaller", total, maxBytes, largest, name)
	}
	return nil
}

// initializers yields the parameters and constants in the order of their first use; constants that share their
// tensor come once.
func initializers(g *graph.Graph) func(func(*graph.Value) bool) {
	return func(yield func(*graph.Value) bool) {
		seen := map[any]bool{}
		for _, n := range g.Nodes {
			for _, v := range n.Inputs {
				if v == nil || v.Kind() != graph.FromConst && v.Kind() != graph.FromParam || seen[identity(v)] {
					continue
				}
				seen[identity(v)] = true
				if !yield(v) {
					return
				}
			}
		}
	}
}

// identity is the same for values that hold the same initialiser.
func identity(v *graph.Value) any {
	if v.Kind() == graph.FromConst {
		return v.Data()
	}
	return v
}

func graphProto(g *graph.Graph, out *outside) (*onnxpb.Graph, error) {
	names, err := newNames(g)
	if err != nil {
		return nil, err
	}
	pg := &onnxpb.Graph{Name: g.Name}
	if pg.Name == "" {
		pg.Name = "graph" // ONNX's checker wants one.
	}
	for _, v := range g.Inputs {
		pg.Inputs = append(pg.Inputs, valueInfo(v.Name(), v))
	}
	for _, o := range g.Outputs {
		pg.Outputs = append(pg.Outputs, valueInfo(o.Name, o.Value))
	}
	for v := range initializers(g) {
		t := v.Data()
		if t == nil {
			return nil, fmt.Errorf("parameter %q has no data: initialise or load the graph first", v.Name())
		}
		var pt *onnxpb.Tensor
		if out.takes(t) {
			pt = out.add(names.of(v), t)
		} else if pt, err = writeTensor(names.of(v), t); err != nil {
			return nil, err
		}
		if v.Kind() == graph.FromParam {
			pt.Doc = parameterDoc
		}
		pg.Initializers = append(pg.Initializers, pt)
	}
	for _, n := range g.Nodes {
		pn, err := nodeProto(n, names)
		if err != nil {
			return nil, fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
		}
		pg.Nodes = append(pg.Nodes, pn)
	}
	return pg, nil
}

func nodeProto(n *graph.Node, names *names) (*onnxpb.Node, error) {
	pn := &onnxpb.Node{Name: n.Name, OpType: n.Op.Type, Domain: n.Op.Domain}
	last := 0
	for i, v := range n.Inputs {
		if v == nil {
			pn.Inputs = append(pn.Inputs, "")
			continue
		}
		pn.Inputs = append(pn.Inputs, names.of(v))
		last = i + 1
	}
	pn.Inputs = pn.Inputs[:last]
	for _, v := range n.Outputs {
		pn.Outputs = append(pn.Outputs, names.of(v))
	}
	for _, name := range n.Attrs.Names() {
		a, err := writeAttribute(name, n.Attrs[name])
		if err != nil {
			return nil, err
		}
		pn.Attributes = append(pn.Attributes, a)
	}
	return pn, nil
}

func writeAttribute(name string, value any) (*onnxpb.Attribute, error) {
	a := &onnxpb.Attribute{Name: name}
	switch v := value.(type) {
	case int64:
		a.Type, a.I = onnxpb.AttributeInt, v
	case float32:
		a.Type, a.F = onnxpb.AttributeFloat, v
	case string:
		a.Type, a.S = onnxpb.AttributeString, v
	case []int64:
		a.Type, a.Ints = onnxpb.AttributeInts, v
	case []float32:
		a.Type, a.Floats = onnxpb.AttributeFloats, v
	case []string:
		a.Type, a.Strings = onnxpb.AttributeStrings, v
	case *tensor.Tensor:
		t, err := writeTensor("", v)
		if err != nil {
			return nil, fmt.Errorf("attribute %q: %w", name, err)
		}
		a.Type, a.T = onnxpb.AttributeTensor, t
	default:
		return nil, fmt.Errorf("attribute %q has type %T, which ONNX has not", name, value)
	}
	return a, nil
}

func valueInfo(name string, v *graph.Value) *onnxpb.ValueInfo {
	shape := &onnxpb.Shape{}
	for _, d := range v.Shape() {
		switch {
		case d.IsFixed():
			shape.Dims = append(shape.Dims, &onnxpb.Dim{HasValue: true, Value: int64(d.Size)})
		case d.Name == graph.Unknown:
			shape.Dims = append(shape.Dims, &onnxpb.Dim{})
		default:
			shape.Dims = append(shape.Dims, &onnxpb.Dim{Param: d.Name})
		}
	}
	return &onnxpb.ValueInfo{Name: name, Type: &onnxpb.Type{Tensor: &onnxpb.TensorType{
		ElemType: dataType(v.DType()), Shape: shape,
	}}}
}

// names gives every value of a graph a tensor name of its own.
type names struct{ byID map[any]string }

func (n *names) of(v *graph.Value) string { return n.byID[identity(v)] }

func newNames(g *graph.Graph) (*names, error) {
	n := &names{byID: map[any]string{}}
	taken := map[string]string{}
	fix := func(what, name string, v *graph.Value) error {
		if other, ok := taken[name]; ok {
			return fmt.Errorf("%s and %s are both called %q: rename one", other, what, name)
		}
		taken[name] = what
		n.byID[identity(v)] = name
		return nil
	}
	for _, o := range g.Outputs {
		if _, ok := n.byID[identity(o.Value)]; ok {
			return nil, fmt.Errorf("output %q is a tensor that another output names", o.Name)
		}
		if err := fix("an output", o.Name, o.Value); err != nil {
			return nil, err
		}
	}
	for _, v := range g.Inputs {
		if err := fix("an input", v.Name(), v); err != nil {
			return nil, err
		}
	}
	for v := range initializers(g) {
		if v.Kind() != graph.FromParam {
			continue
		}
		if err := fix("a parameter", v.Name(), v); err != nil {
			return nil, err
		}
	}
	free := func(v *graph.Value) {
		if _, ok := n.byID[identity(v)]; ok {
			return
		}
		name := v.Name()
		for i := 2; taken[name] != ""; i++ {
			name = v.Name() + "_" + strconv.Itoa(i)
		}
		taken[name] = "a tensor"
		n.byID[identity(v)] = name
	}
	for v := range initializers(g) {
		free(v)
	}
	for _, node := range g.Nodes {
		for _, v := range node.Outputs {
			free(v)
		}
	}
	return n, nil
}
