package graph

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// Split cuts x along axis, whose size is fixed, into parts of the given sizes (any type).
func (b *Builder) Split(x *Value, axis int64, sizes ...int64) []*Value {
	outs := b.Apply(b.ops["Split"], Attrs{"axis": axis}, x, b.Int64s(sizes...))
	for len(outs) < len(sizes) { // placeholders after a fault
		outs = append(outs, outs[0])
	}
	return outs
}

func opSplit() *Op {
	return &Op{
		Type: "Split", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 2); err != nil {
				return err
			}
			sizes, err := c.Int64s(1)
			if err != nil {
				return err
			}
			x := c.In[0].Shape
			axis, err := Axis(c.Node.Attrs.Int("axis", 0), len(x))
			if err != nil {
				return err
			}
			total := int64(0)
			for i, n := range sizes {
				if n < 0 {
					return fmt.Errorf("sizes %v are negative", sizes)
				}
				total += n
				shape := slices.Clone(x)
				shape[axis] = Fixed(int(n))
				c.Out(i, c.In[0].DType, shape)
			}
			if !x[axis].Is(int(total)) {
				return fmt.Errorf("axis %d of %s does not split into %v", axis, x, sizes)
			}
			return nil
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			axis, err := Axis(n.Attrs.Int("axis", 0), in[0].Rank())
			if err != nil {
				return err
			}
			at := 0
			for _, y := range out {
				w := sectionWalk(y.Shape(), in[0].Shape(), axis, at)
				at += y.Dim(axis)
				if err := copyWalk(w.swapped(), y, in[0]); err != nil {
					return err
				}
			}
			return nil
		},
		Grad: func(c *GradContext) {
			b := c.B
			parts := make([]*Value, len(c.Node.Outputs))
			for i, y := range c.Node.Outputs {
				if parts[i] = c.Upstream(i); parts[i] == nil {
					parts[i] = b.Expand(b.Float32(0), b.ShapeOf(y))
				}
			}
			c.Set(0, b.Concat(c.Node.Attrs.Int("axis", 0), parts...))
		},
	}
}
