package graph

import (
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
		Rows:   elementwise1(func(r *Run, y, x []float32) { r.Kernels.Sigmoid(y, x) }),
		Kernel: unaryFloat32(func(r *Run, y, x []float32) { r.Kernels.Sigmoid(y, x) }),
		Grad: func(c *GradContext) {
			c.Set(0, c.B.Mul(c.Upstream(0), c.B.sigmoidSlope(c.Out(0))))
		},
	}
}

func opTanh() *Op {
	return &Op{
		Type: "Tanh", Since: 13,
		Infer:  inferSame(tensor.Float32),
		Rows:   elementwise1(func(r *Run, y, x []float32) { r.Kernels.Tanh(y, x) }),
		Kernel: unaryFloat32(func(r *Run, y, x []float32) { r.Kernels.Tanh(y, x) }),
		Grad: func(c *GradContext) {
			c.Set(0, c.B.Mul(c.Upstream(0), c.B.tanhSlope(c.Out(0))))
		},
	}
}

func opSoftplus() *Op {
	return &Op{
		Type: "Softplus", Since: 1,
		Infer: inferSame(tensor.Float32),
		Rows:  elementwise1(softplus),
		// log(1+exp(x)) = max(x,0) + log1p(exp(-|x|)): the exponential never overflows.
		Kernel: unaryFloat32(softplus),
		Grad: func(c *GradContext) {
			c.Set(0, c.B.Mul(c.Upstream(0), c.B.Sigmoid(c.In(0))))
		},
	}
}

func softplus(r *Run, y, x []float32) {
	buffer := r.Scratch(2 * chunk)
	for len(x) > 0 {
		n := min(len(x), chunk)
		softplusChunk(r, y[:n], x[:n], buffer[:n], buffer[chunk:chunk+n])
		x, y = x[n:], y[n:]
	}
}

// softplusChunk computes log1p(e), e = exp(-|x|), as log(u)·e/(u-1) with u = 1+e rounded, which cancels the rounding
// of u (Goldberg 1991, theorem 4); u = 1 means that log1p(e) is e.
func softplusChunk(r *Run, y, x, e, log []float32) {
	for i, v := range x {
		e[i] = -abs(v)
	}
	r.Kernels.Exp(e, e)
	for i, v := range e {
		log[i] = 1 + v
	}
	r.Kernels.Log(log, log)
	for i, v := range x {
		tail := e[i]
		if d := (1 + tail) - 1; d != 0 {
			tail = float32(log[i]*tail) / d
		}
		y[i] = max(v, 0) + tail
	}
}

// sigmoidSlope and tanhSlope are the derivatives, from the functions' values.
func (b *Builder) sigmoidSlope(y *Value) *Value { return b.Mul(y, b.Sub(b.Float32(1), y)) }

func (b *Builder) tanhSlope(y *Value) *Value { return b.Sub(b.Float32(1), b.Mul(y, y)) }
