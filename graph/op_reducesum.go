package graph

import (
	"errors"
	"fmt"

	"recsys/tensor"
)

// ReduceSum returns the sum of x over axes (float32, int64, int32), all when there are none; summed axes stay with size
// 1 when keep is true. The sum of nothing is 0.
func (b *Builder) ReduceSum(x *Value, axes []int64, keep bool) *Value {
	attrs := Attrs{"keepdims": boolAttr(keep)}
	if len(axes) == 0 {
		return b.op("ReduceSum", attrs, x)
	}
	return b.op("ReduceSum", attrs, x, b.Int64s(axes...))
}

func boolAttr(v bool) int64 {
	if v {
		return 1
	}
	return 0
}

func opReduceSum() *Op {
	return &Op{
		Type: "ReduceSum", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 2); err != nil {
				return err
			}
			var axes []int64
			if c.Has(1) {
				var err error
				if axes, err = c.Int64s(1); err != nil {
					return err
				}
			}
			if c.Node.Attrs.Int("noop_with_empty_axes", 0) != 0 && len(axes) == 0 {
				return errors.New("attribute noop_with_empty_axes is not supported; name the axes")
			}
			return inferReduce(c, axes, tensor.Float32, tensor.Int64, tensor.Int32)
		},
		Rows: alongRows(&RowRule{Kind: RowReduce, Compute: sumRows}, (*Node).reduceAxes),
		Kernel: func(r *Run, _ *Node, in, out []*tensor.Tensor) error {
			var axes []int64
			if len(in) > 1 && in[1] != nil {
				axes = tensor.MustData[int64](in[1])
			}
			switch in[0].DType() {
			case tensor.Float32:
				sumFloat32(r, axes, in[0], out[0])
			case tensor.Int64:
				sumInt[int64](axes, in[0], out[0])
			case tensor.Int32:
				sumInt[int32](axes, in[0], out[0])
			default:
				return fmt.Errorf("no kernel for %s", in[0].DType())
			}
			return nil
		},
		Grad: func(c *GradContext) { c.Set(0, c.B.spread(c.Upstream(0), c)) },
	}
}

// inferReduce is the shape rule of reductions of input 0 over axes, all axes when there are none.
func inferReduce(c *InferContext, axes []int64, dtypes ...tensor.DType) error {
	if err := c.WantDType(0, dtypes...); err != nil {
		return err
	}
	gone, err := axisSet(axes, len(c.In[0].Shape))
	if err != nil {
		return err
	}
	shape := Shape{}
	for i, d := range c.In[0].Shape {
		switch {
		case !gone[i]:
			shape = append(shape, d)
		case c.Node.Attrs.Int("keepdims", 1) != 0:
			shape = append(shape, Fixed(1))
		}
	}
	c.Out(0, c.In[0].DType, shape)
	return nil
}

// axisSet marks the axes of a shape of the given rank; none means all.
func axisSet(axes []int64, rank int) (set [MaxRank]bool, err error) {
	for _, a := range axes {
		i, err := Axis(a, rank)
		if err != nil {
			return set, err
		}
		set[i] = true
	}
	if len(axes) == 0 {
		for i := range rank {
			set[i] = true
		}
	}
	return set, nil
}

// reduceWalk walks a tensor of the given shape, operand 0, in order, together with its reduction, operand 1.
func reduceWalk(shape []int, axes []int64) walk {
	gone, _ := axisSet(axes, len(shape))
	var reduced [MaxRank]int
	for i, d := range shape {
		reduced[i] = d
		if gone[i] {
			reduced[i] = 1
		}
	}
	return broadcastWalk(shape, reduced[:len(shape)])
}

// sumFloat32 sums in an order that depends on the shapes alone.
func sumFloat32(r *Run, axes []int64, in, out *tensor.Tensor) {
	x, y := tensor.MustData[float32](in), tensor.MustData[float32](out)
	clear(y)
	w := reduceWalk(in.Shape(), axes)
	for w.next() {
		row, to := x[w.off[0]:w.off[0]+w.n], w.off[1]
		if w.step[1] == 0 {
			y[to] += r.Kernels.Sum(row)
		} else {
			r.Kernels.Add(y[to:to+w.n], y[to:to+w.n], row)
		}
	}
}

// sumRows sums each row as sumFloat32 does: from 0, which turns a sum of -0 into 0.
func sumRows(r *Run, _ *Node, y []float32, x [][]float32, width int) {
	for i := range y {
		y[i] = 0 + r.Kernels.Sum(x[0][i*width:(i+1)*width])
	}
}

func sumInt[T int64 | int32](axes []int64, in, out *tensor.Tensor) {
	x, y := tensor.MustData[T](in), tensor.MustData[T](out)
	clear(y)
	w := reduceWalk(in.Shape(), axes)
	for w.next() {
		to := w.off[1]
		for _, v := range x[w.off[0] : w.off[0]+w.n] {
			y[to] += v
			to += w.step[1]
		}
	}
}

// spread undoes a reduction: it repeats g, of the shape of the node's output, to that of the node's input 0.
func (b *Builder) spread(g *Value, c *GradContext) *Value {
	if c.Node.Attrs.Int("keepdims", 1) == 0 {
		g = b.Unsqueeze(g, c.reducedAxes())
	}
	return b.Expand(g, b.ShapeOf(c.In(0)))
}

// reducedAxes returns the non-negative axes that the node reduces, ascending.
func (c *GradContext) reducedAxes() []int64 {
	rank := len(c.In(0).shape)
	set, _ := axisSet(c.Node.reduceAxes(), rank)
	var out []int64
	for i := range rank {
		if set[i] {
			out = append(out, int64(i))
		}
	}
	return out
}
