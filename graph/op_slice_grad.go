package graph

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// sliceGrad lays the upstream gradient between zeros.
func sliceGrad(c *GradContext) {
	b, x, g := c.B, c.In(0), c.Upstream(0)
	found, err := readRanges(c.Node, len(x.shape))
	if err != nil {
		b.Fail(err)
		return
	}
	ranges := found.list[:found.n]
	// Undo the axes one by one, the last first: before axis i was cut, those before it had been.
	shape := slices.Clone(x.shape)
	shapes := make([]Shape, len(ranges))
	for i, r := range ranges {
		shapes[i] = slices.Clone(shape)
		shape[r.axis] = r.of(shape[r.axis])
	}
	for i, r := range slices.Backward(ranges) {
		if g = b.padSlice(g, shapes[i], r, c); b.err != nil {
			return
		}
	}
	c.Set(0, g)
}

// padSlice returns a value of the given shape that holds g along one axis at the indices of r, zeros elsewhere.
func (b *Builder) padSlice(g *Value, shape Shape, r sliceRange, c *GradContext) *Value {
	d := shape[r.axis]
	if !d.IsFixed() {
		return b.Fail(fmt.Errorf("node %q: Slice has a gradient along axes of fixed size only; axis %d of %s is not",
			c.Node.Name, r.axis, c.In(0).shape))
	}
	first, n := r.bind(d.Size)
	if r.step == 1 {
		parts := make([]*Value, 0, 3)
		if first > 0 {
			parts = append(parts, b.zerosLike(g, r.axis, first))
		}
		parts = append(parts, g)
		if rest := d.Size - first - n; rest > 0 {
			parts = append(parts, b.zerosLike(g, r.axis, rest))
		}
		return b.Concat(int64(r.axis), parts...)
	}
	// Row k of the axis receives row k of g behind a row of zeros, which all others receive.
	from := make([]int64, d.Size)
	for k := range n {
		from[int64(first)+int64(k)*r.step] = int64(k) + 1
	}
	return b.Gather(b.Concat(int64(r.axis), b.zerosLike(g, r.axis, 1), g), b.Int64s(from...), int64(r.axis))
}

// zerosLike returns zeros of g's shape but n along axis.
func (b *Builder) zerosLike(g *Value, axis, n int) *Value {
	ones := make([]int, len(g.shape))
	for i := range ones {
		ones[i] = 1
	}
	ones[axis] = n
	zeros := b.Const("", tensor.Zeros(tensor.Float32, ones...))
	// One row of g, as wide as its other axes, has the symbolic sizes that a constant cannot have.
	if other, ok := slices.Delete(slices.Clone(g.shape), axis, axis+1).Fixed(); ok {
		return b.Const("", tensor.Zeros(tensor.Float32, slices.Insert(other, axis, n)...))
	}
	row := b.ReduceSum(g, []int64{int64(axis)}, true)
	return b.Mul(zeros, b.Expand(b.Float32(0), b.ShapeOf(row)))
}
