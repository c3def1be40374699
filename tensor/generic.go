package tensor

import (
	"errors"
	"fmt"
	"slices"
)

// Concat joins tensors of one DType along the first axis; the other axes have to agree. The result is a copy.
func Concat(ts ...*Tensor) (*Tensor, error) {
	if len(ts) == 0 {
		return nil, errors.New("concat of no tensors")
	}
	first, rows := ts[0], 0
	for _, t := range ts {
		if t.dtype != first.dtype || t.Rank() == 0 || t.Rank() != first.Rank() || !slices.Equal(t.shape[1:], first.shape[1:]) {
			return nil, fmt.Errorf("concat of %s with %s", first, t)
		}
		rows += t.shape[0]
	}
	shape := slices.Clone(first.shape)
	shape[0] = rows
	out := Zeros(first.dtype, shape...)
	at := 0
	for _, t := range ts {
		copyInto(out, at, t)
		at += t.Len()
	}
	return out, nil
}

func copyInto(dst *Tensor, at int, src *Tensor) {
	switch s := src.data.(type) {
	case []bool:
		copy(dst.data.([]bool)[at:], s)
	case []uint8:
		copy(dst.data.([]uint8)[at:], s)
	case []uint16:
		copy(dst.data.([]uint16)[at:], s)
	case []uint32:
		copy(dst.data.([]uint32)[at:], s)
	case []uint64:
		copy(dst.data.([]uint64)[at:], s)
	case []int8:
		copy(dst.data.([]int8)[at:], s)
	case []int16:
		copy(dst.data.([]int16)[at:], s)
	case []int32:
		copy(dst.data.([]int32)[at:], s)
	case []int64:
		copy(dst.data.([]int64)[at:], s)
	case []F16:
		copy(dst.data.([]F16)[at:], s)
	case []BF16:
		copy(dst.data.([]BF16)[at:], s)
	case []float32:
		copy(dst.data.([]float32)[at:], s)
	case []float64:
		copy(dst.data.([]float64)[at:], s)
	case []string:
		copy(dst.data.([]string)[at:], s)
	}
}

func slice(data any, from, to int) any {
	switch s := data.(type) {
	case []bool:
		return s[from:to]
	case []uint8:
		return s[from:to]
	case []uint16:
		return s[from:to]
	case []uint32:
		return s[from:to]
	case []uint64:
		return s[from:to]
	case []int8:
		return s[from:to]
	case []int16:
		return s[from:to]
	case []int32:
		return s[from:to]
	case []int64:
		return s[from:to]
	case []F16:
		return s[from:to]
	case []BF16:
		return s[from:to]
	case []float32:
		return s[from:to]
	case []float64:
		return s[from:to]
	case []string:
		return s[from:to]
	}
	panic("tensor: invalid data type")
}

func equalData(a, b any) bool {
	switch x := a.(type) {
	case []bool:
		return slices.Equal(x, b.([]bool))
	case []uint8:
		return slices.Equal(x, b.([]uint8))
	case []uint16:
		return slices.Equal(x, b.([]uint16))
	case []uint32:
		return slices.Equal(x, b.([]uint32))
	case []uint64:
		return slices.Equal(x, b.([]uint64))
	case []int8:
		return slices.Equal(x, b.([]int8))
	case []int16:
		return slices.Equal(x, b.([]int16))
	case []int32:
		return slices.Equal(x, b.([]int32))
	case []int64:
		return slices.Equal(x, b.([]int64))
	case []F16:
		return slices.Equal(x, b.([]F16))
	case []BF16:
		return slices.Equal(x, b.([]BF16))
	case []string:
		return slices.Equal(x, b.([]string))
	}
	return false
}

// Copy copies src's elements into dst, which has to have the same type and shape.
func Copy(dst, src *Tensor) error {
	if dst.dtype != src.dtype || dst.Len() != src.Len() {
		return fmt.Errorf("copy %s into %s", src, dst)
	}
	copyInto(dst, 0, src)
	return nil
}
