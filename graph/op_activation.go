package graph

import (
	"recsys/internal/portable"
	"recsys/tensor"
)

// Sigmoid returns 1/(1+exp(-x)) elementwise (float32).
func (b *Builder) Sigmoid(x *Value) *Value { return b.op("Sigmoid", nil, x) }

// Tanh returns the hyperbolic tangent elementwise (float32).
func (b *Builder) Tanh(x *Value) *Value { return b.op("Tanh", nil, x) }

// Softplus returns log(1+exp(x)) elementwise (float32), without overflow.
func (b *Builder) Softplus(x *Value) *Value { return b.op("Softplus", nil, x) }

func opSigmoid() *Op {
	return &Op{
		Type: "Sigmoid", Since: 13,
		Infer:  inferSame(tensor.Float32),
		Kernel: unaryFloat32(func(r *Run, y, x []float32) { r.Kernels.Sigmoid(y, x) }),
		Grad: func(c *GradContext) {
			b, y := c.B, c.Out(0)
			c.Set(0, b.Mul(c.Upstream(0), b.Mul(y, b.Sub(b.Float32(1), y))))
		},
	}
}

func opTanh() *Op {
	return &Op{
		Type: "Tanh", Since: 13,
		Infer:  inferSame(tensor.Float32),
		Kernel: unaryFloat32(func(r *Run, y, x []float32) { r.Kernels.Tanh(y, x) }),
		Grad: func(c *GradContext) {
			b, y := c.B, c.Out(0)
			c.Set(0, b.Mul(c.Upstream(0), b.Sub(b.Float32(1), b.Mul(y, y))))
		},
	}
}

func opSoftplus() *Op {
	return &Op{
		Type: "Softplus", Since: 1,
		Infer: inferSame(tensor.Float32),
		// log(1+exp(x)) = max(x,0) + log1p(exp(-|x|)): the exponential never overflows.
		Kernel: unaryFloat32(softplus),
		Grad: func(c *GradContext) {
			c.Set(0, c.B.Mul(c.Upstream(0), c.B.Sigmoid(c.In(0))))
		},
	}
}

func softplus(r *Run, y, x []float32) {
	e := r.Scratch(len(x))
	for i, v := range x {
		e[i] = -abs(v)
	}
	r.Kernels.Exp(e, e)
	for i, v := range x {
		y[i] = max(v, 0) + portable.Log1p32(e[i])
	}
}
