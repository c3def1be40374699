package graph

import (
	"errors"
	"math"

	"recsys/tensor"
)

// ReduceMax returns the greatest element of x over axes (float32), all when there are none; axes stay with size 1 when
// keep is true. NaN wins; the greatest of nothing fails the run. Elements that share the first place share the
// gradient.
func (b *Builder) ReduceMax(x *Value, axes []int64, keep bool) *Value {
	return b.op("ReduceMax", reduceAttrs(axes, keep), x)
}

func opReduceMax() *Op {
	return &Op{
		Type: "ReduceMax", Since: 13,
		Infer: inferReduceAttr,
		Kernel: func(r *Run, n *Node, in, out []*tensor.Tensor) error {
			x, y := tensor.MustData[float32](in[0]), tensor.MustData[float32](out[0])
			if len(y) > 0 && len(x) == 0 {
				return errors.New("there is no greatest of no elements")
			}
			fill(y, float32(math.Inf(-1)))
			w := reduceWalk(in[0].Shape(), n.Attrs.Ints("axes"))
			for w.next() {
				row, to := x[w.off[0]:w.off[0]+w.n], w.off[1]
				if w.step[1] == 0 {
					y[to] = max(y[to], r.Kernels.Max(row))
					continue
				}
				for i, v := range row {
					y[to+i] = max(y[to+i], v)
				}
			}
			return nil
		},
		Grad: func(c *GradContext) {
			b := c.B
			top := b.Cast(b.Equal(c.In(0), b.spread(c.Out(0), c)), tensor.Float32)
			count := b.ReduceSum(top, c.reducedAxes(), true)
			c.Set(0, b.Div(b.Mul(b.spread(c.Upstream(0), c), top), count))
		},
	}
}
