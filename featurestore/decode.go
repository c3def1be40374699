package featurestore

import (
	"encoding/binary"
	"fmt"

	"recsys/schema"
	"recsys/tensor"
)

// Decode unpacks a row into tensors [1] and [1,L], which share nothing with it. A row of another schema gives a
// *HashError.
func (c *Codec) Decode(row []byte) (tensor.Map, error) {
	if _, err := c.EventTime(row); err != nil {
		return nil, err
	}
	r := rowReader{rest: row[rowHeader:]}
	values := make(tensor.Map, len(c.columns))
	for _, column := range c.columns {
		if fixed(column) {
			t := tensor.Zeros(column.DType.DType, 1)
			r.fixed(t.Any(), column.DType.Size())
			values[column.Name] = t
		}
		if r.err != nil {
			return nil, fmt.Errorf("unpack column %q: %w", column.Name, r.err)
		}
	}
	for _, column := range c.columns {
		if !fixed(column) {
			values[column.Name] = r.variable(column)
		}
		if r.err != nil {
			return nil, fmt.Errorf("unpack column %q: %w", column.Name, r.err)
		}
	}
	if len(r.rest) > 0 {
		return nil, fmt.Errorf("%w: %d bytes after the last column", errRow, len(r.rest))
	}
	return values, nil
}

// EventTime returns the event time of a row in Unix milliseconds. A row of another schema gives a *HashError.
func (c *Codec) EventTime(row []byte) (int64, error) {
	if len(row) < rowHeader || string(row[:4]) != rowMagic {
		return 0, fmt.Errorf("%w: no %s header", errRow, rowMagic)
	}
	if got := binary.LittleEndian.Uint32(row[4:]); got != c.hash {
		return 0, &HashError{Got: got, Want: c.hash}
	}
	return int64(binary.LittleEndian.Uint64(row[8:])), nil
}

// rowReader takes elements off the front of rest; after an error it does nothing.
type rowReader struct {
	rest []byte
	err  error
}

func (r *rowReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", errRow, fmt.Sprintf(format, args...))
	}
}

// take returns the next n bytes, nil after an error.
func (r *rowReader) take(n int) []byte {
	if r.err == nil && (n < 0 || n > len(r.rest)) {
		r.fail("%d bytes wanted, %d left", n, len(r.rest))
	}
	if r.err != nil {
		return nil
	}
	out := r.rest[:n]
	r.rest = r.rest[n:]
	return out
}

func (r *rowReader) count() int {
	b := r.take(4)
	if b == nil {
		return 0
	}
	return int(binary.LittleEndian.Uint32(b))
}

// fixed fills data, a slice of numbers or bools, from size bytes.
func (r *rowReader) fixed(data any, size int) {
	b := r.take(size)
	if r.err != nil {
		return
	}
	if _, err := binary.Decode(b, binary.LittleEndian, data); err != nil {
		r.fail("%v", err)
	}
}

func (r *rowReader) variable(c schema.Column) *tensor.Tensor {
	t := Null(c)
	n := 1
	if c.Length > 0 {
		n = r.count()
	}
	if n > t.Len() {
		r.fail("%d elements in a list of length %d", n, c.Length)
	}
	if r.err != nil {
		return t
	}
	texts, ok := t.Any().([]string)
	if !ok {
		flat, err := t.Reshape(t.Len())
		if err != nil {
			r.fail("%v", err)
			return t
		}
		r.fixed(flat.Rows(0, n).Any(), n*c.DType.Size())
		return t
	}
	for i := range n {
		texts[i] = string(r.take(r.count()))
	}
	return t
}
