package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"recsys/tensor"
)

// Concat joins values of one type along axis; their other dimensions must be the same (any type). Symbolic sizes add
// up to a dimension named after the sum, such as "(B+M)".
func (b *Builder) Concat(axis int64, xs ...*Value) *Value {
	return b.op("Concat", Attrs{"axis": axis}, xs...)
}

func opConcat() *Op {
	return &Op{
		Type: "Concat", Since: 13,
		Infer: inferConcat,
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			axis, err := Axis(n.Attrs.Int("axis", 0), out[0].Rank())
			if err != nil {
				return err
			}
			at := 0
			for _, x := range in {
				if err := copyWalk(sectionWalk(x.Shape(), out[0].Shape(), axis, at), out[0], x); err != nil {
					return err
				}
				at += x.Dim(axis)
			}
			return nil
		},
		Grad: func(c *GradContext) {
			axis, _ := Axis(c.Node.Attrs.Int("axis", 0), len(c.Out(0).shape))
			sizes := make([]int64, len(c.Node.Inputs))
			for i, v := range c.Node.Inputs {
				if !v.shape[axis].IsFixed() {
					concatSymbolicGrad(c, axis)
					return
				}
				sizes[i] = int64(v.shape[axis].Size)
			}
			for i, g := range c.B.Split(c.Upstream(0), int64(axis), sizes...) {
				c.Set(i, g)
			}
		},
	}
}

func inferConcat(c *InferContext) error {
	if len(c.In) == 0 || !c.Has(0) {
		return errors.New("takes one input or more")
	}
	if _, ok := c.Node.Attrs["axis"]; !ok {
		return errors.New("attribute axis is missing")
	}
	first := c.In[0]
	axis, err := Axis(c.Node.Attrs.Int("axis", 0), len(first.Shape))
	if err != nil {
		return err
	}
	dims := make([]Dim, len(c.In))
	for i, t := range c.In {
		if t.DType != first.DType || len(t.Shape) != len(first.Shape) {
			return fmt.Errorf("inputs 0 and %d are %s and %s", i, first, t)
		}
		for a, d := range t.Shape {
			if a != axis && !d.Same(first.Shape[a]) {
				return fmt.Errorf("inputs 0 and %d are %s and %s: axis %d differs", i, first, t, a)
			}
		}
		dims[i] = t.Shape[axis]
	}
	shape := slices.Clone(first.Shape)
	shape[axis] = sumDims(dims)
	c.Out(0, first.DType, shape)
	return nil
}

// concatSymbolicGrad cuts the upstream gradient where one of the inputs has a symbolic size: what stands before it is
// counted from the start, what stands behind it from the end.
func concatSymbolicGrad(c *GradContext, axis int) {
	before, after, symbolic := int64(0), int64(0), -1
	for i, v := range c.Node.Inputs {
		switch d := v.shape[axis]; {
		case d.IsFixed() && symbolic < 0:
			before += int64(d.Size)
		case d.IsFixed():
			after += int64(d.Size)
		case symbolic >= 0:
			c.B.Fail(fmt.Errorf("node %q: Concat has no gradient along axis %d of two symbolic sizes, %s; give one a "+
				"fixed size", c.Node.Name, axis, c.Out(0).shape))
			return
		default:
			symbolic = i
		}
	}
	at := int64(0)
	for i, v := range c.Node.Inputs {
		size := int64(v.shape[axis].Size)
		switch {
		case i < symbolic:
			c.Set(i, c.B.SliceAxis(c.Upstream(0), int64(axis), at, at+size))
			at += size
		case i == symbolic && after == 0:
			c.Set(i, c.B.SliceAxis(c.Upstream(0), int64(axis), before, math.MaxInt64))
		case i == symbolic:
			c.Set(i, c.B.SliceAxis(c.Upstream(0), int64(axis), before, -after))
			at = -after
		case at+size == 0:
			c.Set(i, c.B.SliceAxis(c.Upstream(0), int64(axis), at, math.MaxInt64))
		default:
			c.Set(i, c.B.SliceAxis(c.Upstream(0), int64(axis), at, at+size))
			at += size
		}
	}
}

// sectionWalk walks a tensor of shape part, operand 1, together with its place in a tensor of shape whole, operand
// 0: the indices from at on along axis.
func sectionWalk(part, whole []int, axis, at int) walk {
	var w walk
	var strides [MaxRank][maxOperands]int
	lay(&strides, 0, whole, len(whole))
	lay(&strides, 1, part, len(part))
	for i, size := range part {
		w.axis(size, strides[i])
	}
	w.off[0] = at * strides[axis][0]
	return w
}
