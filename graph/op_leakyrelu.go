package graph

import "recsys/tensor"

// LeakyRelu returns x, times alpha below 0, elementwise (float32). The gradient at 0 is 1.
func (b *Builder) LeakyRelu(x *Value, alpha float32) *Value {
	return b.op("LeakyRelu", Attrs{"alpha": alpha}, x)
}

// Elu returns x, alpha·(exp(x)-1) below 0, elementwise (float32). The gradient at 0 is 1. Clevert, Unterthiner and
// Hochreiter 2016, equation 15; the error near 0 is some units in the last place of alpha, not of the result.
func (b *Builder) Elu(x *Value, alpha float32) *Value {
	return b.op("Elu", Attrs{"alpha": alpha}, x)
}

// HardSigmoid returns alpha·x+beta, limited to [0,1], elementwise (float32). The gradient at the limits is 0.
func (b *Builder) HardSigmoid(x *Value, alpha, beta float32) *Value {
	return b.op("HardSigmoid", Attrs{"alpha": alpha, "beta": beta}, x)
}

func opLeakyRelu() *Op {
	alpha := func(n *Node) float32 { return n.Attrs.Float("alpha", 0.01) }
	return &Op{
		Type: "LeakyRelu", Since: 16,
		Infer: inferSame(tensor.Float32),
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			y, slope := tensor.MustData[float32](out[0]), alpha(n)
			for i, v := range tensor.MustData[float32](in[0]) {
				if v < 0 {
					v *= slope
				}
				y[i] = v
			}
			return nil
		},
		Grad: func(c *GradContext) {
			b, g := c.B, c.Upstream(0)
			c.Set(0, b.Where(b.Less(c.In(0), b.Float32(0)), b.Mul(g, b.Float32(alpha(c.Node))), g))
		},
	}
}

func opElu() *Op {
	alpha := func(n *Node) float32 { return n.Attrs.Float("alpha", 1) }
	return &Op{
		Type: "Elu", Since: 6,
		Infer: inferSame(tensor.Float32),
		Kernel: func(r *Run, n *Node, in, out []*tensor.Tensor) error {
			x, y, scale := tensor.MustData[float32](in[0]), tensor.MustData[float32](out[0]), alpha(n)
			r.Kernels.Exp(y, x)
			for i, v := range x {
				if v < 0 {
					y[i] = scale * (y[i] - 1)
				} else {
					y[i] = v
				}
			}
			return nil
		},
		// Below 0 the derivative is alpha·exp(x) = y + alpha.
		Grad: func(c *GradContext) {
			b, g := c.B, c.Upstream(0)
			low := b.Mul(g, b.Add(c.Out(0), b.Float32(alpha(c.Node))))
			c.Set(0, b.Where(b.Less(c.In(0), b.Float32(0)), low, g))
		},
	}
}

func opHardSigmoid() *Op {
	alpha := func(n *Node) float32 { return n.Attrs.Float("alpha", 0.2) }
	return &Op{
		Type: "HardSigmoid", Since: 6,
		Infer: inferSame(tensor.Float32),
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			y, slope, offset := tensor.MustData[float32](out[0]), alpha(n), n.Attrs.Float("beta", 0.5)
			for i, v := range tensor.MustData[float32](in[0]) {
				y[i] = max(0, min(1, float32(slope*v)+offset))
			}
			return nil
		},
		Grad: func(c *GradContext) {
			b, y, zero := c.B, c.Out(0), c.B.Float32(0)
			inside := b.And(b.Greater(y, zero), b.Less(y, b.Float32(1)))
			c.Set(0, b.Where(inside, b.Mul(c.Upstream(0), b.Float32(alpha(c.Node))), zero))
		},
	}
}
