package graph

import (
	"recsys/internal/portable"
	"recsys/tensor"
)

// Erf returns the error function, 2/√π times the integral of exp(-t²) from 0 to x, elementwise (float32), within 1
// ulp. Gelu is x·(1+Erf(x/√2))/2.
func (b *Builder) Erf(x *Value) *Value { return b.op("Erf", nil, x) }

func opErf() *Op {
	return &Op{
		Type: "Erf", Since: 13,
		Infer:  inferSame(tensor.Float32),
		Rows:   elementwise1(erf),
		Kernel: unaryFloat32(erf),
		Grad: func(c *GradContext) {
			const twoOverRootPi = 1.1283791670955126
			b, x := c.B, c.In(0)
			slope := b.Mul(b.Exp(b.Neg(b.Mul(x, x))), b.Float32(twoOverRootPi))
			c.Set(0, b.Mul(c.Upstream(0), slope))
		},
	}
}

func erf(_ *Run, y, x []float32) {
	for i, v := range x {
		y[i] = portable.Erf32(v)
	}
}
