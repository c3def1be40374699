package graph

import (
	"errors"
	"math"

	"recsys/tensor"
)

// DynamicQuantizeLinear quantises x (float32) to uint8 by its own range, widened to hold 0: scale = (max-min)/255, or 1
// where that is 0, and zero = -min/scale, rounded. It returns y of x's shape, the scale (float32) and the zero point
// (uint8), scalars. NaN and infinities fail the run. It has no gradient.
func (b *Builder) DynamicQuantizeLinear(x *Value) (y, scale, zero *Value) {
	outs := b.Apply(b.ops["DynamicQuantizeLinear"], nil, x)
	return outs[0], outs[1], outs[2]
}

var errNotFinite = errors.New("x holds NaN or an infinity, which no scale can hold")

func opDynamicQuantizeLinear() *Op {
	return &Op{
		Type: "DynamicQuantizeLinear", Since: 11,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 1); err != nil {
				return err
			}
			if err := c.WantDType(0, tensor.Float32); err != nil {
				return err
			}
			c.Out(0, tensor.Uint8, c.In[0].Shape)
			c.Out(1, tensor.Float32, nil)
			c.Out(2, tensor.Uint8, nil)
			return nil
		},
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			x := tensor.MustData[float32](in[0])
			var least, most float32
			for _, v := range x {
				least, most = min(least, v), max(most, v)
			}
			scale := (most - least) / math.MaxUint8
			if scale-scale != 0 {
				return errNotFinite
			}
			if least == most {
				scale = 1
			}
			zero := uint8(math.RoundToEven(float64(min(-least/scale, math.MaxUint8))))
			quantize(tensor.MustData[uint8](out[0]), x, scale, zero, 0, math.MaxUint8)
			tensor.MustData[float32](out[1])[0] = scale
			tensor.MustData[uint8](out[2])[0] = zero
			return nil
		},
	}
}
