package graph

import (
	"math"

	"recsys/tensor"
)

// Sign returns -1, 0 or 1 elementwise (float32, int64, int32), NaN for NaN. It has no gradient.
func (b *Builder) Sign(x *Value) *Value { return b.op("Sign", nil, x) }

// Ceil returns the least integer from x on elementwise (float32). It has no gradient.
func (b *Builder) Ceil(x *Value) *Value { return b.op("Ceil", nil, x) }

// Round returns the nearest integer elementwise (float32), the even one of two. It has no gradient.
func (b *Builder) Round(x *Value) *Value { return b.op("Round", nil, x) }

func opSign() *Op {
	return &Op{
		Type: "Sign", Since: 13,
		Infer: inferSame(tensor.Float32, tensor.Int64, tensor.Int32),
		Kernel: func(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
			if x, ok := in[0].Any().([]float32); ok {
				y := tensor.MustData[float32](out[0])
				for i, v := range x {
					y[i] = sign(v)
				}
				return nil
			}
			return unaryInt(sign[int64], in, out)
		},
	}
}

func sign[T number](v T) T {
	switch {
	case v > 0:
		return 1
	case v < 0:
		return -1
	case isNaN(v):
		return v
	}
	return 0
}

func opCeil() *Op {
	return &Op{
		Type: "Ceil", Since: 13,
		Infer: inferSame(tensor.Float32),
		Kernel: unaryFloat32(func(_ *Run, y, x []float32) {
			for i, v := range x {
				y[i] = float32(math.Ceil(float64(v)))
			}
		}),
	}
}

func opRound() *Op {
	return &Op{
		Type: "Round", Since: 11,
		Infer: inferSame(tensor.Float32),
		Kernel: unaryFloat32(func(_ *Run, y, x []float32) {
			for i, v := range x {
				y[i] = float32(math.RoundToEven(float64(v)))
			}
		}),
	}
}
