package graph

import (
	"errors"
	"fmt"
	"slices"

	"recsys/tensor"
)

// ArgMax returns the index (int64) of the greatest element of x along axis (float32, int64, int32), the first of equal
// ones; the axis stays with size 1 when keep is true. NaN and an empty axis fail the run. It has no gradient.
func (b *Builder) ArgMax(x *Value, axis int64, keep bool) *Value {
	return b.op("ArgMax", Attrs{"axis": axis, "keepdims": boolAttr(keep)}, x)
}

func opArgMax() *Op {
	return &Op{
		Type: "ArgMax", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 1); err != nil {
				return err
			}
			if err := c.WantDType(0, tensor.Float32, tensor.Int64, tensor.Int32); err != nil {
				return err
			}
			if c.Node.Attrs.Int("select_last_index", 0) != 0 {
				return errors.New("attribute select_last_index is not supported; leave it out")
			}
			axis, err := Axis(c.Node.Attrs.Int("axis", 0), len(c.In[0].Shape))
			if err != nil {
				return err
			}
			shape := slices.Clone(c.In[0].Shape)
			shape[axis] = Fixed(1)
			if c.Node.Attrs.Int("keepdims", 1) == 0 {
				shape = slices.Delete(shape, axis, axis+1)
			}
			c.Out(0, tensor.Int64, shape)
			return nil
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			axis, err := Axis(n.Attrs.Int("axis", 0), in[0].Rank())
			if err != nil {
				return err
			}
			switch in[0].DType() {
			case tensor.Float32:
				return argMax[float32](axis, in[0], out[0])
			case tensor.Int64:
				return argMax[int64](axis, in[0], out[0])
			case tensor.Int32:
				return argMax[int32](axis, in[0], out[0])
			default:
				return fmt.Errorf("no kernel for %s", in[0].DType())
			}
		},
	}
}

func argMax[T number](axis int, in, out *tensor.Tensor) error {
	x, y := tensor.MustData[T](in), tensor.MustData[int64](out)
	_, size, inner := around(in.Shape(), axis)
	if size == 0 && len(y) > 0 {
		return errors.New("there is no greatest of no elements")
	}
	for to := range y {
		at := to/inner*size*inner + to%inner
		best := x[at]
		y[to] = 0
		for k := range size {
			v := x[at+k*inner]
			if isNaN(v) {
				return errors.New("NaN has no rank; remove it before ArgMax")
			}
			if v > best {
				best, y[to] = v, int64(k)
			}
		}
	}
	return nil
}

// around returns the size of an axis and the products of those in front of it and behind it.
func around(shape []int, axis int) (outer, size, inner int) {
	outer, inner = 1, 1
	for _, d := range shape[:axis] {
		outer *= d
	}
	for _, d := range shape[axis+1:] {
		inner *= d
	}
	return outer, shape[axis], inner
}
