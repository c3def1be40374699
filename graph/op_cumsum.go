package graph

import (
	"fmt"

	"recsys/tensor"
)

// CumSum returns the running sums of x along axis (float32, int64, int32). Exclusive sums leave out the element at
// their own place, reverse ones run from the end. Floats are added one by one in that order.
func (b *Builder) CumSum(x *Value, axis int64, exclusive, reverse bool) *Value {
	return b.op("CumSum", Attrs{"exclusive": boolAttr(exclusive), "reverse": boolAttr(reverse)}, x, b.Int64(axis))
}

func opCumSum() *Op {
	return &Op{
		Type: "CumSum", Since: 14,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 2); err != nil {
				return err
			}
			if err := c.WantDType(0, tensor.Float32, tensor.Int64, tensor.Int32); err != nil {
				return err
			}
			axis, err := c.integer(1)
			if err != nil {
				return err
			}
			if _, err := Axis(axis, len(c.In[0].Shape)); err != nil {
				return err
			}
			c.Out(0, c.In[0].DType, c.In[0].Shape)
			return nil
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			at, err := integer(in[1])
			if err != nil {
				return err
			}
			axis, err := Axis(at, in[0].Rank())
			if err != nil {
				return err
			}
			switch in[0].DType() {
			case tensor.Float32:
				cumSum[float32](n, axis, in[0], out[0])
			case tensor.Int64:
				cumSum[int64](n, axis, in[0], out[0])
			case tensor.Int32:
				cumSum[int32](n, axis, in[0], out[0])
			default:
				return fmt.Errorf("no kernel for %s", in[0].DType())
			}
			return nil
		},
		// An element is in every sum from its place on: the gradient sums the other way.
		Grad: func(c *GradContext) {
			attrs := Attrs{
				"exclusive": c.Node.Attrs.Int("exclusive", 0), "reverse": 1 - boolAttr(c.Node.Attrs.Int("reverse", 0) != 0),
			}
			c.Set(0, c.B.op("CumSum", attrs, c.Upstream(0), c.In(1)))
		},
	}
}

func cumSum[T number](n *Node, axis int, in, out *tensor.Tensor) {
	x, y := tensor.MustData[T](in), tensor.MustData[T](out)
	outer, size, inner := around(in.Shape(), axis)
	exclusive, reverse := n.Attrs.Int("exclusive", 0) != 0, n.Attrs.Int("reverse", 0) != 0
	for o := range outer {
		for i := range inner {
			at, step := o*size*inner+i, inner
			if reverse {
				at, step = at+(size-1)*inner, -inner
			}
			var sum T
			for range size {
				before := sum
				sum += x[at]
				y[at] = sum
				if exclusive {
					y[at] = before
				}
				at += step
			}
		}
	}
}

// integer returns the one element of input i, which has to be a constant int64 or int32.
func (c *InferContext) integer(i int) (int64, error) {
	t := c.Const(i)
	if t == nil {
		return 0, fmt.Errorf("input %d has to be a constant", i)
	}
	v, err := integer(t)
	if err != nil {
		return 0, fmt.Errorf("input %d: %w", i, err)
	}
	return v, nil
}

// integer returns the element of an int64 or int32 tensor of rank 0 or 1.
func integer(t *tensor.Tensor) (int64, error) {
	if t.Len() == 1 && t.Rank() <= 1 {
		switch data := t.Any().(type) {
		case []int64:
			return data[0], nil
		case []int32:
			return int64(data[0]), nil
		}
	}
	return 0, fmt.Errorf("%s has to be one int64 or int32", t)
}
