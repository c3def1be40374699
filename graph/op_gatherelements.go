package graph

import (
	"fmt"

	"recsys/tensor"
)

// GatherElements returns, for every element of indices (int64, int32), the element of x at the same place but for the
// index along axis, which is the given one (any type). Negative indices count from the
// end; others outside fail the run. Along other axes indices may be shorter than x.
func (b *Builder) GatherElements(x, indices *Value, axis int64) *Value {
	return b.op("GatherElements", Attrs{"axis": axis}, x, indices)
}

func opGatherElements() *Op {
	return &Op{
		Type: "GatherElements", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 2); err != nil {
				return err
			}
			if err := c.WantDType(1, tensor.Int64, tensor.Int32); err != nil {
				return err
			}
			axis, err := Axis(c.Node.Attrs.Int("axis", 0), len(c.In[0].Shape))
			if err != nil {
				return err
			}
			if err := checkElementIndices(c.In[0].Shape, c.In[1].Shape, axis); err != nil {
				return err
			}
			c.Out(0, c.In[0].DType, c.In[1].Shape)
			return nil
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			axis, err := Axis(n.Attrs.Int("axis", 0), in[0].Rank())
			if err != nil {
				return err
			}
			m, err := moverOf(in[0].DType())
			if err != nil {
				return err
			}
			return m.gatherElements(axis, in, out[0])
		},
		Grad: func(c *GradContext) {
			b := c.B
			zeros := b.Expand(b.Float32(0), b.ShapeOf(c.In(0)))
			c.Set(0, b.ScatterElements(zeros, c.In(1), c.Upstream(0), c.Node.Attrs.Int("axis", 0), "add"))
		},
	}
}

// checkElementIndices refuses indices whose rank differs from x's or that are known to be longer off the axis.
func checkElementIndices(x, indices Shape, axis int) error {
	if len(x) != len(indices) {
		return fmt.Errorf("indices %s and data %s differ in rank", indices, x)
	}
	for i, d := range indices {
		if i != axis && d.IsFixed() && x[i].IsFixed() && d.Size > x[i].Size {
			return fmt.Errorf("indices %s are longer than data %s along axis %d", indices, x, i)
		}
	}
	return nil
}

func gatherElements[T tensor.Element](axis int, in []*tensor.Tensor, out *tensor.Tensor) error {
	x, y := tensor.MustData[T](in[0]), tensor.MustData[T](out)
	e := elements{axis: axis, data: in[0].Shape(), indices: in[1].Shape()}
	return e.visit(in[1], func(at, from int) { y[at] = x[from] })
}

// elements says how an index tensor addresses the elements of a data tensor along an axis.
type elements struct {
	axis          int
	data, indices []int
}

// visit calls f with the offset of every index and the offset in the data that it addresses.
func (e elements) visit(indices *tensor.Tensor, f func(at, from int)) error {
	switch ids := indices.Any().(type) {
	case []int64:
		return visitElements(e, ids, f)
	case []int32:
		return visitElements(e, ids, f)
	}
	return fmt.Errorf("indices are %s", indices.DType())
}

func visitElements[I int64 | int32](e elements, ids []I, f func(at, from int)) error {
	var strides [MaxRank][maxOperands]int
	lay(&strides, 0, e.indices, len(e.indices))
	lay(&strides, 1, e.data, len(e.data))
	size, stride := e.data[e.axis], strides[e.axis][1]
	strides[e.axis][1] = 0
	var w walk
	for i, n := range e.indices {
		w.axis(n, strides[i])
	}
	for w.next() {
		at, from := w.off[0], w.off[1]
		for range w.n {
			i := int(ids[at])
			if i < 0 {
				i += size
			}
			if i < 0 || i >= size {
				return indexError(int64(ids[at]), size)
			}
			f(at, from+i*stride)
			at += w.step[0]
			from += w.step[1]
		}
	}
	return nil
}

func indexError(id int64, size int) error {
	return fmt.Errorf("index %d is outside [%d,%d)", id, -size, size)
}
