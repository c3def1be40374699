package graph

import "recsys/tensor"

// Sub returns x-y elementwise, broadcasting (float32, int64, int32).
func (b *Builder) Sub(x, y *Value) *Value { return b.op("Sub", nil, x, y) }

func opSub() *Op {
	return &Op{
		Type: "Sub", Since: 14,
		Infer: inferBroadcast(tensor.Float32, tensor.Int64, tensor.Int32),
		Rows:  elementwise2(func(r *Run, z, x, y []float32) { r.Kernels.Sub(z, x, y) }),
		Kernel: func(r *Run, _ *Node, in, out []*tensor.Tensor) error {
			if in[0].DType() == tensor.Float32 {
				binaryFloat32(r, r.Kernels.Sub, in, out)
				return nil
			}
			return binaryInt(func(x, y int64) int64 { return x - y }, in, out)
		},
		Grad: func(c *GradContext) {
			c.SetBroadcast(0, c.Upstream(0))
			c.Set(1, c.B.Neg(c.B.sumTo(c.Upstream(0), c.In(1))))
		},
	}
}
