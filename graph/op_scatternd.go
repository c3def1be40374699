package graph

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// ScatterND returns x with slices of updates written at the places that indices (int64) name: with x [V,D], indices
// [...,1] and updates [...,D], row indices[i] of x receives row i of updates (any type).
// Reduction "none" writes, later updates last; "add" adds (numbers only). Negative indices count from the end; others
// outside fail the run.
func (b *Builder) ScatterND(x, indices, updates *Value, reduction string) *Value {
	return b.op("ScatterND", Attrs{"reduction": reduction}, x, indices, updates)
}

func opScatterND() *Op {
	return &Op{
		Type: "ScatterND", Since: 16,
		Infer: func(c *InferContext) error {
			if err := inferScatter(c); err != nil {
				return err
			}
			if err := c.WantDType(1, tensor.Int64); err != nil {
				return err
			}
			x, indices, updates := c.In[0].Shape, c.In[1].Shape, c.In[2].Shape
			last := len(indices) - 1
			if last < 0 || !indices[last].IsFixed() || indices[last].Size < 1 || indices[last].Size > len(x) {
				return fmt.Errorf("indices %s do not address data %s", indices, x)
			}
			if want := slices.Concat(indices[:last], x[indices[last].Size:]); !updates.Same(want) {
				return fmt.Errorf("updates are %s; data %s and indices %s need %s", updates, x, indices, want)
			}
			return nil
		},
		Kernel: scatterNDKernel,
		Grad:   scatterNDGrad,
	}
}

func scatterNDKernel(r *Run, n *Node, in, out []*tensor.Tensor) error {
	if err := tensor.Copy(out[0], in[0]); err != nil {
		return err
	}
	if n.Attrs.Str("reduction", "none") == "add" {
		switch in[0].DType() {
		case tensor.Float32:
			return scatterND(in, out[0], r.Kernels.Add)
		case tensor.Int64:
			return scatterND(in, out[0], func(z, x, y []int64) { addRow(z, x, y) })
		case tensor.Int32:
			return scatterND(in, out[0], func(z, x, y []int32) { addRow(z, x, y) })
		default:
			return fmt.Errorf("no kernel that adds %s", in[0].DType())
		}
	}
	m, err := moverOf(in[0].DType())
	if err != nil {
		return err
	}
	return m.scatterND(in, out[0])
}

func addRow[T int64 | int32](z, x, y []T) {
	for i := range z {
		z[i] = x[i] + y[i]
	}
}

// scatterND puts updates into out, which holds the data: with add, or by copying when that is nil.
func scatterND[T tensor.Element](in []*tensor.Tensor, out *tensor.Tensor, add func(z, x, y []T)) error {
	y, updates, ids := tensor.MustData[T](out), tensor.MustData[T](in[2]), tensor.MustData[int64](in[1])
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
		to, from := y[at*row:(at+1)*row], updates[i*row:(i+1)*row]
		if add == nil {
			copy(to, from)
		} else {
			add(to, to, from)
		}
	}
	return nil
}

func scatterNDGrad(c *GradContext) {
	b, g, ids := c.B, c.Upstream(0), c.In(1)
	if !ids.shape[len(ids.shape)-1].Is(1) {
		b.Fail(fmt.Errorf("node %q: ScatterND has a gradient for indices of one axis only, got %s", c.Node.Name, ids.shape))
		return
	}
	c.Set(2, b.Gather(g, b.Squeeze(ids, []int64{-1}), 0))
	if c.Node.Attrs.Str("reduction", "none") == "add" {
		c.Set(0, g)
		return
	}
	// As in ScatterElements: indices have to be distinct.
	zeros := b.Expand(b.Float32(0), b.ShapeOf(c.In(2)))
	c.Set(0, b.ScatterND(g, ids, zeros, "none"))
}
