package graph

import "recsys/tensor"

// Relu returns max(0, x) elementwise (float32).
func (b *Builder) Relu(x *Value) *Value { return b.op("Relu", nil, x) }

func opRelu() *Op {
	return &Op{
		Type: "Relu", Since: 14,
		Infer:  inferSame(tensor.Float32),
		Rows:   elementwise1(func(r *Run, y, x []float32) { r.Kernels.Relu(y, x) }),
		Kernel: unaryFloat32(func(r *Run, y, x []float32) { r.Kernels.Relu(y, x) }),
		// The gradient at 0 is 0.
		Grad: func(c *GradContext) { c.Set(0, c.B.reluGrad(c.Upstream(0), c.Out(0))) },
	}
}
