package graph

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"recsys/tensor"
)

// Builder makes a Graph. Its error is sticky: after the first fault every method returns a placeholder and Build
// returns the fault. A Builder is not safe for concurrent use and serves for one graph.
type Builder struct {
	name    string
	err     error
	ops     map[string]*Op
	scope   []string
	names   map[string]int // every name in use, with the next suffix to try
	inputs  []*Value
	params  map[string]*Value
	nodes   []*Node
	outputs []Output

	training bool
}

// NewBuilder starts a graph. The name is informative.
func NewBuilder(name string) *Builder {
	return &Builder{name: name, ops: Standard(), names: map[string]int{}, params: map[string]*Value{}}
}

// Train makes the graph one that is trained: layers with random parts, such as dropout, have them there alone.
func (b *Builder) Train() { b.training = true }

// Training reports whether the graph is one that is trained.
func (b *Builder) Training() bool { return b.training }

// UniformInput begins the names of the inputs of random numbers.
const UniformInput = "uniform/"

// Uniform declares an input of random numbers in [0,1), float32, which training draws anew for every step. Its name is
// UniformInput, the scope and name; a second one of the name gets a number behind it.
func (b *Builder) Uniform(name string, shape Shape) *Value {
	if b.err != nil {
		return b.Fail(nil)
	}
	return b.input(b.unique(UniformInput+b.scoped(name)), tensor.Float32, shape)
}

// Err returns the first fault so far.
func (b *Builder) Err() error { return b.err }

// Fail records a fault, if it is the first, and returns a placeholder value for the caller to return. Layers use it
// to refuse settings.
func (b *Builder) Fail(err error) *Value {
	if b.err == nil {
		b.err = fmt.Errorf("graph %q: %w", b.name, err)
	}
	return &Value{name: "invalid", dtype: tensor.Float32, owner: b}
}

// Scope prefixes the names of nodes and parameters made until the returned function is called.
//
//	defer b.Scope("mlp")()
func (b *Builder) Scope(name string) func() {
	b.scope = append(b.scope, name)
	depth := len(b.scope)
	return func() { b.scope = b.scope[:depth-1] }
}

func (b *Builder) scoped(name string) string {
	if len(b.scope) == 0 {
		return name
	}
	return strings.Join(b.scope, "/") + "/" + name
}

// unique returns name, or name_2, name_3 … when it is taken, and takes it.
func (b *Builder) unique(name string) string {
	for {
		n := b.names[name]
		b.names[name] = n + 1
		if n == 0 {
			return name
		}
		candidate := name + "_" + strconv.Itoa(n+1)
		if b.names[candidate] == 0 {
			b.names[candidate] = 1
			return candidate
		}
	}
}

func (b *Builder) take(name string) error {
	if b.names[name] > 0 {
		return fmt.Errorf("the name %q is taken", name)
	}
	b.names[name] = 1
	return nil
}

// Input declares an input. Scopes do not apply: the name is the one callers use.
func (b *Builder) Input(name string, dtype tensor.DType, shape Shape) *Value {
	if b.err != nil {
		return b.Fail(nil)
	}
	if err := b.take(name); err != nil {
		return b.Fail(fmt.Errorf("input: %w", err))
	}
	return b.input(name, dtype, shape)
}

// input declares an input of a name that is taken for it.
func (b *Builder) input(name string, dtype tensor.DType, shape Shape) *Value {
	v := &Value{name: name, dtype: dtype, shape: slices.Clone(shape), kind: FromInput, owner: b}
	b.inputs = append(b.inputs, v)
	return v
}

// Param declares a float32 parameter of fixed shape, or returns the one of that path, which then must have the
// same shape. The path is prefixed with the current scope.
func (b *Builder) Param(path string, shape Shape, init Initializer) *Value {
	if _, ok := shape.Fixed(); !ok {
		return b.Fail(fmt.Errorf("parameter %q has the symbolic shape %s", path, shape))
	}
	return b.share(&Param{Path: b.scoped(path), Shape: slices.Clone(shape), Init: init})
}

// share makes p a value of the builder, or returns the value of the parameter that has p's path already.
func (b *Builder) share(p *Param) *Value {
	if b.err != nil {
		return b.Fail(nil)
	}
	if v, ok := b.params[p.Path]; ok {
		if !v.shape.Same(p.Shape) {
			return b.Fail(fmt.Errorf("parameter %q has the shapes %s and %s", p.Path, v.shape, p.Shape))
		}
		return v
	}
	if err := b.take(p.Path); err != nil {
		return b.Fail(fmt.Errorf("parameter: %w", err))
	}
	v := &Value{name: p.Path, dtype: tensor.Float32, shape: p.Shape, kind: FromParam, param: p, owner: b}
	b.params[p.Path] = v
	return v
}

