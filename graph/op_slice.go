package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"recsys/tensor"
)

// Slice returns the indices [starts[i], ends[i]) of each of axes, every steps[i]-th of them (any type). Negative starts
// and ends count from the end, those beyond the axis stop at its border; math.MaxInt64 as an end means all the
// rest. Nil axes are the first ones, nil steps are 1; steps may be negative.
func (b *Builder) Slice(x *Value, starts, ends, axes, steps []int64) *Value {
	inputs := []*Value{x, b.Int64s(starts...), b.Int64s(ends...)}
	if axes != nil || steps != nil {
		inputs = append(inputs, nil)
	}
	if axes != nil {
		inputs[3] = b.Int64s(axes...)
	}
	if steps != nil {
		inputs = append(inputs, b.Int64s(steps...))
	}
	return b.op("Slice", nil, inputs...)
}

// SliceAxis is Slice along one axis in steps of 1.
func (b *Builder) SliceAxis(x *Value, axis, start, end int64) *Value {
	return b.Slice(x, []int64{start}, []int64{end}, []int64{axis}, nil)
}

func opSlice() *Op {
	return &Op{
		Type: "Slice", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(3, 5); err != nil {
				return err
			}
			ranges, err := readRanges(c.Node, len(c.In[0].Shape))
			if err != nil {
				return err
			}
			shape := slices.Clone(c.In[0].Shape)
			for _, r := range ranges.list[:ranges.n] {
				shape[r.axis] = r.of(shape[r.axis])
			}
			c.Out(0, c.In[0].DType, shape)
			return nil
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			w, err := sliceWalk(n, in[0].Shape(), out[0].Shape())
			if err != nil {
				return err
			}
			return copyWalk(w, out[0], in[0])
		},
		Grad: sliceGrad,
	}
}

// sliceRange is what one Slice does to one axis.
type sliceRange struct {
	axis             int
	start, end, step int64
}

// sliceRanges holds a node's ranges without a heap.
type sliceRanges struct {
	n    int
	list [MaxRank]sliceRange
}

// readRanges reads the constant inputs of a Slice node on a value of the given rank.
func readRanges(n *Node, rank int) (ranges sliceRanges, err error) {
	var lists [4][]int64
	for i := 1; i < len(n.Inputs); i++ {
		v := n.Inputs[i]
		if v == nil {
			continue
		}
		if v.kind != FromConst || v.dtype != tensor.Int64 {
			return ranges, fmt.Errorf("input %d, %s, has to be a constant int64 vector", i, v)
		}
		lists[i-1] = tensor.MustData[int64](v.data)
	}
	starts, ends, axes, steps := lists[0], lists[1], lists[2], lists[3]
	if len(ends) != len(starts) || axes != nil && len(axes) != len(starts) || steps != nil && len(steps) != len(starts) {
		return ranges, errors.New("starts, ends, axes and steps differ in length")
	}
	var seen [MaxRank]bool
	for i, start := range starts {
		r := sliceRange{start: start, end: ends[i], step: 1}
		axis := int64(i)
		if axes != nil {
			axis = axes[i]
		}
		if r.axis, err = Axis(axis, rank); err != nil {
			return ranges, err
		}
		if steps != nil {
			r.step = steps[i]
		}
		if r.step == 0 || seen[r.axis] {
			return ranges, fmt.Errorf("axis %d is named twice or has the step 0", r.axis)
		}
		seen[r.axis] = true
		ranges.list[i] = r
		ranges.n++
	}
	return ranges, nil
}

// of returns the size that an axis of size d keeps.
func (r sliceRange) of(d Dim) Dim {
	if d.IsFixed() {
		_, n := r.bind(d.Size)
		return Fixed(n)
	}
	if r.step != 1 {
		return Sym(Unknown)
	}
	least := int64(leastDim(d))
	toEnd := r.end == math.MaxInt64 || r.end == math.MaxInt32
	switch {
	case r.start >= 0 && toEnd:
		return lessDim(d, r.start)
	case r.start >= 0 && r.end < 0:
		return lessDim(d, r.start-r.end)
	case r.start >= 0 && r.end >= r.start && r.end <= least:
		return Fixed(int(r.end - r.start))
	case r.start < 0 && -r.start <= least && toEnd:
		return Fixed(int(-r.start))
	case r.start < 0 && -r.start <= least && r.end < 0 && r.end >= r.start:
		return Fixed(int(r.end - r.start))
	}
	return Sym(Unknown)
}

// bind returns the first index and the number of indices that are taken of an axis of the given size.
func (r sliceRange) bind(size int) (first, n int) {
	s := int64(size)
	start, end := r.start, r.end
	if start < 0 {
		start += s
	}
	if end < 0 {
		end += s
	}
	if r.step > 0 {
		start, end = min(max(start, 0), s), min(max(end, 0), s)
		if end <= start {
			return 0, 0
		}
		return int(start), int((end-start-1)/r.step) + 1
	}
	start, end = min(max(start, -1), s-1), min(max(end, -1), s-1)
	if end >= start {
		return 0, 0
	}
	// Dividing by -step would overflow for the least integer.
	return int(start), int((end-start+1)/r.step) + 1
}

// sliceWalk walks a slice, operand 0, together with the elements that it takes of the whole, operand 1.
func sliceWalk(n *Node, whole, part []int) (walk, error) {
	var w walk
	ranges, err := readRanges(n, len(whole))
	if err != nil {
		return w, err
	}
	var strides [MaxRank][maxOperands]int
	lay(&strides, 0, part, len(part))
	lay(&strides, 1, whole, len(whole))
	for _, r := range ranges.list[:ranges.n] {
		first, count := r.bind(whole[r.axis])
		w.off[1] += first * strides[r.axis][1]
		if count > 1 {
			strides[r.axis][1] *= int(r.step)
		}
	}
	for i, size := range part {
		w.axis(size, strides[i])
	}
	return w, nil
}
