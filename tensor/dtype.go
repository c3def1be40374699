package tensor

import (
	"fmt"
	"math"
)

// DType is the element type of a tensor. The zero value is Invalid.
type DType uint8

// The element types: those of Triton's protocol, which cover ONNX's.
const (
	Invalid DType = iota
	Bool
	Uint8
	Uint16
	Uint32
	Uint64
	Int8
	Int16
	Int32
	Int64
	Float16
	BFloat16
	Float32
	Float64
	String
)

// NullInt64 stands for null in raw int64 columns. Null is "" in string columns and NaN in float columns.
const NullInt64 = math.MinInt64

// F16 is the bit pattern of an IEEE 754 half-precision number. Arithmetic on it is not offered.
type F16 uint16

// BF16 is the bit pattern of a bfloat16 number: the upper half of a float32.
type BF16 uint16

// Element is the set of Go types a tensor can hold; each belongs to exactly one DType.
type Element interface {
	bool | uint8 | uint16 | uint32 | uint64 | int8 | int16 | int32 | int64 | F16 | BF16 | float32 | float64 | string
}

type dtypeInfo struct {
	name   string
	triton string
	size   int
}

func (d DType) info() dtypeInfo {
	switch d {
	case Bool:
		return dtypeInfo{"bool", "BOOL", 1}
	case Uint8:
		return dtypeInfo{"uint8", "UINT8", 1}
	case Uint16:
		return dtypeInfo{"uint16", "UINT16", 2}
	case Uint32:
		return dtypeInfo{"uint32", "UINT32", 4}
	case Uint64:
		return dtypeInfo{"uint64", "UINT64", 8}
	case Int8:
		return dtypeInfo{"int8", "INT8", 1}
	case Int16:
		return dtypeInfo{"int16", "INT16", 2}
	case Int32:
		return dtypeInfo{"int32", "INT32", 4}
	case Int64:
		return dtypeInfo{"int64", "INT64", 8}
	case Float16:
		return dtypeInfo{"float16", "FP16", 2}
	case BFloat16:
		return dtypeInfo{"bfloat16", "BF16", 2}
	case Float32:
		return dtypeInfo{"float32", "FP32", 4}
	case Float64:
		return dtypeInfo{"float64", "FP64", 8}
	case String:
		return dtypeInfo{"string", "BYTES", 0}
	case Invalid:
	}
	return dtypeInfo{"invalid", "INVALID", 0}
}

// String returns the Go-like name, such as "float32".
func (d DType) String() string { return d.info().name }

// Triton returns the name in Triton's inference protocol, such as "FP32" ("BYTES" for strings).
func (d DType) Triton() string { return d.info().triton }

// Config returns the name in config.pbtxt, such as "TYPE_FP32" ("TYPE_STRING" for strings).
func (d DType) Config() string {
	if d == String {
		return "TYPE_STRING"
	}
	return "TYPE_" + d.Triton()
}

// Size returns the bytes of one element, 0 for strings, whose elements have no fixed size.
func (d DType) Size() int { return d.info().size }

// IsFloat reports whether d is one of the floating-point types.
func (d DType) IsFloat() bool { return d >= Float16 && d <= Float64 }

// IsInteger reports whether d is a signed or unsigned integer type; Bool is none.
func (d DType) IsInteger() bool { return d >= Uint8 && d <= Int64 }

// ParseDType reads any of the three forms: "float32", "FP32", "TYPE_FP32".
func ParseDType(s string) (DType, error) {
	for d := Bool; d <= String; d++ {
		if s == d.String() || s == d.Triton() || s == d.Config() {
			return d, nil
		}
	}
	return Invalid, fmt.Errorf("unknown data type %q", s)
}

// DTypeOf returns the DType whose elements are of Go type T.
func DTypeOf[T Element]() DType {
	var zero T
	switch any(zero).(type) {
	case bool:
		return Bool
	case uint8:
		return Uint8
	case uint16:
		return Uint16
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	case int8:
		return Int8
	case int16:
		return Int16
	case int32:
		return Int32
	case int64:
		return Int64
	case F16:
		return Float16
	case BF16:
		return BFloat16
	case float32:
		return Float32
	case float64:
		return Float64
	}
	return String
}
