package graph

import (
	"errors"
	"fmt"

	"recsys/tensor"
)

// ReduceMin returns the least element of x over axes (float32, int64, int32), all when there are none; axes stay with
// size 1 when keep is true. NaN wins; the least of nothing fails the run. Elements that share the first place share
// the gradient.
func (b *Builder) ReduceMin(x *Value, axes []int64, keep bool) *Value {
	return b.op("ReduceMin", reduceAttrs(axes, keep), x)
}

func opReduceMin() *Op {
	return &Op{
		Type: "ReduceMin", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 1); err != nil {
				return err
			}
			return inferReduce(c, c.Node.Attrs.Ints("axes"), tensor.Float32, tensor.Int64, tensor.Int32)
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			if out[0].Len() > 0 && in[0].Len() == 0 {
				return errors.New("there is no least of no elements")
			}
			axes := n.Attrs.Ints("axes")
			switch in[0].DType() {
			case tensor.Float32:
				reduceMin[float32](axes, in[0], out[0])
			case tensor.Int64:
				reduceMin[int64](axes, in[0], out[0])
			case tensor.Int32:
				reduceMin[int32](axes, in[0], out[0])
			default:
				return fmt.Errorf("no kernel for %s", in[0].DType())
			}
			return nil
		},
		Grad: func(c *GradContext) {
			b := c.B
			least := b.Cast(b.Equal(c.In(0), b.spread(c.Out(0), c)), tensor.Float32)
			count := b.ReduceSum(least, c.reducedAxes(), true)
			c.Set(0, b.Div(b.Mul(b.spread(c.Upstream(0), c), least), count))
		},
	}
}

// reduceMin begins with an element of each result's own: the first walk leaves the last of them, the second compares.
func reduceMin[T number](axes []int64, in, out *tensor.Tensor) {
	x, y := tensor.MustData[T](in), tensor.MustData[T](out)
	copyRows(reduceWalk(in.Shape(), axes).swapped(), y, x)
	w := reduceWalk(in.Shape(), axes)
	for w.next() {
		to := w.off[1]
		for _, v := range x[w.off[0] : w.off[0]+w.n] {
			y[to] = min(y[to], v)
			to += w.step[1]
		}
	}
}
