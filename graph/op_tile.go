package graph

import (
	"fmt"
	"math"
	"slices"

	"recsys/tensor"
)

// Tile returns x repeated as often as repeats, one number per axis, says (any type): [1 2] twice is [1 2 1 2].
func (b *Builder) Tile(x *Value, repeats []int64) *Value {
	return b.op("Tile", nil, x, b.Int64s(repeats...))
}

func opTile() *Op {
	return &Op{
		Type: "Tile", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(2, 2); err != nil {
				return err
			}
			repeats, err := c.Int64s(1)
			if err != nil {
				return err
			}
			x := c.In[0].Shape
			if len(repeats) != len(x) {
				return fmt.Errorf("repeats are %d numbers; %s has %d axes", len(repeats), x, len(x))
			}
			shape := make(Shape, len(x))
			for i, d := range x {
				n := repeats[i]
				if n < 0 || n > math.MaxInt32 || d.IsFixed() && n > 0 && d.Size > math.MaxInt32/int(n) {
					return fmt.Errorf("axis %d of %s is repeated %d times; supported are sizes up to %d", i, x, n, math.MaxInt32)
				}
				shape[i] = timesDim(d, int(n))
			}
			c.Out(0, c.In[0].DType, shape)
			return nil
		},
		Kernel: tileKernel,
		Grad:   tileGrad,
	}
}

// timesDim returns d·n.
func timesDim(d Dim, n int) Dim {
	if n == 0 {
		return Fixed(0)
	}
	if n == 1 {
		return d
	}
	factor, names := product(Shape{d})
	return productDim(factor*n, names)
}

func tileKernel(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
	m, err := moverOf(in[0].DType())
	if err != nil {
		return err
	}
	m.tile(in[0], out[0])
	return nil
}

// tile fills y, of shape to, row by row of the last axis: each is a row of x, of shape from, some times over.
func tile[T any](from, to []int, y, x []T) {
	if len(y) == 0 {
		return
	}
	if len(from) == 0 {
		y[0] = x[0]
		return
	}
	last := len(from) - 1
	size := from[last]
	var index [MaxRank]int
	for at := 0; at < len(y); at += to[last] {
		row := 0
		for a := range last {
			row = row*from[a] + index[a]%from[a]
		}
		for k := 0; k < to[last]; k += size {
			copy(y[at+k:at+k+size], x[row*size:(row+1)*size])
		}
		for a := last - 1; a >= 0; a-- {
			if index[a]++; index[a] < to[a] {
				break
			}
			index[a] = 0
		}
	}
}

// tileGrad sums the repetitions axis by axis. The axis is moved to the end and cut in two there, in front of which a
// Reshape can keep sizes that are symbolic.
func tileGrad(c *GradContext) {
	b, x, g := c.B, c.In(0), c.Upstream(0)
	repeats := tensor.MustData[int64](c.In(1).data)
	rank := len(x.shape)
	for a, n := range repeats {
		if n == 0 || x.shape[a].Is(0) {
			c.Set(0, b.Expand(b.Float32(0), b.ShapeOf(x)))
			return
		}
		if n == 1 {
			continue
		}
		target := make([]int64, rank+1)
		target[rank-1], target[rank] = n, -1
		if d := x.shape[a]; d.IsFixed() {
			target[rank] = int64(d.Size)
		}
		toEnd := make([]int64, 0, rank)
		for i := range rank {
			if i != a {
				toEnd = append(toEnd, int64(i))
			}
		}
		toEnd = append(toEnd, int64(a))
		g = b.Reshape(b.Transpose(g, slices.Clone(toEnd)), b.Int64s(target...))
		g = b.Transpose(b.ReduceSum(g, []int64{-2}, false), inverse(toEnd))
	}
	c.Set(0, g)
}
