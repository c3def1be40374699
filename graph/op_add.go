package graph

import "recsys/tensor"

// Add returns x+y elementwise, broadcasting (float32, int64, int32).
func (b *Builder) Add(x, y *Value) *Value { return b.op("Add", nil, x, y) }

func opAdd() *Op {
	return &Op{
		Type: "Add", Since: 14,
		Infer: inferBroadcast(tensor.Float32, tensor.Int64, tensor.Int32),
		Rows:  elementwise2(func(r *Run, z, x, y []float32) { r.Kernels.Add(z, x, y) }),
		Kernel: func(r *Run, _ *Node, in, out []*tensor.Tensor) error {
			if in[0].DType() == tensor.Float32 {
				binaryFloat32(r, r.Kernels.Add, in, out)
				return nil
			}
			return binaryInt(func(x, y int64) int64 { return x + y }, in, out)
		},
		Grad: func(c *GradContext) {
			c.SetBroadcast(0, c.Upstream(0))
			c.SetBroadcast(1, c.Upstream(0))
		},
	}
}
