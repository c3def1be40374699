package graph

import (
	"fmt"
	"math"

	"recsys/tensor"
)

// Neg returns -x elementwise (float32, int64, int32).
func (b *Builder) Neg(x *Value) *Value { return b.op("Neg", nil, x) }

// Abs returns |x| elementwise (float32, int64, int32). The gradient at 0 is 0.
func (b *Builder) Abs(x *Value) *Value { return b.op("Abs", nil, x) }

// Floor returns the greatest integer up to x elementwise (float32). It has no gradient.
func (b *Builder) Floor(x *Value) *Value { return b.op("Floor", nil, x) }

// Sqrt returns the square root elementwise (float32), NaN below 0.
func (b *Builder) Sqrt(x *Value) *Value { return b.op("Sqrt", nil, x) }

// Exp returns e to the power x elementwise (float32).
func (b *Builder) Exp(x *Value) *Value { return b.op("Exp", nil, x) }

// Log returns the natural logarithm elementwise (float32), NaN below 0.
func (b *Builder) Log(x *Value) *Value { return b.op("Log", nil, x) }

func opNeg() *Op {
	return &Op{
		Type: "Neg", Since: 13,
		Infer: inferSame(tensor.Float32, tensor.Int64, tensor.Int32),
		Rows:  elementwise1(func(r *Run, y, x []float32) { r.Kernels.Scale(y, -1, x) }),
		Kernel: func(r *Run, _ *Node, in, out []*tensor.Tensor) error {
			if x, ok := in[0].Any().([]float32); ok {
				r.Kernels.Scale(tensor.MustData[float32](out[0]), -1, x)
				return nil
			}
			return unaryInt(func(v int64) int64 { return -v }, in, out)
		},
		Grad: func(c *GradContext) { c.Set(0, c.B.Neg(c.Upstream(0))) },
	}
}

func opAbs() *Op {
	return &Op{
		Type: "Abs", Since: 13,
		Infer: inferSame(tensor.Float32, tensor.Int64, tensor.Int32),
		Rows:  elementwise1(absolute),
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			if x, ok := in[0].Any().([]float32); ok {
				absolute(nil, tensor.MustData[float32](out[0]), x)
				return nil
			}
			return unaryInt(func(v int64) int64 { return max(v, -v) }, in, out)
		},
		Grad: func(c *GradContext) {
			b, g, zero := c.B, c.Upstream(0), c.B.Float32(0)
			up := b.Where(b.Greater(c.In(0), zero), g, zero)
			c.Set(0, b.Where(b.Less(c.In(0), zero), b.Neg(g), up))
		},
	}
}

func opFloor() *Op {
	return &Op{
		Type: "Floor", Since: 13,
		Infer: inferSame(tensor.Float32),
		Kernel: unaryFloat32(func(_ *Run, y, x []float32) {
			for i, v := range x {
				y[i] = float32(math.Floor(float64(v)))
			}
		}),
	}
}

func opSqrt() *Op {
	return &Op{
		Type: "Sqrt", Since: 13,
		Infer:  inferSame(tensor.Float32),
		Rows:   elementwise1(squareRoot),
		Kernel: unaryFloat32(squareRoot),
		Grad: func(c *GradContext) {
			b := c.B
			c.Set(0, b.Div(b.Mul(c.Upstream(0), b.Float32(0.5)), c.Out(0)))
		},
	}
}

func opExp() *Op {
	return &Op{
		Type: "Exp", Since: 13,
		Infer:  inferSame(tensor.Float32),
		Rows:   elementwise1(func(r *Run, y, x []float32) { r.Kernels.Exp(y, x) }),
		Kernel: unaryFloat32(func(r *Run, y, x []float32) { r.Kernels.Exp(y, x) }),
		Grad:   func(c *GradContext) { c.Set(0, c.B.Mul(c.Upstream(0), c.Out(0))) },
	}
}

func opLog() *Op {
	return &Op{
		Type: "Log", Since: 13,
		Infer:  inferSame(tensor.Float32),
		Rows:   elementwise1(func(r *Run, y, x []float32) { r.Kernels.Log(y, x) }),
		Kernel: unaryFloat32(func(r *Run, y, x []float32) { r.Kernels.Log(y, x) }),
		Grad:   func(c *GradContext) { c.Set(0, c.B.Div(c.Upstream(0), c.In(0))) },
	}
}

func absolute(_ *Run, y, x []float32) {
	for i, v := range x {
		y[i] = abs(v)
	}
}

func squareRoot(_ *Run, y, x []float32) {
	for i, v := range x {
		y[i] = float32(math.Sqrt(float64(v)))
	}
}

func abs(v float32) float32 { return math.Float32frombits(math.Float32bits(v) &^ (1 << 31)) }

// unaryInt runs f on an int64 or int32 tensor.
func unaryInt(f func(int64) int64, in, out []*tensor.Tensor) error {
	switch x := in[0].Any().(type) {
	case []int64:
		y := tensor.MustData[int64](out[0])
		for i, v := range x {
			y[i] = f(v)
		}
	case []int32:
		y := tensor.MustData[int32](out[0])
		for i, v := range x {
			y[i] = int32(f(int64(v)))
		}
	default:
		return fmt.Errorf("no kernel for %s", in[0].DType())
	}
	return nil
}
