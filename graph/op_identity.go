package graph

import "recsys/tensor"

// Identity returns a copy of x (any type).
func (b *Builder) Identity(x *Value) *Value { return b.op("Identity", nil, x) }

func opIdentity() *Op {
	return &Op{
		Type: "Identity", Since: 16,
		Infer: inferSame(),
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			return tensor.Copy(out[0], in[0])
		},
		Grad: func(c *GradContext) { c.Set(0, c.Upstream(0)) },
	}
}
