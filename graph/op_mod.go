package graph

import (
	"errors"
	"math"

	"recsys/tensor"
)

// Mod returns the remainder of x/y elementwise, broadcasting: of integers (int64, int32) with the sign of y, of
// float32 with the sign of x (C's fmod). An integer divisor of zero fails the run.
func (b *Builder) Mod(x, y *Value) *Value {
	return b.op("Mod", Attrs{"fmod": boolAttr(x.dtype == tensor.Float32)}, x, y)
}

func opMod() *Op {
	return &Op{
		Type: "Mod", Since: 13,
		Infer: func(c *InferContext) error {
			if err := inferBroadcast(tensor.Float32, tensor.Int64, tensor.Int32)(c); err != nil {
				return err
			}
			if c.In[0].DType == tensor.Float32 && c.Node.Attrs.Int("fmod", 0) == 0 {
				return errors.New("float32 needs the attribute fmod=1")
			}
			return nil
		},
		Kernel: func(r *Run, n *Node, in, out []*tensor.Tensor) error {
			if in[0].DType() == tensor.Float32 {
				binaryFloat32(r, modRows, in, out)
				return nil
			}
			if hasZero(in[1]) && out[0].Len() > 0 {
				return errors.New("integer remainder of a division by zero")
			}
			if n.Attrs.Int("fmod", 0) != 0 {
				return binaryInt(func(x, y int64) int64 { return x % y }, in, out)
			}
			return binaryInt(func(x, y int64) int64 {
				m := x % y
				if m != 0 && (m < 0) != (y < 0) {
					m += y
				}
				return m
			}, in, out)
		},
	}
}

// modRows: fmod is exact, so the standard library's has the same bits everywhere.
func modRows(z, x, y []float32) {
	for i := range z {
		z[i] = float32(math.Mod(float64(x[i]), float64(y[i])))
	}
}
