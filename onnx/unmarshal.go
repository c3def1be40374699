package onnx

import (
	"errors"
	"fmt"
	"strconv"

	"recsys/graph"
	"recsys/internal/onnxpb"
	"recsys/tensor"
)

// Option changes how a model is read.
type Option func(*options)

type options struct {
	asParams bool
	folder   string
}

// AsParams makes initialisers parameters of the graph, which can be trained: those that were parameters when we wrote the
// model; in a model of another exporter every float32 initialiser of at least one axis. Without it all
// initialisers are constants.
func AsParams() Option { return func(o *options) { o.asParams = true } }

// Folder names the model's folder, below which initialisers with external data find their files. [Read] knows it; without
// it such a model is an error.
func Folder(path string) Option { return func(o *options) { o.folder = path } }

// maxIR is the newest IR version whose messages we understand: what came later concerns functions, new element
// types and devices only.
const maxIR = 10

// Unmarshal reads a ModelProto. It takes any bytes: what is malformed, contradicts itself or is not supported is an
// error that names the node and what is supported, and memory stays in proportion to len(data) and, with [Folder], to the
// files of external data.
func Unmarshal(data []byte, opts ...Option) (*graph.Graph, error) {
	var o options
	for _, set := range opts {
		set(&o)
	}
	m, err := onnxpb.Unmarshal(data)
	if err != nil {
		return nil, err
	}
	if m.Graph == nil {
		return nil, errors.New("the model has no graph: is it an ONNX file?")
	}
	if m.IRVersion > maxIR || m.IRVersion < 3 {
		return nil, fmt.Errorf("IR version %d is not supported; supported are 3 to %d", m.IRVersion, maxIR)
	}
	g, err := readGraph(m, o)
	if err != nil {
		return nil, fmt.Errorf("read ONNX graph %q: %w", m.Graph.Name, err)
	}
	return g, nil
}

// importer builds a graph from a model. Values are found by tensor name; an empty name is an absent input.
type importer struct {
	b      *graph.Builder
	ops    *operators
	values map[string]*graph.Value
	state  tensor.Map // the parameters' data
	o      options
	folder folder
}

func readGraph(m *onnxpb.Model, o options) (*graph.Graph, error) {
	pg := m.Graph
	if m.Functions > 0 {
		return nil, errors.New("the model defines functions, which are not supported: export it with functions inlined")
	}
	if pg.SparseInitializers > 0 {
		return nil, errors.New("sparse initialisers are not supported")
	}
	ops, err := readOpsets(m)
	if err != nil {
		return nil, err
	}
	im := &importer{b: graph.NewBuilder(pg.Name), ops: ops, values: map[string]*graph.Value{}, state: tensor.Map{}, o: o, folder: folder{path: o.folder}}
	defer im.folder.close()
	if err := im.sources(pg); err != nil {
		return nil, err
	}
	for i, n := range pg.Nodes {
		if err := im.node(n); err != nil {
			return nil, fmt.Errorf("node %d %q: %w", i, n.Name, err)
		}
	}
	for _, out := range pg.Outputs {
		if err := im.output(out); err != nil {
			return nil, fmt.Errorf("output %q: %w", out.Name, err)
		}
	}
	g, err := im.b.Build()
	if err != nil {
		return nil, err
	}
	return g, g.Load(im.state)
}

func (im *importer) define(name string, v *graph.Value) error {
	if im.values[name] != nil {
		return fmt.Errorf("tensor %q is defined twice", name)
	}
	im.values[name] = v
	return im.b.Err()
}

// sources declares inputs and initialisers. Up to IR version 3 initialisers are inputs as well, and later ones may be, to say that
// they can be replaced; we never replace them.
func (im *importer) sources(pg *onnxpb.Graph) error {
	initialized := map[string]bool{}
	marked := false
	for _, t := range pg.Initializers {
		initialized[t.Name] = true
		marked = marked || t.Doc == parameterDoc
	}
	for _, in := range pg.Inputs {
		if initialized[in.Name] {
			continue
		}
		if err := im.input(in); err != nil {
			return fmt.Errorf("input %q: %w", in.Name, err)
		}
	}
	for _, p := range pg.Initializers {
		read := readTensor
		if len(p.ExternalData) > 0 || p.DataLocation != 0 {
			read = im.folder.read
		}
		t, err := read(p)
		if err != nil {
			return fmt.Errorf("initialiser %q: %w", p.Name, err)
		}
		var v *graph.Value
		if im.o.asParams && t.DType() == tensor.Float32 && (p.Doc == parameterDoc || !marked && t.Rank() > 0) {
			v = im.b.Param(p.Name, graph.Dims(t.Shape()...), nil)
			im.state[p.Name] = t
		} else {
			v = im.b.Const(p.Name, t)
		}
		if err := im.define(p.Name, v); err != nil {
			return err
		}
	}
	return nil
}

func (im *importer) input(in *onnxpb.ValueInfo) error {
	d, shape, err := tensorType(in)
	if err != nil {
		return err
	}
	if shape == nil {
		return errNoShape
	}
	dims, err := dimensions(in.Name, shape)
	if err != nil {
		return err
	}
	return im.define(in.Name, im.b.Input(in.Name, d, dims))
}

var errNoShape = errors.New("has no shape: every input needs its number of axes")

// dimensions gives free dimensions names: those that they have, or that of the tensor.
func dimensions(name string, shape *onnxpb.Shape) (graph.Shape, error) {
	dims := make(graph.Shape, len(shape.Dims))
	for i, dim := range shape.Dims {
		switch {
		case dim.HasValue && dim.Value > 0:
			dims[i] = graph.Fixed(int(dim.Value))
		case dim.HasValue && dim.Value == 0:
			return nil, fmt.Errorf("axis %d has size 0", i)
		case dim.Param != "" && dim.Param != graph.Unknown:
			dims[i] = graph.Sym(dim.Param)
		case i == 0:
			dims[i] = graph.Sym("B") // Exporters leave the batch axis unnamed at times.
		default:
			dims[i] = graph.Sym(name + "_" + strconv.Itoa(i))
		}
	}
	return dims, nil
}

func tensorType(v *onnxpb.ValueInfo) (tensor.DType, *onnxpb.Shape, error) {
	if v.Name == "" {
		return 0, nil, errors.New("has no name")
	}
	if v.Type == nil || v.Type.Tensor == nil || v.Type.Other {
		return 0, nil, errors.New("is no tensor: sequences, maps and optional values are not supported")
	}
	d, err := dtype(v.Type.Tensor.ElemType)
	return d, v.Type.Tensor.Shape, err
}

// output checks that the declared type agrees with the inferred one, where both say something.
func (im *importer) output(out *onnxpb.ValueInfo) error {
	d, shape, err := tensorType(out)
	if err != nil {
		return err
	}
	v := im.values[out.Name]
	if v == nil {
		return errors.New("no node makes it")
	}
	agree := d == v.DType() && (shape == nil || len(shape.Dims) == v.Rank())
	if agree && shape != nil {
		for i, dim := range shape.Dims {
			have := v.Shape()[i]
			agree = agree && (!dim.HasValue || dim.Value < 1 || !have.IsFixed() || have.Is(int(dim.Value)))
		}
	}
	if !agree {
		return fmt.Errorf("is declared with another type than the %s that its node makes", v)
	}
	im.b.Output(out.Name, v)
	return im.b.Err()
}
