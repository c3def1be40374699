package graph

import (
	"fmt"

	"recsys/tensor"
)

// ConstantOfShape returns a tensor of the given shape, a constant or ShapeOf another value, that holds value's one
// element throughout. A nil value means float32 0.
func (b *Builder) ConstantOfShape(shape *Value, value *tensor.Tensor) *Value {
	attrs := Attrs{}
	if value != nil {
		attrs["value"] = value
	}
	return b.op("ConstantOfShape", attrs, shape)
}

func opConstantOfShape() *Op {
	return &Op{
		Type: "ConstantOfShape", Since: 9,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 1); err != nil {
				return err
			}
			dims, err := c.Dims(0)
			if err != nil {
				return err
			}
			dtype := tensor.Float32
			if v, ok := c.Node.Attrs["value"].(*tensor.Tensor); ok {
				if v.Len() != 1 {
					return fmt.Errorf("attribute value is %s; it has to have one element", v)
				}
				dtype = v.DType()
			}
			c.Out(0, dtype, dims)
			return checkDims(dims)
		},
		Kernel: func(_ *Run, n *Node, _, out []*tensor.Tensor) error {
			v, ok := n.Attrs["value"].(*tensor.Tensor)
			if !ok {
				clear(tensor.MustData[float32](out[0]))
				return nil
			}
			return copyWalk(broadcastWalk(out[0].Shape(), nil), out[0], v)
		},
	}
}

// checkDims refuses negative dimensions.
func checkDims(dims Shape) error {
	for _, d := range dims {
		if d.IsFixed() && d.Size < 0 {
			return fmt.Errorf("shape %s has a negative dimension", dims)
		}
	}
	return nil
}
