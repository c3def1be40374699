package data

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"iter"
	"math"
	"slices"
	"strings"

	"recsys/schema"
)

// Table is columns of equal length with unique names. It is not changed after it is made.
type Table struct {
	columns []*Column
	rows    int
}

// NewTable makes a table of columns, which it keeps, in the given order.
func NewTable(columns ...*Column) (*Table, error) {
	if len(columns) == 0 {
		return nil, errors.New("table without columns")
	}
	t := &Table{columns: columns, rows: columns[0].Len()}
	seen := map[string]bool{}
	for _, c := range columns {
		if seen[c.name] {
			return nil, fmt.Errorf("column %q appears twice", c.name)
		}
		seen[c.name] = true
		if c.Len() != t.rows {
			return nil, fmt.Errorf("column %q has %d rows and column %q has %d", columns[0].name, t.rows, c.name, c.Len())
		}
	}
	return t, nil
}

// Len returns the number of rows.
func (t *Table) Len() int { return t.rows }

// Columns returns the columns in order. The caller must not change the slice.
func (t *Table) Columns() []*Column { return t.columns }

// Names returns the column names in order.
func (t *Table) Names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

// Schema describes the columns in order, without tags.
func (t *Table) Schema() schema.Schema {
	s := make(schema.Schema, len(t.columns))
	for i, c := range t.columns {
		s[i] = c.Schema()
	}
	return s
}

// Has reports whether the table has a column of that name.
func (t *Table) Has(name string) bool {
	return slices.ContainsFunc(t.columns, func(c *Column) bool { return c.name == name })
}

// Column finds a column by name; the error lists those that exist.
func (t *Table) Column(name string) (*Column, error) {
	for _, c := range t.columns {
		if c.name == name {
			return c, nil
		}
	}
	return nil, missing(name, t.Names())
}

func missing(name string, have []string) error {
	return fmt.Errorf("no column %q; the columns are %s", name, strings.Join(have, ", "))
}

// Values returns the elements of a scalar column, shared with the table.
func Values[T Value](t *Table, name string) ([]T, error) {
	c, err := t.Column(name)
	if err != nil {
		return nil, err
	}
	values, ok := c.values.Any().([]T)
	if !ok || c.IsList() {
		var want T
		kind := c.DType().String()
		if c.IsList() {
			kind = "lists of " + kind
		}
		return nil, fmt.Errorf("column %q holds %s, not %T", name, kind, want)
	}
	return values, nil
}

// With returns a table with more columns, which share the existing ones.
func (t *Table) With(columns ...*Column) (*Table, error) {
	return NewTable(slices.Concat(t.columns, columns)...)
}

// Slice returns the rows [from, to), sharing t's values.
func (t *Table) Slice(from, to int) *Table {
	out := &Table{columns: make([]*Column, len(t.columns)), rows: to - from}
	for i, c := range t.columns {
		out.columns[i] = c.slice(from, to)
	}
	return out
}

// Take copies the given rows, in their order; a row may appear more than once.
func (t *Table) Take(rows []int) *Table {
	out := &Table{columns: make([]*Column, len(t.columns)), rows: len(rows)}
	for i, c := range t.columns {
		out.columns[i] = c.take(rows)
	}
	return out
}

// Batches yields consecutive rows, size at a time, sharing t's values; the last batch may be shorter.
func (t *Table) Batches(ctx context.Context, size int) iter.Seq2[*Table, error] {
	return func(yield func(*Table, error) bool) {
		if size <= 0 {
			yield(nil, fmt.Errorf("batch size %d: it has to be positive", size))
			return
		}
		for from := 0; from < t.rows; from += size {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(t.Slice(from, min(from+size, t.rows)), nil) {
				return
			}
		}
	}
}

// Hash returns "sha256:" and the digest of names, types and values in order. It depends on the content alone: not on
// the file's form, its compression or its name. All NaN count as one.
func (t *Table) Hash() string {
	h := sha256.New()
	var buf []byte
	for _, c := range t.columns {
		buf = fmt.Appendf(buf[:0], "%q %s %t %d\n", c.name, c.DType(), c.IsList(), t.rows)
		buf = flush(h, buf, 0)
		for _, o := range c.offsets {
			buf = flush(h, binary.AppendVarint(buf, int64(o)), 1<<15)
		}
		buf = hashValues(h, buf, c)
		buf = flush(h, buf, 0)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// flush writes buf once it is longer than limit, and returns what is left to write.
func flush(h hash.Hash, buf []byte, limit int) []byte {
	if len(buf) <= limit {
		return buf
	}
	h.Write(buf)
	return buf[:0]
}

func hashValues(h hash.Hash, buf []byte, c *Column) []byte {
	switch values := c.values.Any().(type) {
	case []int64:
		for _, v := range values {
			buf = flush(h, binary.LittleEndian.AppendUint64(buf, uint64(v)), 1<<15)
		}
	case []float32:
		for _, v := range values {
			bits := math.Float32bits(v)
			if v != v {
				bits = 0x7fc00000
			}
			buf = flush(h, binary.LittleEndian.AppendUint32(buf, bits), 1<<15)
		}
	case []string:
		for _, v := range values {
			buf = binary.AppendUvarint(buf, uint64(len(v)))
			buf = flush(h, append(buf, v...), 1<<15)
		}
	}
	return buf
}
