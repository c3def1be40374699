package graph

import (
	"recsys/tensor"
)

// Min returns the smaller of x and y elementwise, broadcasting (float32, int64, int32); NaN where either is NaN. At a
// tie the gradient goes to x.
func (b *Builder) Min(x, y *Value) *Value { return b.op("Min", nil, x, y) }

// Max returns the greater of x and y elementwise, broadcasting (float32, int64, int32); NaN where either is NaN. At a
// tie the gradient goes to x.
func (b *Builder) Max(x, y *Value) *Value { return b.op("Max", nil, x, y) }

func opMin() *Op {
	return extremum("Min", func(z, x, y []float32) {
		for i := range z {
			z[i] = min(x[i], y[i])
		}
	}, func(x, y int64) int64 { return min(x, y) }, (*Builder).LessOrEqual)
}

func opMax() *Op {
	return extremum("Max", func(z, x, y []float32) {
		for i := range z {
			z[i] = max(x[i], y[i])
		}
	}, func(x, y int64) int64 { return max(x, y) }, (*Builder).GreaterOrEqual)
}

// extremum is Min or Max; first compares x with y and tells where x is the result.
func extremum(
	typ string, rows func(z, x, y []float32), ints func(x, y int64) int64, first func(b *Builder, x, y *Value) *Value,
) *Op {
	return &Op{
		Type: typ, Since: 13,
		Infer: inferBroadcast(tensor.Float32, tensor.Int64, tensor.Int32),
		Rows:  elementwise2(func(_ *Run, z, x, y []float32) { rows(z, x, y) }),
		Kernel: func(r *Run, _ *Node, in, out []*tensor.Tensor) error {
			if in[0].DType() == tensor.Float32 {
				binaryFloat32(r, rows, in, out)
				return nil
			}
			return binaryInt(ints, in, out)
		},
		Grad: func(c *GradContext) {
			b, g, zero := c.B, c.Upstream(0), c.B.Float32(0)
			fromX := first(b, c.In(0), c.In(1))
			c.SetBroadcast(0, b.Where(fromX, g, zero))
			c.SetBroadcast(1, b.Where(fromX, zero, g))
		},
	}
}
