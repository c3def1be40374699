package graph

import (
	"errors"
	"slices"

	"recsys/tensor"
)

// Div returns x/y elementwise, broadcasting (float32, int64, int32). Integers are divided towards zero; a zero
// divisor fails the run.
func (b *Builder) Div(x, y *Value) *Value { return b.op("Div", nil, x, y) }

func opDiv() *Op {
	return &Op{
		Type: "Div", Since: 14,
		Infer: inferBroadcast(tensor.Float32, tensor.Int64, tensor.Int32),
		Rows:  elementwise2(func(_ *Run, z, x, y []float32) { divRows(z, x, y) }),
		Kernel: func(r *Run, _ *Node, in, out []*tensor.Tensor) error {
			if in[0].DType() == tensor.Float32 {
				binaryFloat32(r, divRows, in, out)
				return nil
			}
			if hasZero(in[1]) && out[0].Len() > 0 {
				return errors.New("integer division by zero")
			}
			return binaryInt(func(x, y int64) int64 { return x / y }, in, out)
		},
		Grad: func(c *GradContext) {
			g := c.B.Div(c.Upstream(0), c.In(1))
			c.SetBroadcast(0, g)
			c.SetBroadcast(1, c.B.Neg(c.B.Mul(g, c.Out(0))))
		},
	}
}

func divRows(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] / y[i]
	}
}

// hasZero reports whether an integer tensor holds a zero.
func hasZero(t *tensor.Tensor) bool {
	switch data := t.Any().(type) {
	case []int64:
		return slices.Contains(data, 0)
	case []int32:
		return slices.Contains(data, 0)
	}
	return false
}
