package graph

import (
	"fmt"
	"slices"

	"recsys/graph/kernel"
	"recsys/tensor"
)

// Op is an operator: what ONNX calls it, its shape rule, its kernel and its gradient. An Op is shared by all its
// nodes and must not be changed.
type Op struct {
	Type   string // ONNX's name, such as "MatMul"
	Domain string // "" for ONNX's own, "ai.onnx.ml", "com.microsoft"
	Since  int    // the version of the domain's operator set that our semantics are those of
	// Infer sets the type of every output from the types of the inputs. It runs with symbolic dimensions when a
	// graph is built and with fixed ones when a run is bound.
	Infer func(c *InferContext) error
	// Prepare, where set, computes from a node what its kernel needs in every run, such as a hash table. graph/exec
	// calls it once when a plan is compiled; the result is shared by concurrent runs, which find it in Run.Prepared.
	Prepare func(n *Node) (any, error)
	// Kernel computes the outputs, which have their inferred types and hold arbitrary data. Absent optional inputs
	// are nil. It must not keep or change its inputs, must be safe for concurrent use, and returns an error for
	// data it cannot handle (an index out of range), never a panic.
	Kernel func(r *Run, n *Node, in, out []*tensor.Tensor) error
	// Rows, where set, returns the rule by which a node can be computed row by row, nil for nodes that cannot: of other
	// types than float32, or along another axis than the last.
	Rows func(n *Node) *RowRule
	// Grad adds the nodes that compute the gradients of the inputs; nil for operators without a gradient, which
	// then stop it.
	Grad func(c *GradContext)
	// SparseGrad is set by operators that read whole rows of their first input. It returns the gradient with
	// respect to that input as ids [n] int64 and rows [n,D]: row ids[i] of the table receives rows[i].
	SparseGrad func(c *GradContext) (ids, rows *Value)
}

// String returns "MatMul" or "ai.onnx.ml.LabelEncoder".
func (o *Op) String() string {
	if o.Domain == "" {
		return o.Type
	}
	return o.Domain + "." + o.Type
}

// Type is an element type and a shape.
type Type struct {
	DType tensor.DType
	Shape Shape
}

func (t Type) String() string { return t.DType.String() + t.Shape.String() }

// InferContext is what a shape rule sees.
type InferContext struct {
	Node *Node
	// In holds the inputs' types; an absent optional input has DType Invalid.
	In  []Type
	out []Type
	// shapeOf gives the shape of any value, symbolic or bound.
	shapeOf func(*Value) Shape
}

// Out sets the type of output i.
func (c *InferContext) Out(i int, dtype tensor.DType, shape Shape) {
	for len(c.out) <= i {
		c.out = append(c.out, Type{})
	}
	c.out[i] = Type{dtype, shape}
}

// Has reports whether input i is present.
func (c *InferContext) Has(i int) bool { return i < len(c.In) && c.In[i].DType != tensor.Invalid }

// Const returns the data of input i when it is a constant, else nil.
func (c *InferContext) Const(i int) *tensor.Tensor {
	if !c.Has(i) || c.Node.Inputs[i].kind != FromConst {
		return nil
	}
	return c.Node.Inputs[i].data
}

// Int64s returns the elements of input i, which has to be a constant int64 tensor.
func (c *InferContext) Int64s(i int) ([]int64, error) {
	t := c.Const(i)
	if t == nil {
		return nil, fmt.Errorf("input %d has to be a constant", i)
	}
	return tensor.Data[int64](t)
}

// Dims returns the dimensions that input i names as a shape: the elements of a constant, or the shape of x when
// input i is Shape(x). Constants may hold 0 and -1, which the operator interprets.
func (c *InferContext) Dims(i int) (Shape, error) {
	v := c.Node.Inputs[i]
	if v.kind == FromNode && v.node.Op.Type == "Shape" && v.node.Op.Domain == "" {
		return c.shapeOf(v.node.Inputs[0]), nil
	}
	ints, err := c.Int64s(i)
	if err != nil {
		return nil, fmt.Errorf("%w or Shape of a value", err)
	}
	dims := make(Shape, len(ints))
	for k, n := range ints {
		dims[k] = Fixed(int(n))
	}
	return dims, nil
}

// Want checks the number of inputs: at least least, at most most.
func (c *InferContext) Want(least, most int) error {
	if len(c.In) < least || len(c.In) > most {
		return fmt.Errorf("takes %d to %d inputs, got %d", least, most, len(c.In))
	}
	for i := range least {
		if !c.Has(i) {
			return fmt.Errorf("input %d is missing", i)
		}
	}
	return nil
}

// WantDType checks that input i has one of the given element types.
func (c *InferContext) WantDType(i int, dtypes ...tensor.DType) error {
	if slices.Contains(dtypes, c.In[i].DType) {
		return nil
	}
	return fmt.Errorf("input %d is %s; supported are %v", i, c.In[i].DType, dtypes)
}

// InferNode runs n's shape rule with the shapes that shapeOf gives for its inputs.
func InferNode(n *Node, shapeOf func(*Value) Shape) ([]Type, error) {
	c := &InferContext{Node: n, In: make([]Type, len(n.Inputs)), shapeOf: shapeOf}
	for i, v := range n.Inputs {
		if v != nil {
			c.In[i] = Type{v.dtype, shapeOf(v)}
		}
	}
	if err := n.Op.Infer(c); err != nil {
		return nil, fmt.Errorf("node %q (%s): %w", n.Name, n.Op, err)
	}
	for _, t := range slices.Concat(c.In, c.out) {
		if len(t.Shape) > MaxRank {
			return nil, fmt.Errorf("node %q (%s): shape %s has more than %d dimensions", n.Name, n.Op, t.Shape, MaxRank)
		}
	}
	return c.out, nil
}

// Run is what the nodes of one run share. It is not safe for concurrent use: a run has one.
type Run struct {
	Kernels *kernel.Set
	// Prepared is what the current node's Prepare returned, set before each Kernel; nil without Prepare.
	Prepared any
	scratch  []float32
	top      Top
}

// Scratch returns n floats of arbitrary content that are valid until the next call.
func (r *Run) Scratch(n int) []float32 {
	if cap(r.scratch) < n {
		r.scratch = make([]float32, n)
	}
	return r.scratch[:n]
}

// GradContext is what a gradient rule sees: the forward values of one node and the gradients of its outputs.
type GradContext struct {
	B        *Builder
	Node     *Node
	upstream []*Value
	grads    []*Value
}

// NewGradContext is for graph/grad.
func NewGradContext(b *Builder, n *Node, upstream []*Value) *GradContext {
	return &GradContext{B: b, Node: n, upstream: upstream, grads: make([]*Value, len(n.Inputs))}
}

// In returns the forward value of input i.
func (c *GradContext) In(i int) *Value { return c.Node.Inputs[i] }

// Out returns the forward value of output i.
func (c *GradContext) Out(i int) *Value { return c.Node.Outputs[i] }

// Upstream returns the gradient of output i, of the output's shape; nil when the loss does not depend on it.
func (c *GradContext) Upstream(i int) *Value { return c.upstream[i] }

// Set gives the gradient of input i, of the input's shape. Inputs without a Set have no gradient.
func (c *GradContext) Set(i int, g *Value) { c.grads[i] = g }

// SetBroadcast gives the gradient of input i, summing it over the axes along which the input was broadcast.
func (c *GradContext) SetBroadcast(i int, g *Value) { c.grads[i] = c.B.sumTo(g, c.In(i)) }

// Grads returns what Set recorded, by input.
func (c *GradContext) Grads() []*Value { return c.grads }
