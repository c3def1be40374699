package graph

import (
	"errors"
	"fmt"
	"slices"

	"recsys/tensor"
)

// Gather returns the slices of x along axis that indices (int64, int32) name: for axis 0 and x [V,D], indices of any
// shape S give [S…,D]. Negative indices count from the end; others outside fail the run. When x is a parameter and
// axis is 0, its gradient is row-sparse.
func (b *Builder) Gather(x, indices *Value, axis int64) *Value {
	return b.op("Gather", Attrs{"axis": axis}, x, indices)
}

func opGather() *Op {
	return &Op{
		Type: "Gather", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 2); err != nil {
				return err
			}
			if err := c.WantDType(1, tensor.Int64, tensor.Int32); err != nil {
				return err
			}
			x := c.In[0].Shape
			axis, err := Axis(c.Node.Attrs.Int("axis", 0), len(x))
			if err != nil {
				return err
			}
			c.Out(0, c.In[0].DType, slices.Concat(x[:axis], c.In[1].Shape, x[axis+1:]))
			return nil
		},
		Kernel: gatherKernel,
		Grad: func(c *GradContext) {
			if c.Node.Attrs.Int("axis", 0) != 0 {
				c.B.Fail(fmt.Errorf("node %q: Gather has a gradient along axis 0 only; transpose first", c.Node.Name))
				return
			}
			zeros := c.B.Expand(c.B.Float32(0), c.B.ShapeOf(c.In(0)))
			ids := c.B.Unsqueeze(c.In(1), []int64{-1})
			c.Set(0, c.B.ScatterND(zeros, ids, c.Upstream(0), "add"))
		},
		SparseGrad: func(c *GradContext) (ids, rows *Value) {
			table := c.In(0).shape
			if c.Node.Attrs.Int("axis", 0) != 0 || len(table) != 2 {
				return nil, nil
			}
			ids = c.B.Reshape(c.In(1), c.B.Int64s(-1))
			return ids, c.B.Reshape(c.Upstream(0), c.B.Int64s(-1, int64(table[1].Size)))
		},
	}
}

func gatherKernel(_ *Run, n *Node, in, out []*tensor.Tensor) error {
	axis, err := Axis(n.Attrs.Int("axis", 0), in[0].Rank())
	if err != nil {
		return err
	}
	shape := in[0].Shape()
	outer, inner := 1, 1
	for _, d := range shape[:axis] {
		outer *= d
	}
	for _, d := range shape[axis+1:] {
		inner *= d
	}
	g := gather{outer: outer, rows: shape[axis], inner: inner}
	switch x := in[0].Any().(type) {
	case []float32:
		return gatherRows(g, tensor.MustData[float32](out[0]), x, in[1])
	case []int64:
		return gatherRows(g, tensor.MustData[int64](out[0]), x, in[1])
	case []int32:
		return gatherRows(g, tensor.MustData[int32](out[0]), x, in[1])
	case []bool:
		return gatherRows(g, tensor.MustData[bool](out[0]), x, in[1])
	case []uint8:
		return gatherRows(g, tensor.MustData[uint8](out[0]), x, in[1])
	case []string:
		return gatherRows(g, tensor.MustData[string](out[0]), x, in[1])
	}
	return fmt.Errorf("no kernel for %s", in[0].DType())
}

type gather struct{ outer, rows, inner int }

func gatherRows[T any](g gather, y, x []T, indices *tensor.Tensor) error {
	switch ids := indices.Any().(type) {
	case []int64:
		return gatherIDs(g, y, x, ids)
	case []int32:
		return gatherIDs(g, y, x, ids)
	}
	return errors.New("indices are neither int64 nor int32")
}

func gatherIDs[T any, I int32 | int64](g gather, y, x []T, ids []I) error {
	at := 0
	for o := range g.outer {
		base := o * g.rows * g.inner
		for _, id := range ids {
			row := int(id)
			if row < 0 {
				row += g.rows
			}
			if row < 0 || row >= g.rows {
				return indexError(int64(id), g.rows)
			}
			if g.inner == 1 {
				y[at] = x[base+row]
			} else {
				copy(y[at:at+g.inner], x[base+row*g.inner:base+(row+1)*g.inner])
			}
			at += g.inner
		}
	}
	return nil
}
