package graph

import (
	"fmt"

	"recsys/tensor"
)

// Cast converts x to another element type: between float32, float64, int64, int32, uint32, uint8, int8 and bool, between
// float16 and the other floats, and from and to string for int64, int32 and float32. To float16 it goes by way of float32
// and rounds to the nearest, the even one of two; what is beyond its range becomes infinite. Floats are truncated towards zero; NaN and numbers beyond the range
// of a signed type become its least value. The gradient flows between floats.
func (b *Builder) Cast(x *Value, to tensor.DType) *Value {
	return b.op("Cast", Attrs{"to": ONNXType(to)}, x)
}

func opCast() *Op {
	return &Op{
		Type: "Cast", Since: 13,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 1); err != nil {
				return err
			}
			to := DTypeOfONNX(c.Node.Attrs.Int("to", 0))
			if !castable(c.In[0].DType, to) {
				return fmt.Errorf("no conversion from %s to %s", c.In[0].DType, to)
			}
			c.Out(0, to, c.In[0].Shape)
			return nil
		},
		Kernel: castKernel,
		Grad: func(c *GradContext) {
			if c.In(0).dtype.IsFloat() && c.Out(0).dtype.IsFloat() {
				c.Set(0, c.B.Cast(c.Upstream(0), c.In(0).dtype))
			}
		},
	}
}

// ONNXType returns the number of TensorProto.DataType that stands for d, 0 for Invalid.
func ONNXType(d tensor.DType) int64 {
	for n := int64(1); n <= lastONNXType; n++ {
		if DTypeOfONNX(n) == d && d != tensor.Invalid {
			return n
		}
	}
	return 0
}

const lastONNXType = 16

// DTypeOfONNX returns the element type that a number of TensorProto.DataType stands for, Invalid when we have none.
func DTypeOfONNX(n int64) tensor.DType {
	types := [lastONNXType + 1]tensor.DType{
		1: tensor.Float32, 2: tensor.Uint8, 3: tensor.Int8, 4: tensor.Uint16, 5: tensor.Int16, 6: tensor.Int32,
		7: tensor.Int64, 8: tensor.String, 9: tensor.Bool, 10: tensor.Float16, 11: tensor.Float64, 12: tensor.Uint32,
		13: tensor.Uint64, 16: tensor.BFloat16,
	}
	if n < 0 || n > lastONNXType {
		return tensor.Invalid
	}
	return types[n]
}
