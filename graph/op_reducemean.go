package graph

import (
	"slices"

	"recsys/tensor"
)

// ReduceMean returns the mean of x over axes (float32), all when there are none; axes stay with size 1 when keep is
// true. The mean of nothing is NaN.
func (b *Builder) ReduceMean(x *Value, axes []int64, keep bool) *Value {
	return b.op("ReduceMean", reduceAttrs(axes, keep), x)
}

// reduceAttrs makes the attributes of reductions that opset 17 gives their axes so.
func reduceAttrs(axes []int64, keep bool) Attrs {
	attrs := Attrs{"keepdims": boolAttr(keep)}
	if len(axes) > 0 {
		attrs["axes"] = slices.Clone(axes)
	}
	return attrs
}

func opReduceMean() *Op {
	return &Op{
		Type: "ReduceMean", Since: 13,
		Infer: inferReduceAttr,
		Rows: alongRows(&RowRule{Kind: RowReduce, Compute: func(r *Run, n *Node, y []float32, x [][]float32, width int) {
			sumRows(r, n, y, x, width)
			for i := range y {
				y[i] /= float32(width)
			}
		}}, (*Node).reduceAxes),
		Kernel: func(r *Run, n *Node, in, out []*tensor.Tensor) error {
			sumFloat32(r, n.Attrs.Ints("axes"), in[0], out[0])
			y := tensor.MustData[float32](out[0])
			if len(y) > 0 {
				count := float32(in[0].Len() / len(y))
				for i := range y {
					y[i] /= count
				}
			}
			return nil
		},
		Grad: func(c *GradContext) {
			b := c.B
			g := b.spread(c.Upstream(0), c)
			if n, ok := c.reducedCount(); ok {
				c.Set(0, b.Mul(g, b.Float32(1/float32(n))))
				return
			}
			// The number of elements is known at the run only: it is the sum of ones.
			ones := b.Expand(b.Float32(1), b.ShapeOf(c.In(0)))
			c.Set(0, b.Div(g, b.ReduceSum(ones, c.reducedAxes(), true)))
		},
	}
}

// reducedCount returns how many elements go into one of the result, when that is fixed.
func (c *GradContext) reducedCount() (int, bool) {
	n := 1
	for _, a := range c.reducedAxes() {
		d := c.In(0).shape[a]
		if !d.IsFixed() {
			return 0, false
		}
		n *= d.Size
	}
	return n, true
}

// inferReduceAttr is the shape rule of reductions whose axes are an attribute.
func inferReduceAttr(c *InferContext) error {
	if err := c.Want(1, 1); err != nil {
		return err
	}
	return inferReduce(c, c.Node.Attrs.Ints("axes"), tensor.Float32)
}
