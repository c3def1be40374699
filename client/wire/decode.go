package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"recsys/tensor"
)

// Decode makes a tensor of raw contents, which it keeps and may change. It fails when the shape is no shape or data
// has not exactly the bytes that shape and dtype need.
func Decode(dtype tensor.DType, shape []int, data []byte) (*tensor.Tensor, error) {
	n, err := tensor.Count(shape)
	if err != nil {
		return nil, err
	}
	if dtype == tensor.String {
		list, err := decodeStrings(n, data)
		if err != nil {
			return nil, fmt.Errorf("shape %s: %w", tensor.FormatShape(shape), err)
		}
		return tensor.New(list, shape)
	}
	if want := n * dtype.Size(); want != len(data) {
		return nil, fmt.Errorf("shape %s of %s needs %d bytes, got %d", tensor.FormatShape(shape), dtype, want, len(data))
	}
	return numbers(dtype, shape, data)
}

// numbers makes a tensor of elements of fixed size.
func numbers(dtype tensor.DType, shape []int, data []byte) (*tensor.Tensor, error) {
	switch dtype {
	case tensor.Bool:
		for i, b := range data {
			if b > 1 { // any other byte is no Go bool
				data[i] = 1
			}
		}
		return tensor.New(Elements[bool](data), shape)
	case tensor.Uint8:
		return tensor.New(data, shape)
	case tensor.Uint16:
		return tensor.New(Elements[uint16](data), shape)
	case tensor.Uint32:
		return tensor.New(Elements[uint32](data), shape)
	case tensor.Uint64:
		return tensor.New(Elements[uint64](data), shape)
	case tensor.Int8:
		return tensor.New(Elements[int8](data), shape)
	case tensor.Int16:
		return tensor.New(Elements[int16](data), shape)
	case tensor.Int32:
		return tensor.New(Elements[int32](data), shape)
	case tensor.Int64:
		return tensor.New(Elements[int64](data), shape)
	case tensor.Float16:
		return tensor.New(Elements[tensor.F16](data), shape)
	case tensor.BFloat16:
		return tensor.New(Elements[tensor.BF16](data), shape)
	case tensor.Float32:
		return tensor.New(Elements[float32](data), shape)
	case tensor.Float64:
		return tensor.New(Elements[float64](data), shape)
	case tensor.Invalid, tensor.String:
	}
	return nil, fmt.Errorf("%s tensors have no encoding", dtype)
}

// Elements views raw contents as numbers or bools, which share data's memory; it copies only on big-endian machines and
// where data does not lie as the elements have to. Bytes after the last whole element are left out. The bytes of bools
// have to be 0 or 1.
func Elements[T Fixed](data []byte) []T {
	var element T
	n := len(data) / int(unsafe.Sizeof(element))
	if n == 0 {
		return []T{}
	}
	start := unsafe.Pointer(unsafe.SliceData(data)) // n elements lie there, aligned where they are used
	if littleEndian() && uintptr(start)%unsafe.Alignof(element) == 0 {
		return unsafe.Slice((*T)(start), n) // see above
	}
	out := make([]T, n)
	if _, err := binary.Decode(data, binary.LittleEndian, out); err != nil {
		panic("wire: " + err.Error()) // out is a slice of fixed-size elements of data's size
	}
	return out
}

// Fixed are the elements of a fixed size: all but strings.
type Fixed interface {
	bool | uint8 | uint16 | uint32 | uint64 | int8 | int16 | int32 | int64 | tensor.F16 | tensor.BF16 | float32 | float64
}

// decodeStrings reads n strings, which have to fill data.
func decodeStrings(n int, data []byte) ([]string, error) {
	if n > len(data)/4 {
		return nil, fmt.Errorf("%d strings need at least 4 bytes each, got %d bytes", n, len(data))
	}
	list := make([]string, n)
	for i := range list {
		if len(data) < 4 {
			return nil, fmt.Errorf("string %d of %d: the bytes end before its length", i, n)
		}
		size := uint64(binary.LittleEndian.Uint32(data))
		data = data[4:]
		if size > uint64(len(data)) {
			return nil, fmt.Errorf("string %d of %d: has %d bytes by its length, but only %d follow", i, n, size, len(data))
		}
		list[i] = unsafe.String(unsafe.SliceData(data), int(size)) // at most len(data)
		data = data[size:]
	}
	if len(data) > 0 {
		return nil, fmt.Errorf("%d bytes follow the last of %d strings", len(data), n)
	}
	return list, nil
}

// shapeOf converts a message's shape.
func shapeOf(dims []int64) ([]int, error) {
	shape := make([]int, len(dims))
	for i, d := range dims {
		if d < 0 || d > math.MaxInt {
			return nil, fmt.Errorf("shape %v: dimension %d is out of range", dims, i)
		}
		shape[i] = int(d)
	}
	return shape, nil
}
