package graph

import "recsys/tensor"

// Mul returns x·y elementwise, broadcasting (float32, int64, int32).
func (b *Builder) Mul(x, y *Value) *Value { return b.op("Mul", nil, x, y) }

func opMul() *Op {
	return &Op{
		Type: "Mul", Since: 14,
		Infer: inferBroadcast(tensor.Float32, tensor.Int64, tensor.Int32),
		Rows:  elementwise2(func(r *Run, z, x, y []float32) { r.Kernels.Mul(z, x, y) }),
		Kernel: func(r *Run, _ *Node, in, out []*tensor.Tensor) error {
			if in[0].DType() == tensor.Float32 {
				binaryFloat32(r, r.Kernels.Mul, in, out)
				return nil
			}
			return binaryInt(func(x, y int64) int64 { return x * y }, in, out)
		},
		Grad: func(c *GradContext) {
			c.SetBroadcast(0, c.B.Mul(c.Upstream(0), c.In(1)))
			c.SetBroadcast(1, c.B.Mul(c.Upstream(0), c.In(0)))
		},
	}
}
