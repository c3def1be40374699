package graph

import (
	"cmp"
	"fmt"

	"recsys/tensor"
)

// Clip limits x to [low, high] elementwise (float32, int64, int32). Either bound may be nil; bounds have one element
// of x's type. NaN stays NaN. The gradient is 0 outside the bounds and 1 on them.
func (b *Builder) Clip(x, low, high *Value) *Value { return b.op("Clip", nil, x, low, high) }

func opClip() *Op {
	return &Op{
		Type: "Clip", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 3); err != nil {
				return err
			}
			if err := c.WantDType(0, tensor.Float32, tensor.Int64, tensor.Int32); err != nil {
				return err
			}
			for i := 1; i < len(c.In); i++ {
				if c.Has(i) && (c.In[i].DType != c.In[0].DType || len(c.In[i].Shape) > 0) {
					return fmt.Errorf("bound %d is %s; it has to be %s of rank 0", i, c.In[i], c.In[0].DType)
				}
			}
			c.Out(0, c.In[0].DType, c.In[0].Shape)
			return nil
		},
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			switch in[0].DType() {
			case tensor.Float32:
				clip[float32](in, out)
			case tensor.Int64:
				clip[int64](in, out)
			case tensor.Int32:
				clip[int32](in, out)
			default:
				return fmt.Errorf("no kernel for %s", in[0].DType())
			}
			return nil
		},
		Grad: func(c *GradContext) {
			b, g := c.B, c.Upstream(0)
			for i := 1; i < len(c.Node.Inputs); i++ {
				bound := c.In(i)
				switch {
				case bound == nil:
				case i == 1:
					g = b.Where(b.GreaterOrEqual(c.In(0), bound), g, b.Float32(0))
				default:
					g = b.Where(b.LessOrEqual(c.In(0), bound), g, b.Float32(0))
				}
			}
			c.Set(0, g)
		},
	}
}

// clip applies the lower bound first, so the upper one wins where they cross.
func clip[T interface {
	tensor.Element
	cmp.Ordered
}](in, out []*tensor.Tensor) {
	x, y := tensor.MustData[T](in[0]), tensor.MustData[T](out[0])
	copy(y, x)
	if len(in) > 1 && in[1] != nil {
		low := tensor.MustData[T](in[1])[0]
		for i, v := range y {
			if v < low {
				y[i] = low
			}
		}
	}
	if len(in) > 2 && in[2] != nil {
		high := tensor.MustData[T](in[2])[0]
		for i, v := range y {
			if v > high {
				y[i] = high
			}
		}
	}
}
