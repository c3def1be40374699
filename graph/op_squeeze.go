package graph

import (
	"fmt"

	"recsys/tensor"
)

// Squeeze drops axes of size 1 (any type); no axes means all such ones, for which the shape of x has to be fixed.
func (b *Builder) Squeeze(x *Value, axes []int64) *Value {
	return b.op("Squeeze", nil, x, b.Int64s(axes...))
}

// Unsqueeze adds axes of size 1 at the given places of the result, whose rank is that of x plus their number; -1 is
// the last (any type).
func (b *Builder) Unsqueeze(x *Value, axes []int64) *Value {
	return b.op("Unsqueeze", nil, x, b.Int64s(axes...))
}

func opSqueeze() *Op {
	return &Op{
		Type: "Squeeze", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 2); err != nil {
				return err
			}
			x := c.In[0].Shape
			drop, err := squeezed(c, x)
			if err != nil {
				return err
			}
			shape := Shape{}
			for i, d := range x {
				if !drop[i] {
					shape = append(shape, d)
				}
			}
			c.Out(0, c.In[0].DType, shape)
			return nil
		},
		Kernel: copyKernel,
		Grad:   func(c *GradContext) { c.Set(0, c.B.Reshape(c.Upstream(0), c.B.ShapeOf(c.In(0)))) },
	}
}

// squeezed marks the axes that a Squeeze drops.
func squeezed(c *InferContext, x Shape) ([]bool, error) {
	drop := make([]bool, len(x))
	var axes []int64
	if c.Has(1) {
		var err error
		if axes, err = c.Int64s(1); err != nil {
			return nil, err
		}
	}
	if len(axes) == 0 {
		for i, d := range x {
			if !d.IsFixed() {
				return nil, fmt.Errorf("shape %s is symbolic: name the axes to drop", x)
			}
			drop[i] = d.Size == 1
		}
		return drop, nil
	}
	for _, a := range axes {
		i, err := Axis(a, len(x))
		if err != nil {
			return nil, err
		}
		if !x[i].Is(1) {
			return nil, fmt.Errorf("axis %d of %s is %s, not 1", a, x, x[i])
		}
		drop[i] = true
	}
	return drop, nil
}

func opUnsqueeze() *Op {
	return &Op{
		Type: "Unsqueeze", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 2); err != nil {
				return err
			}
			axes, err := c.Int64s(1)
			if err != nil {
				return err
			}
			rank := len(c.In[0].Shape) + len(axes)
			added := make([]bool, rank)
			for _, a := range axes {
				i, err := Axis(a, rank)
				if err != nil {
					return err
				}
				if added[i] {
					return fmt.Errorf("axes %v name axis %d twice", axes, i)
				}
				added[i] = true
			}
			shape, next := make(Shape, rank), 0
			for i := range shape {
				if added[i] {
					shape[i] = Fixed(1)
					continue
				}
				shape[i] = c.In[0].Shape[next]
				next++
			}
			c.Out(0, c.In[0].DType, shape)
			return nil
		},
		Kernel: copyKernel,
		Grad: func(c *GradContext) {
			axes := tensor.MustData[int64](c.In(1).data)
			c.Set(0, c.B.Squeeze(c.Upstream(0), axes))
		},
	}
}

// copyKernel is the kernel of operators that only change the shape.
func copyKernel(_ *Run, _ *Node, in, out []*tensor.Tensor) error { return tensor.Copy(out[0], in[0]) }
