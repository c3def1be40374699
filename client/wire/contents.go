package wire

import (
	"errors"
	"fmt"

	"recsys/client/tritonpb"
	"recsys/tensor"
)

// fromContents makes a tensor of typed contents, in which the small integers travel as int32 and uint32.
func fromContents(dtype tensor.DType, shape []int, c *tritonpb.InferTensorContents) (*tensor.Tensor, error) {
	switch dtype {
	case tensor.Bool:
		return tensor.New(c.GetBoolContents(), shape)
	case tensor.Uint8:
		return narrow[uint8](c.GetUintContents(), shape)
	case tensor.Uint16:
		return narrow[uint16](c.GetUintContents(), shape)
	case tensor.Uint32:
		return tensor.New(c.GetUintContents(), shape)
	case tensor.Uint64:
		return tensor.New(c.GetUint64Contents(), shape)
	case tensor.Int8:
		return narrow[int8](c.GetIntContents(), shape)
	case tensor.Int16:
		return narrow[int16](c.GetIntContents(), shape)
	case tensor.Int32:
		return tensor.New(c.GetIntContents(), shape)
	case tensor.Int64:
		return tensor.New(c.GetInt64Contents(), shape)
	case tensor.Float32:
		return tensor.New(c.GetFp32Contents(), shape)
	case tensor.Float64:
		return tensor.New(c.GetFp64Contents(), shape)
	case tensor.String:
		list := make([]string, len(c.GetBytesContents()))
		for i, b := range c.GetBytesContents() {
			list[i] = string(b)
		}
		return tensor.New(list, shape)
	case tensor.Float16, tensor.BFloat16:
		return nil, fmt.Errorf("%s tensors have no typed contents: send raw ones", dtype)
	case tensor.Invalid:
	}
	return nil, errors.New("tensor has no data type")
}

func narrow[To uint8 | uint16 | int8 | int16, From int32 | uint32](wide []From, shape []int) (*tensor.Tensor, error) {
	out := make([]To, len(wide))
	for i, v := range wide {
		out[i] = To(v)
		if From(out[i]) != v {
			return nil, fmt.Errorf("element %d: %d does not fit %s", i, v, tensor.DTypeOf[To]())
		}
	}
	return tensor.New(out, shape)
}
