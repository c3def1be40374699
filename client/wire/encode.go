package wire

import (
	"encoding/binary"
	"fmt"
	"math"
	"unsafe"

	"recsys/tensor"
)

// Encode returns the raw contents of t. Those of numeric tensors share t's memory on little-endian machines; strings
// are copied, in one allocation. It fails for a string of 4 GiB or more only.
func Encode(t *tensor.Tensor) ([]byte, error) {
	if list, ok := t.Any().([]string); ok {
		return encodeStrings(list)
	}
	if !littleEndian() {
		return encodeCopy(t.Any()), nil
	}
	switch data := t.Any().(type) {
	case []bool: // Go's bools are bytes of 0 and 1
		return bytesOf(data), nil
	case []uint8:
		return data, nil
	case []uint16:
		return bytesOf(data), nil
	case []uint32:
		return bytesOf(data), nil
	case []uint64:
		return bytesOf(data), nil
	case []int8:
		return bytesOf(data), nil
	case []int16:
		return bytesOf(data), nil
	case []int32:
		return bytesOf(data), nil
	case []int64:
		return bytesOf(data), nil
	case []tensor.F16:
		return bytesOf(data), nil
	case []tensor.BF16:
		return bytesOf(data), nil
	case []float32:
		return bytesOf(data), nil
	case []float64:
		return bytesOf(data), nil
	}
	return nil, fmt.Errorf("tensor of type %s has no encoding: make it with package tensor", t.DType())
}

// View returns the memory of a numeric tensor as its raw contents, to be read or written; false where they differ: for
// strings, for bools, of which not every byte is one, and on big-endian machines.
func View(t *tensor.Tensor) ([]byte, bool) {
	if !littleEndian() || t.DType() == tensor.String || t.DType() == tensor.Bool {
		return nil, false
	}
	raw, err := Encode(t)
	return raw, err == nil
}

func bytesOf[T tensor.Element](data []T) []byte {
	if len(data) == 0 {
		return []byte{}
	}
	var element T
	start := (*byte)(unsafe.Pointer(unsafe.SliceData(data)))          // any memory may be read as bytes
	return unsafe.Slice(start, len(data)*int(unsafe.Sizeof(element))) // exactly data's memory
}

// encodeCopy encodes a slice of numbers or bools on any machine.
func encodeCopy(data any) []byte {
	out, err := binary.Append([]byte{}, binary.LittleEndian, data)
	if err != nil {
		panic("wire: " + err.Error()) // data is a slice of fixed-size elements
	}
	return out
}

func encodeStrings(list []string) ([]byte, error) {
	size := 4 * len(list)
	for i, s := range list {
		if len(s) > math.MaxUint32 {
			return nil, fmt.Errorf("string %d has %d bytes, more than a uint32 length can tell", i, len(s))
		}
		size += len(s)
	}
	out := make([]byte, 0, size)
	for _, s := range list {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(s))) // checked above
		out = append(out, s...)
	}
	return out, nil
}

func littleEndian() bool {
	probe := uint16(1)
	return *(*byte)(unsafe.Pointer(&probe)) == 1 // the first of two bytes
}
