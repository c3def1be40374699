package graph

import (
	"errors"
	"fmt"
	"slices"

	"recsys/tensor"
)

// GatherND returns the slices of x that indices (int64) address: with x [A,B,D], indices [...,2] give [...,D] (any
// type). Negative indices count from the end; others outside fail the run.
func (b *Builder) GatherND(x, indices *Value) *Value { return b.op("GatherND", nil, x, indices) }

func opGatherND() *Op {
	return &Op{
		Type: "GatherND", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 2); err != nil {
				return err
			}
			if err := c.WantDType(1, tensor.Int64); err != nil {
				return err
			}
			if c.Node.Attrs.Int("batch_dims", 0) != 0 {
				return errors.New("attribute batch_dims is not supported; leave it out")
			}
			x, indices := c.In[0].Shape, c.In[1].Shape
			last := len(indices) - 1
			if last < 0 || !indices[last].IsFixed() || indices[last].Size < 1 || indices[last].Size > len(x) {
				return fmt.Errorf("indices %s do not address data %s", indices, x)
			}
			c.Out(0, c.In[0].DType, slices.Concat(indices[:last], x[indices[last].Size:]))
			return nil
		},
		Kernel: gatherNDKernel,
		Grad: func(c *GradContext) {
			b := c.B
			zeros := b.Expand(b.Float32(0), b.ShapeOf(c.In(0)))
			c.Set(0, b.ScatterND(zeros, c.In(1), c.Upstream(0), "add"))
		},
	}
}

func gatherNDKernel(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
	m, err := moverOf(in[0].DType())
	if err != nil {
		return err
	}
	return m.gatherND(in, out[0])
}

func gatherND[T tensor.Element](in []*tensor.Tensor, out *tensor.Tensor) error {
	x, y, ids := tensor.MustData[T](in[0]), tensor.MustData[T](out), tensor.MustData[int64](in[1])
	shape, depth := in[0].Shape(), in[1].Dim(-1)
	row := 1
	for _, d := range shape[depth:] {
		row *= d
	}
	for i := 0; i*depth < len(ids); i++ {
		at := 0
		for k := range depth {
			id, size := ids[i*depth+k], shape[k]
			if id < int64(-size) || id >= int64(size) {
				return indexError(id, size)
			}
			if id < 0 {
				id += int64(size)
			}
			at = at*size + int(id)
		}
		copy(y[i*row:(i+1)*row], x[at*row:(at+1)*row])
	}
	return nil
}
