package graph

import (
	"fmt"

	"recsys/internal/portable"
	"recsys/tensor"
)

// Pow returns x to the power y elementwise, broadcasting (both float32). The gradient flows to x alone.
func (b *Builder) Pow(x, y *Value) *Value { return b.op("Pow", nil, x, y) }

func opPow() *Op {
	return &Op{
		Type: "Pow", Since: 15,
		Infer: inferBroadcast(tensor.Float32),
		Kernel: func(r *Run, _ *Node, in, out []*tensor.Tensor) error {
			if in[1].Len() == 1 && in[1].Rank() <= in[0].Rank() {
				powScalar(tensor.MustData[float32](out[0]), tensor.MustData[float32](in[0]), tensor.MustData[float32](in[1])[0])
				return nil
			}
			binaryFloat32(r, func(z, x, y []float32) {
				for i := range z {
					z[i] = portable.Pow32(x[i], y[i])
				}
			}, in, out)
			return nil
		},
		Grad: func(c *GradContext) {
			b := c.B
			if c.In(1).kind != FromConst {
				b.Fail(fmt.Errorf("node %q: Pow has a gradient for a constant exponent only", c.Node.Name))
				return
			}
			slope := b.Mul(c.In(1), b.Pow(c.In(0), b.Sub(c.In(1), b.Float32(1))))
			c.SetBroadcast(0, b.Mul(c.Upstream(0), slope))
		},
	}
}

func powScalar(z, x []float32, y float32) {
	switch y {
	case 1:
		copy(z, x)
	case 2:
		for i, v := range x {
			z[i] = v * v
		}
	default:
		for i, v := range x {
			z[i] = portable.Pow32(v, y)
		}
	}
}
