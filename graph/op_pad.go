package graph

import (
	"fmt"
	"math"
	"slices"

	"recsys/tensor"
)

// Pad returns x with pads[i] elements of value in front of axis i and pads[rank+i] behind it (any type); negative pads
// cut off as many. Value has one element of x's type; nil means zeros, false or empty strings.
func (b *Builder) Pad(x *Value, pads []int64, value *Value) *Value {
	inputs := []*Value{x, b.Int64s(pads...)}
	if value != nil {
		inputs = append(inputs, value)
	}
	return b.op("Pad", nil, inputs...)
}

func opPad() *Op {
	return &Op{
		Type: "Pad", Since: 13,
		Infer:  inferPad,
		Kernel: padKernel,
		Grad:   padGrad,
	}
}

func inferPad(c *InferContext) error {
	if err := c.Want(2, 3); err != nil {
		return err
	}
	if mode := c.Node.Attrs.Str("mode", "constant"); mode != "constant" {
		return fmt.Errorf("attribute mode is %q; supported is constant", mode)
	}
	pads, err := c.Int64s(1)
	if err != nil {
		return err
	}
	x := c.In[0].Shape
	if len(pads) != 2*len(x) {
		return fmt.Errorf("pads are %d numbers; %s needs %d", len(pads), x, 2*len(x))
	}
	if c.Has(2) && (c.In[2].DType != c.In[0].DType || !oneElement(c.In[2].Shape)) {
		return fmt.Errorf("the value is %s; it has to be one %s", c.In[2], c.In[0].DType)
	}
	shape := make(Shape, len(x))
	for i, d := range x {
		if shape[i], err = padded(d, pads[i], pads[len(x)+i]); err != nil {
			return fmt.Errorf("axis %d of %s: %w", i, x, err)
		}
	}
	c.Out(0, c.In[0].DType, shape)
	return nil
}

// oneElement reports whether a shape is [] or [1].
func oneElement(s Shape) bool { return len(s) == 0 || len(s) == 1 && s[0].Is(1) }

func padded(d Dim, before, behind int64) (Dim, error) {
	if max(before, behind) > math.MaxInt32 || min(before, behind) < -math.MaxInt32 {
		return d, fmt.Errorf("pads %d and %d are beyond %d", before, behind, math.MaxInt32)
	}
	if cut := -min(before, 0) - min(behind, 0); d.IsFixed() && int64(d.Size) < cut {
		return d, fmt.Errorf("pads %d and %d cut off more than there is", before, behind)
	}
	n := before + behind
	switch {
	case d.IsFixed():
		return Fixed(d.Size + int(n)), nil
	case n < 0:
		return lessDim(d, -n), nil
	case n == 0:
		return d, nil
	}
	return sumDims([]Dim{d, Fixed(int(n))}), nil
}

func padKernel(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
	if len(in) > 2 && in[2] != nil {
		if err := copyWalk(broadcastWalk(out[0].Shape(), nil), out[0], in[2]); err != nil {
			return err
		}
	} else if err := zero(out[0]); err != nil {
		return err
	}
	pads, x, y := tensor.MustData[int64](in[1]), in[0].Shape(), out[0].Shape()
	var w walk
	var strides [MaxRank][maxOperands]int
	lay(&strides, 0, y, len(y))
	lay(&strides, 1, x, len(x))
	for i, size := range x {
		before, behind := int(pads[i]), int(pads[len(x)+i])
		w.off[0] += max(before, 0) * strides[i][0]
		w.off[1] += max(-before, 0) * strides[i][1]
		w.axis(size+min(before, 0)+min(behind, 0), strides[i])
	}
	return copyWalk(w, out[0], in[0])
}

// zero sets all elements to the zero of their type.
func zero(t *tensor.Tensor) error {
	m, err := moverOf(t.DType())
	if err != nil {
		return err
	}
	m.zero(t)
	return nil
}

// padGrad cuts off what was added and adds zeros where something was cut off; the value receives the rest.
func padGrad(c *GradContext) {
	b, g := c.B, c.Upstream(0)
	pads := tensor.MustData[int64](c.In(1).data)
	undo := slices.Clone(pads)
	for i := range undo {
		undo[i] = -undo[i]
	}
	c.Set(0, b.Pad(g, undo, nil))
	if len(c.Node.Inputs) < 3 || c.In(2) == nil || c.In(2).kind == FromConst {
		return
	}
	mask := b.Pad(b.Expand(b.Float32(0), b.ShapeOf(c.In(0))), pads, b.Float32(1))
	sum := b.ReduceSum(b.Mul(g, mask), nil, false)
	c.Set(2, b.Reshape(sum, b.ShapeOf(c.In(2))))
}
