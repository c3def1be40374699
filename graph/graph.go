package graph

import (
	"fmt"
	"slices"
	"strings"

	"recsys/tensor"
)

// Kind says where a value comes from.
type Kind uint8

// The kinds of values.
const (
	FromNode  Kind = iota // computed by a node
	FromInput             // given by the caller of a run
	FromParam             // learned
	FromConst             // fixed when the graph was built
)

// Value is a tensor to be: one output of a node, an input, a parameter or a constant. Values belong to the
// builder or graph that made them; they are immutable and comparable by pointer.
type Value struct {
	name  string
	dtype tensor.DType
	shape Shape
	kind  Kind
	node  *Node
	index int
	param *Param
	data  *tensor.Tensor
	owner *Builder
}

// Name returns the name, unique in its graph.
func (v *Value) Name() string { return v.name }

// DType returns the element type.
func (v *Value) DType() tensor.DType { return v.dtype }

// Shape returns the shape as inferred at building. The caller must not change it.
func (v *Value) Shape() Shape { return v.shape }

// Rank returns the number of dimensions.
func (v *Value) Rank() int { return len(v.shape) }

// Kind says where the value comes from.
func (v *Value) Kind() Kind { return v.kind }

// Node returns the producer and which of its outputs v is; nil for values that no node computes.
func (v *Value) Node() (*Node, int) { return v.node, v.index }

// Param returns the parameter behind the value, or nil.
func (v *Value) Param() *Param { return v.param }

// Data returns the tensor of a constant or parameter (shared, not a copy); nil for other values and for
// parameters that are not initialised.
func (v *Value) Data() *tensor.Tensor {
	if v.param != nil {
		return v.param.Data
	}
	return v.data
}

func (v *Value) String() string { return fmt.Sprintf("%s %s%s", v.name, v.dtype, v.shape) }

// Param is a learned tensor with a path such as "rank/mlp/0/weight". Graphs that were inlined into one another
// share their Params by pointer.
type Param struct {
	Path  string
	Shape Shape // fixed
	Init  Initializer
	// Data is nil until Graph.InitParams or Graph.Load; a trainer changes its elements in place.
	Data *tensor.Tensor
}

// Node is one operator at work. Inputs may hold nil for an optional input that is absent.
type Node struct {
	Name    string
	Op      *Op
	Attrs   Attrs
	Inputs  []*Value
	Outputs []*Value
}

// Output is a named result of a graph.
type Output struct {
	Name  string
	Value *Value
}

// Graph is a built graph. Its structure is immutable and safe for concurrent readers; the data of Params is not
// guarded.
type Graph struct {
	Name    string
	Inputs  []*Value
	Params  []*Param // in ascending order of path
	Nodes   []*Node  // every node stands behind the producers of its inputs
	Outputs []Output
}

// Input finds an input by name, nil when there is none.
func (g *Graph) Input(name string) *Value {
	i := slices.IndexFunc(g.Inputs, func(v *Value) bool { return v.name == name })
	if i < 0 {
		return nil
	}
	return g.Inputs[i]
}

// Output finds an output's value by name, nil when there is none.
func (g *Graph) Output(name string) *Value {
	i := slices.IndexFunc(g.Outputs, func(o Output) bool { return o.Name == name })
	if i < 0 {
		return nil
	}
	return g.Outputs[i].Value
}

// Param finds a parameter by path, nil when there is none.
func (g *Graph) Param(path string) *Param {
	i, ok := slices.BinarySearchFunc(g.Params, path, func(p *Param, path string) int {
		return strings.Compare(p.Path, path)
	})
	if !ok {
		return nil
	}
	return g.Params[i]
}

// State returns the parameters' tensors by path, shared with the graph.
func (g *Graph) State() tensor.Map {
	state := make(tensor.Map, len(g.Params))
	for _, p := range g.Params {
		state[p.Path] = p.Data
	}
	return state
}

// Load points every parameter at the tensor of its path in state, which may hold more. It fails, changing
// nothing, when one is missing or has another type or shape.
func (g *Graph) Load(state tensor.Map) error {
	for _, p := range g.Params {
		t, ok := state[p.Path]
		if !ok {
			return fmt.Errorf("load graph %q: no tensor for parameter %q", g.Name, p.Path)
		}
		want, _ := p.Shape.Fixed()
		if t.DType() != tensor.Float32 || !slices.Equal(t.Shape(), want) {
			return fmt.Errorf("load graph %q: parameter %q is float32%s, the state has %s", g.Name, p.Path, p.Shape, t)
		}
	}
	for _, p := range g.Params {
		p.Data = state[p.Path]
	}
	return nil
}
