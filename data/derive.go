package data

import (
	"fmt"
	"math"
	"slices"

	"recsys/tensor"
)

// Renamed returns the column under another name, sharing its values.
func (c *Column) Renamed(name string) *Column {
	return &Column{name: name, values: c.values, offsets: c.offsets}
}

// TakeOrNull copies the given rows, in their order; a negative row gives null, or the empty list.
func (c *Column) TakeOrNull(rows []int) *Column {
	switch values := c.values.Any().(type) {
	case []int64:
		return takeOrNull(c, values, rows, tensor.NullInt64)
	case []float32:
		return takeOrNull(c, values, rows, float32(math.NaN()))
	case []string:
		return takeOrNull(c, values, rows, "")
	}
	panic("data: column of type " + c.DType().String())
}

func takeOrNull[T Value](c *Column, values []T, rows []int, null T) *Column {
	out := make([]T, 0, len(rows))
	if c.offsets == nil {
		for _, i := range rows {
			if i < 0 {
				out = append(out, null)
			} else {
				out = append(out, values[i])
			}
		}
		return Scalar(c.name, out)
	}
	offsets := make([]int, 1, len(rows)+1)
	for _, i := range rows {
		if i >= 0 {
			out = append(out, values[c.offsets[i]:c.offsets[i+1]]...)
		}
		offsets = append(offsets, len(out))
	}
	return &Column{name: c.name, values: tensor.Of(out, len(out)), offsets: offsets}
}

// FromTensor makes a scalar column of a tensor [rows], int64, float32 or string, which it keeps.
func FromTensor(name string, t *tensor.Tensor) *Column { return &Column{name: name, values: t} }

// FromPadded makes a column of lists of a tensor [rows,length], int64, float32 or string, leaving out the nulls at the end of each row:
// what [Column.Padded] does, undone.
func FromPadded(name string, t *tensor.Tensor) (*Column, error) {
	if t.Rank() != 2 {
		return nil, fmt.Errorf("column %q: %s is no [rows,length]", name, t)
	}
	switch values := t.Any().(type) {
	case []int64:
		return unpadded(name, values, t.Dim(1), func(v int64) bool { return v == tensor.NullInt64 })
	case []float32:
		return unpadded(name, values, t.Dim(1), func(v float32) bool { return v != v })
	case []string:
		return unpadded(name, values, t.Dim(1), func(v string) bool { return v == "" })
	}
	return nil, fmt.Errorf("column %q of type %s", name, t.DType())
}

func unpadded[T Value](name string, padded []T, length int, null func(T) bool) (*Column, error) {
	var values []T
	offsets := []int{0}
	for row := range slices.Chunk(padded, length) {
		for len(row) > 0 && null(row[len(row)-1]) {
			row = row[:len(row)-1]
		}
		values = append(values, row...)
		offsets = append(offsets, len(values))
	}
	return Ragged(name, values, offsets)
}
