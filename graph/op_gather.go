package graph

import (
	"errors"
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
		Kernel:     gatherKernel,
		Grad:       gatherGrad,
		SparseGrad: gatherSparseGrad,
	}
}

// gatherGrad adds the upstream slices to zeros. The axis of x, and those of indices in its place, are first moved to
// the front.
func gatherGrad(c *GradContext) {
	b, x, g := c.B, c.In(0), c.Upstream(0)
	axis, err := Axis(c.Node.Attrs.Int("axis", 0), len(x.shape))
	if err != nil {
		b.Fail(err)
		return
	}
	ids := b.Unsqueeze(int64Of(b, c.In(1)), []int64{-1})
	if axis == 0 {
		c.Set(0, b.ScatterND(b.Expand(b.Float32(0), b.ShapeOf(x)), ids, g, "add"))
		return
	}
	front := toFront(len(x.shape), axis, 1)
	zeros := b.Expand(b.Float32(0), b.ShapeOf(b.Transpose(x, front)))
	slices := b.Transpose(g, toFront(len(g.shape), axis, len(c.In(1).shape)))
	c.Set(0, b.Transpose(b.ScatterND(zeros, ids, slices, "add"), inverse(front)))
}

// gatherSparseGrad is for matrices and axis 0.
func gatherSparseGrad(c *GradContext) (ids, rows *Value) {
	table := c.In(0).shape
	if c.Node.Attrs.Int("axis", 0) != 0 || len(table) != 2 {
		return nil, nil
	}
	ids = c.B.Reshape(int64Of(c.B, c.In(1)), c.B.Int64s(-1))
	return ids, c.B.Reshape(c.Upstream(0), c.B.Int64s(-1, int64(table[1].Size)))
}

func int64Of(b *Builder, ids *Value) *Value {
	if ids.dtype == tensor.Int64 {
		return ids
	}
	return b.Cast(ids, tensor.Int64)
}

// toFront is the permutation of rank axes that moves the n ones from axis on to the front.
func toFront(rank, axis, n int) []int64 {
	perm := make([]int64, 0, rank)
	for i := range n {
		perm = append(perm, int64(axis+i))
	}
	for i := range rank {
		if i < axis || i >= axis+n {
			perm = append(perm, int64(i))
		}
	}
	return perm
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
	m, err := moverOf(in[0].DType())
	if err != nil {
		return err
	}
	return m.gather(g, out[0], in[0], in[1])
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
