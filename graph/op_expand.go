package graph

import (
	"recsys/tensor"
)

// Expand repeats x along the axes that its broadcast with the target shape adds (any type). The target is a constant
// or ShapeOf another value.
func (b *Builder) Expand(x, target *Value) *Value { return b.op("Expand", nil, x, target) }

func opExpand() *Op {
	return &Op{
		Type: "Expand", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 2); err != nil {
				return err
			}
			target, err := c.Dims(1)
			if err != nil {
				return err
			}
			if err := checkDims(target); err != nil {
				return err
			}
			shape, err := Broadcast(c.In[0].Shape, target)
			if err != nil {
				return err
			}
			c.Out(0, c.In[0].DType, shape)
			return nil
		},
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			return copyWalk(broadcastWalk(out[0].Shape(), in[0].Shape()), out[0], in[0])
		},
		Grad: func(c *GradContext) { c.SetBroadcast(0, c.Upstream(0)) },
	}
}