// Const adds a constant, which keeps t. An empty name is replaced by one of the builder's.
func (b *Builder) Const(name string, t *tensor.Tensor) *Value {
	if name == "" {
		name = "const"
	}
	return &Value{
		name: b.unique(b.scoped(name)), dtype: t.DType(), shape: Dims(t.Shape()...), kind: FromConst, data: t, owner: b,
	}
}

// Int64s adds a constant int64 vector.
func (b *Builder) Int64s(values ...int64) *Value {
	return b.Const("", tensor.Of(slices.Clone(values), len(values)))
}

// Float32 adds a constant rank-0 float32.
func (b *Builder) Float32(v float32) *Value { return b.Const("", tensor.Scalar(v)) }

// Int64 adds a constant rank-0 int64.
func (b *Builder) Int64(v int64) *Value { return b.Const("", tensor.Scalar(v)) }

// Apply adds a node of any operator, the builder's own or a caller's, and returns its outputs. The methods named
// after operators are easier to use.
func (b *Builder) Apply(op *Op, attrs Attrs, inputs ...*Value) []*Value {
	return b.apply(b.scoped(strings.ToLower(op.Type)), op, attrs, inputs)
}

func (b *Builder) apply(name string, op *Op, attrs Attrs, inputs []*Value) []*Value {
	for _, v := range inputs {
		if b.err == nil && v != nil && v.owner != b {
			b.Fail(fmt.Errorf("%s: value %q belongs to another builder", op, v.name))
		}
	}
	if b.err != nil {
		return []*Value{b.Fail(nil), b.Fail(nil)}
	}
	if err := attrs.validate(); err != nil {
		b.Fail(fmt.Errorf("%s: %w", op, err))
		return []*Value{b.Fail(nil), b.Fail(nil)}
	}
	n := &Node{Name: b.unique(name), Op: op, Attrs: attrs, Inputs: slices.Clone(inputs)}
	types, err := InferNode(n, (*Value).Shape)
	if err != nil {
		b.Fail(err)
		return []*Value{b.Fail(nil), b.Fail(nil)}
	}
	for i, t := range types {
		out := n.Name
		if i > 0 {
			out = b.unique(n.Name + ":" + strconv.Itoa(i))
		}
		n.Outputs = append(n.Outputs, &Value{name: out, dtype: t.DType, shape: t.Shape, node: n, index: i, owner: b})
	}
	b.nodes = append(b.nodes, n)
	return slices.Clone(n.Outputs) // the caller's to change
}

// op adds a node of a standard operator with one output.
func (b *Builder) op(typ string, attrs Attrs, inputs ...*Value) *Value {
	return b.ops1(typ, attrs, inputs...)[0]
}

func (b *Builder) ops1(typ string, attrs Attrs, inputs ...*Value) []*Value {
	return b.Apply(b.ops[typ], attrs, inputs...)
}

// Output names a result. The order of calls is the order of the graph's outputs.
func (b *Builder) Output(name string, v *Value) {
	if b.err != nil {
		return
	}
	for _, o := range b.outputs {
		if o.Name == name {
			b.Fail(fmt.Errorf("output %q is named twice", name))
			return
		}
		if o.Value == v {
			v = b.Identity(v)
		}
	}
	if v.kind != FromNode {
		v = b.Identity(v)
	}
	b.outputs = append(b.outputs, Output{name, v})
}

// Nodes returns the nodes so far, producers first. The caller must not change them.
func (b *Builder) Nodes() []*Node { return b.nodes }

// Build returns the graph of everything that the outputs need: unused nodes, inputs and parameters are dropped.
func (b *Builder) Build() (*Graph, error) {
	if b.err != nil {
		return nil, b.err
	}
	if len(b.outputs) == 0 {
		return nil, fmt.Errorf("graph %q: %w", b.name, errors.New("no outputs"))
	}
	live := map[*Value]bool{}
	for _, o := range b.outputs {
		live[o.Value] = true
	}
	g := &Graph{Name: b.name, Outputs: slices.Clone(b.outputs)}
	for _, n := range slices.Backward(b.nodes) {
		if !slices.ContainsFunc(n.Outputs, func(v *Value) bool { return live[v] }) {
			continue
		}
		g.Nodes = append(g.Nodes, n)
		for _, v := range n.Inputs {
			if v != nil {
				live[v] = true
			}
		}
	}
	slices.Reverse(g.Nodes)
	for _, v := range b.inputs {
		if live[v] {
			g.Inputs = append(g.Inputs, v)
		}
	}
	for _, v := range b.params {
		if live[v] {
			g.Params = append(g.Params, v.param)
		}
	}
	slices.SortFunc(g.Params, func(x, y *Param) int { return strings.Compare(x.Path, y.Path) })
	return g, nil
}
