package data

import (
	"math"

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
