package graph

import "recsys/tensor"

// ShapeOf returns the shape of x as an int64 vector (ONNX Shape). Reshape and Expand take it as their target, and
// shape rules see through it: this is how a gradient returns to a shape with two symbolic dimensions.
func (b *Builder) ShapeOf(x *Value) *Value { return b.op("Shape", nil, x) }

func opShape() *Op {
	return &Op{
		Type: "Shape", Since: 15,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 1); err != nil {
				return err
			}
			c.Out(0, tensor.Int64, Dims(len(c.In[0].Shape)))
			return nil
		},
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			y := tensor.MustData[int64](out[0])
			for i, d := range in[0].Shape() {
				y[i] = int64(d)
			}
			return nil
		},
	}
}
