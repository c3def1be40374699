package data

import (
	"fmt"
	"math"
	"slices"

	"recsys/schema"
	"recsys/tensor"
)

// Value is an element type of columns.
type Value interface {
	int64 | float32 | string
}

// Column is one named column of a table: rows of single values, or rows of lists.
type Column struct {
	name    string
	values  *tensor.Tensor
	offsets []int // nil for a scalar column, else rows+1 bounds in values
}

// Scalar makes a column with one value a row. It keeps values.
func Scalar[T Value](name string, values []T) *Column {
	return &Column{name: name, values: tensor.Of(values, len(values))}
}

// Ragged makes a column with a list a row: row i is values[offsets[i]:offsets[i+1]]. It keeps both slices. Offsets
// begin with 0, never fall, and end with len(values).
func Ragged[T Value](name string, values []T, offsets []int) (*Column, error) {
	if len(offsets) == 0 || offsets[0] != 0 || offsets[len(offsets)-1] != len(values) || !slices.IsSorted(offsets) {
		return nil, fmt.Errorf("column %q: offsets have to rise from 0 to the number of values, %d", name, len(values))
	}
	return &Column{name: name, values: tensor.Of(values, len(values)), offsets: offsets}, nil
}

// Name returns the column's name.
func (c *Column) Name() string { return c.name }

// DType returns the element type: Int64, Float32 or String.
func (c *Column) DType() tensor.DType { return c.values.DType() }

// Len returns the number of rows.
func (c *Column) Len() int {
	if c.offsets != nil {
		return len(c.offsets) - 1
	}
	return c.values.Len()
}

// IsList reports whether rows are lists.
func (c *Column) IsList() bool { return c.offsets != nil }

// Values returns the elements, shared with c: [rows] of a scalar column, those of all lists joined otherwise.
func (c *Column) Values() *tensor.Tensor { return c.values }

// Offsets returns the rows+1 bounds of the lists in Values, shared with c; nil for a scalar column.
func (c *Column) Offsets() []int { return c.offsets }

// Longest returns the length of the longest list, 0 for a scalar column.
func (c *Column) Longest() int {
	longest := 0
	for i := 1; i < len(c.offsets); i++ {
		longest = max(longest, c.offsets[i]-c.offsets[i-1])
	}
	return longest
}

// Padded returns the lists as [rows,length]: the first elements of longer ones, shorter ones followed by null.
func (c *Column) Padded(length int) *tensor.Tensor {
	switch values := c.values.Any().(type) {
	case []int64:
		return padded(c, values, length, tensor.NullInt64)
	case []float32:
		return padded(c, values, length, float32(math.NaN()))
	case []string:
		return padded(c, values, length, "")
	}
	panic("data: column of type " + c.DType().String())
}

func padded[T Value](c *Column, values []T, length int, null T) *tensor.Tensor {
	out := make([]T, c.Len()*length)
	for i := range c.Len() {
		row := out[i*length : (i+1)*length]
		n := copy(row, values[c.offsets[i]:c.offsets[i+1]])
		for j := n; j < length; j++ {
			row[j] = null
		}
	}
	return tensor.Of(out, c.Len(), length)
}

// slice returns the rows [from, to), sharing c's values.
func (c *Column) slice(from, to int) *Column {
	if c.offsets == nil {
		return &Column{name: c.name, values: c.values.Rows(from, to)}
	}
	first := c.offsets[from]
	offsets := make([]int, to-from+1)
	for i := range offsets {
		offsets[i] = c.offsets[from+i] - first
	}
	return &Column{name: c.name, values: c.values.Rows(first, c.offsets[to]), offsets: offsets}
}

// take copies the given rows.
func (c *Column) take(rows []int) *Column {
	switch values := c.values.Any().(type) {
	case []int64:
		return take(c, values, rows)
	case []float32:
		return take(c, values, rows)
	case []string:
		return take(c, values, rows)
	}
	panic("data: column of type " + c.DType().String())
}

func take[T Value](c *Column, values []T, rows []int) *Column {
	out := make([]T, 0, len(rows))
	if c.offsets == nil {
		for _, i := range rows {
			out = append(out, values[i])
		}
		return Scalar(c.name, out)
	}
	offsets := make([]int, 1, len(rows)+1)
	for _, i := range rows {
		out = append(out, values[c.offsets[i]:c.offsets[i+1]]...)
		offsets = append(offsets, len(out))
	}
	return &Column{name: c.name, values: tensor.Of(out, len(out)), offsets: offsets}
}

// Schema describes the column: Length is that of the longest list, at least 1, for a list column.
func (c *Column) Schema() schema.Column {
	s := schema.Column{Name: c.name, DType: schema.DType{DType: c.DType()}}
	if c.IsList() {
		s.Length = max(1, c.Longest())
	}
	return s
}
