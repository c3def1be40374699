package graph

import (
	"fmt"
	"math"
	"strconv"

	"recsys/internal/portable"
	"recsys/tensor"
)

// castable reports whether Cast has a kernel from one type to the other.
func castable(from, to tensor.DType) bool {
	if from == tensor.String || to == tensor.String {
		if to == tensor.String {
			return from == tensor.Int64 || from == tensor.Int32 || from == tensor.String
		}
		return to == tensor.Int64 || to == tensor.Int32 || to == tensor.Float32
	}
	if from == tensor.Float16 || to == tensor.Float16 {
		return from.IsFloat() && to.IsFloat() && from != tensor.BFloat16 && to != tensor.BFloat16
	}
	return castNumber(from) && castNumber(to)
}

func castNumber(d tensor.DType) bool {
	switch d {
	case tensor.Float32, tensor.Float64, tensor.Int64, tensor.Int32, tensor.Uint32, tensor.Uint8, tensor.Int8, tensor.Bool:
		return true
	default:
		return false
	}
}

func castKernel(_ *Run, _ *Node, in, out []*tensor.Tensor) error {
	switch x := in[0].Any().(type) {
	case []float32:
		return castFloats(out[0], x)
	case []float64:
		return castFloats(out[0], x)
	case []int64:
		return castInts(out[0], x)
	case []int32:
		return castInts(out[0], x)
	case []uint32:
		return castInts(out[0], x)
	case []uint8:
		return castInts(out[0], x)
	case []int8:
		return castInts(out[0], x)
	case []tensor.F16:
		return castHalves(out[0], x)
	case []bool:
		return castBools(out[0], x)
	case []string:
		return castStrings(out[0], x)
	}
	return fmt.Errorf("no kernel for %s", in[0].DType())
}

func castFloats[F float32 | float64](out *tensor.Tensor, x []F) error {
	switch y := out.Any().(type) {
	case []int64:
		for i, v := range x {
			y[i] = truncateTo(float64(v), math.MinInt64, 1<<63)
		}
	case []int32:
		for i, v := range x {
			y[i] = int32(truncateTo(float64(v), math.MinInt32, 1<<31))
		}
	case []uint32:
		for i, v := range x {
			y[i] = uint32(truncateTo(float64(v), math.MinInt64, 1<<63))
		}
	case []uint8:
		for i, v := range x {
			y[i] = uint8(truncateTo(float64(v), math.MinInt32, 1<<31))
		}
	case []int8:
		for i, v := range x {
			y[i] = int8(truncateTo(float64(v), math.MinInt32, 1<<31))
		}
	case []tensor.F16:
		for i, v := range x {
			y[i] = tensor.F16(portable.ToHalf(float32(v)))
		}
	case []bool:
		for i, v := range x {
			y[i] = v != 0
		}
	default:
		return castNumbers(out, x)
	}
	return nil
}

// truncateTo drops the fraction of v; what does not fit in [least, limit) becomes least, as x86 converts.
func truncateTo(v float64, least int64, limit float64) int64 {
	if v >= -limit && v < limit || v > -limit-1 && v < 0 && limit < 1<<53 {
		return int64(v)
	}
	return least
}

func castInts[I int64 | int32 | uint32 | uint8 | int8](out *tensor.Tensor, x []I) error {
	switch y := out.Any().(type) {
	case []bool:
		for i, v := range x {
			y[i] = v != 0
		}
	case []string:
		for i, v := range x {
			y[i] = strconv.FormatInt(int64(v), 10)
		}
	default:
		return castNumbers(out, x)
	}
	return nil
}

// castHalves widens half precision, which is exact.
func castHalves(out *tensor.Tensor, x []tensor.F16) error {
	switch y := out.Any().(type) {
	case []float32:
		for i, v := range x {
			y[i] = portable.FromHalf(uint16(v))
		}
	case []float64:
		for i, v := range x {
			y[i] = float64(portable.FromHalf(uint16(v)))
		}
	case []tensor.F16:
		copy(y, x)
	default:
		return fmt.Errorf("no conversion to %s", out.DType())
	}
	return nil
}

// castNumbers converts as Go does: exactly, by rounding to a float, or by wrapping around.
func castNumbers[N float32 | float64 | int64 | int32 | uint32 | uint8 | int8](out *tensor.Tensor, x []N) error {
	switch y := out.Any().(type) {
	case []float32:
		convert(y, x)
	case []float64:
		convert(y, x)
	case []int64:
		convert(y, x)
	case []int32:
		convert(y, x)
	case []uint32:
		convert(y, x)
	case []uint8:
		convert(y, x)
	case []int8:
		convert(y, x)
	default:
		return fmt.Errorf("no conversion to %s", out.DType())
	}
	return nil
}

func convert[M, N float32 | float64 | int64 | int32 | uint32 | uint8 | int8](y []M, x []N) {
	for i, v := range x {
		y[i] = M(v)
	}
}

func castBools(out *tensor.Tensor, x []bool) error {
	if y, ok := out.Any().([]bool); ok {
		copy(y, x)
		return nil
	}
	switch y := out.Any().(type) {
	case []float32:
		indicate(y, x)
	case []float64:
		indicate(y, x)
	case []int64:
		indicate(y, x)
	case []int32:
		indicate(y, x)
	case []uint32:
		indicate(y, x)
	case []uint8:
		indicate(y, x)
	case []int8:
		indicate(y, x)
	default:
		return fmt.Errorf("no conversion to %s", out.DType())
	}
	return nil
}

func indicate[N float32 | float64 | int64 | int32 | uint32 | uint8 | int8](y []N, x []bool) {
	for i, v := range x {
		y[i] = 0
		if v {
			y[i] = 1
		}
	}
}

func castStrings(out *tensor.Tensor, x []string) error {
	var err error
	switch y := out.Any().(type) {
	case []string:
		copy(y, x)
	case []int64:
		for i, v := range x {
			if y[i], err = strconv.ParseInt(v, 10, 64); err != nil {
				return fmt.Errorf("element %d, %q, is no int64", i, v)
			}
		}
	case []int32:
		for i, v := range x {
			n, err := strconv.ParseInt(v, 10, 32)
			if err != nil {
				return fmt.Errorf("element %d, %q, is no int32", i, v)
			}
			y[i] = int32(n)
		}
	case []float32:
		for i, v := range x {
			f, err := strconv.ParseFloat(v, 32)
			if err != nil {
				return fmt.Errorf("element %d, %q, is no float32", i, v)
			}
			y[i] = float32(f)
		}
	default:
		return fmt.Errorf("no conversion to %s", out.DType())
	}
	return nil
}
