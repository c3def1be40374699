package graph

import (
	"errors"
	"fmt"

	"recsys/tensor"
)

// DequantizeLinear returns (x-zero)·scale (float32, Jacob et al. 2018, equation 1) for x of int8, uint8 or int32. Scale
// is one float32 for all, or one for each place along axis, [n]. Zero has the type of x and the shape of scale; nil is 0,
// and int32 takes no other. It has no gradient.
func (b *Builder) DequantizeLinear(x, scale, zero *Value, axis int64) *Value {
	if zero == nil {
		return b.op("DequantizeLinear", Attrs{"axis": axis}, x, scale)
	}
	return b.op("DequantizeLinear", Attrs{"axis": axis}, x, scale, zero)
}

func opDequantizeLinear() *Op {
	return &Op{
		Type: "DequantizeLinear", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 3); err != nil {
				return err
			}
			if err := errors.Join(c.WantDType(0, tensor.Int8, tensor.Uint8, tensor.Int32), inferScale(c)); err != nil {
				return err
			}
			if c.Has(2) && (c.In[2].DType != c.In[0].DType || c.In[0].DType == tensor.Int32) {
				return fmt.Errorf("the zero point is %s, x %s", c.In[2].DType, c.In[0].DType)
			}
			c.Out(0, tensor.Float32, c.In[0].Shape)
			return nil
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			switch x := in[0].Any().(type) {
			case []int8:
				return dequantize(n, x, in, out[0])
			case []uint8:
				return dequantize(n, x, in, out[0])
			case []int32:
				return dequantize(n, x, in, out[0])
			}
			return fmt.Errorf("no kernel for %s", in[0].DType())
		},
	}
}

func dequantize[T int8 | uint8 | int32](n *Node, x []T, in []*tensor.Tensor, out *tensor.Tensor) error {
	y, scale, zero := tensor.MustData[float32](out), tensor.MustData[float32](in[1]), zeroPoint[T](in)
	p, err := placesOf(n, in[0], in[1])
	if err != nil {
		return err
	}
	for p.next() {
		by, z := scale[p.i], int32(0)
		if zero != nil {
			z = int32(zero[p.i])
		}
		to := y[p.from:p.to]
		for i, v := range x[p.from:p.to] {
			to[i] = float32(int32(v)-z) * by
		}
	}
	return nil
}
