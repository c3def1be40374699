package featurestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math"

	"recsys/schema"
	"recsys/tensor"
)

// The layout of a row, little-endian: "RSR1", the schema hash (u32), the event time (i64); then the
// scalar columns of fixed width in schema order; then, in schema order, strings (u32 length, bytes) and lists
// (u32 count, elements; trailing nulls are left out).
const (
	rowMagic  = "RSR1"
	rowHeader = 4 + 4 + 8
)

var errRow = errors.New("malformed row")

// Codec packs the columns of one schema into rows. It is immutable: safe for concurrent use.
type Codec struct {
	columns schema.Schema
	hash    uint32
}

// NewCodec makes a codec for raw columns. Columns may be of any data type, scalars or lists.
func NewCodec(columns schema.Schema) (*Codec, error) {
	if err := columns.Validate(); err != nil {
		return nil, fmt.Errorf("row codec: %w", err)
	}
	return &Codec{columns: columns, hash: hashSchema(columns)}, nil
}

// hashSchema is FNV-1a over what decides the layout: names, data types and lengths, in order.
func hashSchema(columns schema.Schema) uint32 {
	var text []byte
	for _, c := range columns {
		text = fmt.Appendf(text, "%q %s %d\n", c.Name, c.DType, c.Length)
	}
	h := fnv.New32a()
	_, _ = h.Write(text) // A hash never fails.
	return h.Sum32()
}

// Schema returns the codec's columns, which the caller must not change.
func (c *Codec) Schema() schema.Schema { return c.columns }

// Hash returns the schema hash as 8 hexadecimal digits. It depends on names, data types, lengths and order.
func (c *Codec) Hash() string { return fmt.Sprintf("%08x", c.hash) }

// SchemaOf returns the schema hash of a packed row, as Codec.Hash has it; "" for bytes that are no packed row.
func SchemaOf(row []byte) string {
	if len(row) < rowHeader || string(row[:4]) != rowMagic {
		return ""
	}
	return fmt.Sprintf("%08x", binary.LittleEndian.Uint32(row[4:]))
}

// Pick returns the row of the codec's schema; without one, another of rows, which no method takes, and nil of none.
func (c *Codec) Pick(rows [][]byte) []byte {
	var other []byte
	for _, row := range rows {
		if len(row) >= rowHeader && binary.LittleEndian.Uint32(row[4:]) == c.hash {
			return row
		}
		other = row
	}
	return other
}

// Encode packs one row from tensors [1] (scalars) and [1,L] (lists), with its event time in Unix milliseconds.
func (c *Codec) Encode(values tensor.Map, eventTime int64) ([]byte, error) {
	return c.Append(nil, values, 0, eventTime)
}

// Append packs row i of a batch, tensors [B] and [B,L], and appends it to dst. Every column has to be there;
// what else is in values is ignored.
func (c *Codec) Append(dst []byte, values tensor.Map, i int, eventTime int64) ([]byte, error) {
	for _, column := range c.columns {
		if err := checkColumn(column, values[column.Name], i); err != nil {
			return nil, fmt.Errorf("pack row: %w", err)
		}
	}
	dst = append(dst, rowMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, c.hash)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(eventTime))
	var err error
	for _, column := range c.columns {
		if fixed(column) {
			if dst, err = binary.Append(dst, binary.LittleEndian, values[column.Name].Rows(i, i+1).Any()); err != nil {
				return nil, fmt.Errorf("pack column %q: %w", column.Name, err)
			}
		}
	}
	for _, column := range c.columns {
		if !fixed(column) {
			if dst, err = appendVariable(dst, column, values[column.Name].Rows(i, i+1)); err != nil {
				return nil, fmt.Errorf("pack column %q: %w", column.Name, err)
			}
		}
	}
	return dst, nil
}

func fixed(c schema.Column) bool { return c.Length == 0 && c.DType.DType != tensor.String }

func checkColumn(c schema.Column, t *tensor.Tensor, i int) error {
	if t == nil {
		return fmt.Errorf("no values for column %q", c.Name)
	}
	ok := t.DType() == c.DType.DType && t.Rank() == 1
	if c.Length > 0 {
		ok = t.DType() == c.DType.DType && t.Rank() == 2 && t.Dim(1) == c.Length
	}
	if !ok {
		return fmt.Errorf("column %q is %s with length %d, got values %s", c.Name, c.DType, c.Length, t)
	}
	if i < 0 || i >= t.Dim(0) {
		return fmt.Errorf("column %q has no row %d: its values are %s", c.Name, i, t)
	}
	return nil
}

// appendVariable packs a string or a list; t has one row.
func appendVariable(dst []byte, c schema.Column, t *tensor.Tensor) ([]byte, error) {
	n := t.Len()
	if c.Length > 0 {
		n = trimNulls(t)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	}
	flat, err := t.Reshape(t.Len())
	if err != nil {
		return nil, err
	}
	elements := flat.Rows(0, n).Any()
	texts, ok := elements.([]string)
	if !ok {
		return binary.Append(dst, binary.LittleEndian, elements)
	}
	for _, s := range texts {
		if len(s) > math.MaxInt32 {
			return nil, fmt.Errorf("string of %d bytes", len(s))
		}
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
		dst = append(dst, s...)
	}
	return dst, nil
}

// trimNulls counts the elements of t up to the last that is not null.
func trimNulls(t *tensor.Tensor) int {
	n := t.Len()
	switch s := t.Any().(type) {
	case []int64:
		for n > 0 && s[n-1] == tensor.NullInt64 {
			n--
		}
	case []string:
		for n > 0 && s[n-1] == "" {
			n--
		}
	case []float32:
		for n > 0 && s[n-1] != s[n-1] {
			n--
		}
	case []float64:
		for n > 0 && math.IsNaN(s[n-1]) {
			n--
		}
	}
	return n
}

// Null returns a tensor [1] or [1,L] of the column's null sentinel: the least int64, the empty string or NaN;
// zero for data types that have none.
func Null(c schema.Column) *tensor.Tensor {
	shape := []int{1}
	if c.Length > 0 {
		shape = []int{1, c.Length}
	}
	t := tensor.Zeros(c.DType.DType, shape...)
	switch s := t.Any().(type) {
	case []int64:
		for i := range s {
			s[i] = tensor.NullInt64
		}
	case []float32:
		for i := range s {
			s[i] = float32(math.NaN())
		}
	case []float64:
		for i := range s {
			s[i] = math.NaN()
		}
	}
	return t
}
