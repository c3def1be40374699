package graph

import (
	"math"

	"recsys/tensor"
)

// ReduceL2 returns the Euclidean norm of x over axes (float32), all when there are none; axes stay with size 1 when
// keep is true. Squares are summed in float32, so that elements beyond 1.8e19 give +Inf. The norm of nothing is 0, as
// is the gradient where the norm is 0.
func (b *Builder) ReduceL2(x *Value, axes []int64, keep bool) *Value {
	return b.op("ReduceL2", reduceAttrs(axes, keep), x)
}

func opReduceL2() *Op {
	return &Op{
		Type: "ReduceL2", Since: 13,
		Infer: inferReduceAttr,
		Kernel: func(r *Run, n *Node, in, out []*tensor.Tensor) error {
			x, y := tensor.MustData[float32](in[0]), tensor.MustData[float32](out[0])
			clear(y)
			w := reduceWalk(in[0].Shape(), n.Attrs.Ints("axes"))
			for w.next() {
				row, to := x[w.off[0]:w.off[0]+w.n], w.off[1]
				if w.step[1] == 0 {
					y[to] += r.Kernels.Dot(row, row)
					continue
				}
				for i, v := range row {
					y[to+i] += float32(v * v)
				}
			}
			for i, v := range y {
				y[i] = float32(math.Sqrt(float64(v)))
			}
			return nil
		},
		Grad: func(c *GradContext) {
			b, y := c.B, c.Out(0)
			norm := b.Where(b.Equal(y, b.Float32(0)), b.Float32(1), y)
			c.Set(0, b.Mul(c.In(0), b.spread(b.Div(c.Upstream(0), norm), c)))
		},
	}
}
