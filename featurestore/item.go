package featurestore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"

	"recsys/schema"
	"recsys/tensor"
)

// Replaces reports whether a store that is loaded with an item's row puts it into the place of the one that it has: it does unless both
// are the same, or the old one is of the same schema and has a later event time. An old row that is none is replaced.
func Replaces(old, row []byte) bool {
	if bytes.Equal(old, row) {
		return false
	}
	if len(old) < rowHeader || len(row) < rowHeader || !bytes.Equal(old[:8], row[:8]) {
		return true
	}
	time := func(b []byte) uint64 { return binary.LittleEndian.Uint64(b[8:]) }
	return time(old) <= time(row)
}

// CheckItem checks a record of an item: it has a key and a row, and no history.
func CheckItem(r Record) error {
	if err := r.Validate(); err != nil {
		return err
	}
	if len(r.Row) == 0 || len(r.History)+len(r.Seen) > 0 {
		return fmt.Errorf("record of item %q: want a row, and neither history nor seen items", r.UserID)
	}
	return nil
}

// Batch unpacks rows into tensors, a row a place. It is for one goroutine; make it with [Codec.NewBatch].
type Batch struct {
	codec   *Codec
	columns []batchColumn // in the order of the row: of fixed width, then others
	n       int
}

type batchColumn struct {
	schema.Column
	values *tensor.Tensor // [N] or [N,L]; nil for one that is not wanted
	blank  *tensor.Tensor // what a place has without a row
}

// NewBatch makes a batch of n places for some of the codec's columns. Places have the values of blank, a tensor [1] or [1,L] for each
// wanted column, until a row is set.
func (c *Codec) NewBatch(n int, blank tensor.Map) (*Batch, error) {
	b := &Batch{codec: c, n: n}
	for _, wanted := range blank.Names() {
		column, ok := c.columns.Column(wanted)
		if !ok {
			return nil, fmt.Errorf("batch of rows: no column %q", wanted)
		}
		if err := checkColumn(column, blank[wanted], 0); err != nil {
			return nil, fmt.Errorf("batch of rows: %w", err)
		}
	}
	for _, isFixed := range []bool{true, false} {
		for _, column := range c.columns {
			if fixed(column) != isFixed {
				continue
			}
			of := batchColumn{Column: column, blank: blank[column.Name]}
			if of.blank != nil {
				shape := []int{n}
				if column.Length > 0 {
					shape = append(shape, column.Length)
				}
				of.values = tensor.Zeros(column.DType.DType, shape...)
			}
			b.columns = append(b.columns, of)
		}
	}
	for i := range n {
		b.Clear(i)
	}
	return b, nil
}

// Tensors returns the batch's tensors, [N] and [N,L], by column. They change with later calls of Set and Clear.
func (b *Batch) Tensors() tensor.Map {
	out := make(tensor.Map, len(b.columns))
	for _, c := range b.columns {
		if c.values != nil {
			out[c.Name] = c.values
		}
	}
	return out
}

// Clear gives place i the values of a place without a row.
func (b *Batch) Clear(i int) {
	for _, c := range b.columns {
		if c.values != nil {
			c.copy(i, c.blank, 0)
		}
	}
}

// Copy gives place to what place from has.
func (b *Batch) Copy(to, from int) {
	for _, c := range b.columns {
		if c.values != nil {
			c.copy(to, c.values, from)
		}
	}
}

// Set unpacks a row into place i. A row that cannot be read, such as one of another schema, which gives a *HashError, leaves the place
// as Clear does.
func (b *Batch) Set(i int, row []byte) error {
	if i < 0 || i >= b.n {
		return fmt.Errorf("place %d of a batch of %d rows", i, b.n)
	}
	err := b.set(i, row)
	if err != nil {
		b.Clear(i)
	}
	return err
}

func (b *Batch) set(i int, row []byte) error {
	if _, err := b.codec.EventTime(row); err != nil {
		return err
	}
	r := rowReader{rest: row[rowHeader:]}
	for _, c := range b.columns {
		switch {
		case fixed(c.Column) && c.values == nil:
			r.take(c.DType.Size())
		case fixed(c.Column):
			c.number(&r, i)
		default:
			c.variable(&r, i)
		}
		if r.err != nil {
			return fmt.Errorf("unpack column %q: %w", c.Name, r.err)
		}
	}
	if len(r.rest) > 0 {
		return fmt.Errorf("%w: %d bytes after the last column", errRow, len(r.rest))
	}
	return nil
}

// number reads a scalar of fixed width.
func (c batchColumn) number(r *rowReader, i int) {
	switch data := c.values.Any().(type) {
	case []int64: // the common ones, without allocating
		if b := r.take(8); b != nil {
			data[i] = int64(binary.LittleEndian.Uint64(b))
		}
	case []float32:
		if b := r.take(4); b != nil {
			data[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
		}
	default:
		r.fixed(c.values.Rows(i, i+1).Any(), c.DType.Size())
	}
}

// variable reads a string or a list.
func (c batchColumn) variable(r *rowReader, i int) {
	width := max(1, c.Length)
	n := 1
	if c.Length > 0 {
		n = r.count()
	}
	if n > width {
		r.fail("%d elements in a list of length %d", n, c.Length)
	}
	if r.err != nil {
		return
	}
	if c.DType.DType != tensor.String {
		b := r.take(n * c.DType.Size())
		if c.values == nil || r.err != nil {
			return
		}
		flat := rowReader{rest: b}
		own := Null(c.Column) // what a list leaves out is null, whatever the place had
		elements, err := own.Reshape(width)
		if err == nil {
			flat.fixed(elements.Rows(0, n).Any(), len(b))
			err = flat.err
		}
		if err != nil {
			r.fail("%v", err)
			return
		}
		c.copy(i, own, 0)
		return
	}
	var place []string
	if c.values != nil {
		place = tensor.MustData[string](c.values)[i*width : (i+1)*width]
		clear(place)
	}
	for j := range n {
		text := r.take(r.count())
		if place != nil {
			place[j] = string(text)
		}
	}
}

// copy copies row from of a tensor to place i.
func (c batchColumn) copy(i int, t *tensor.Tensor, from int) {
	width := max(1, c.Length)
	switch to := c.values.Any().(type) {
	case []int64:
		move(to, t, i, from, width)
	case []float32:
		move(to, t, i, from, width)
	case []string:
		move(to, t, i, from, width)
	default:
		if err := tensor.Copy(c.values.Rows(i, i+1), t.Rows(from, from+1)); err != nil {
			panic("featurestore: " + err.Error()) // of one shape by construction
		}
	}
}

func move[T tensor.Element](to []T, t *tensor.Tensor, i, from, width int) {
	copy(to[i*width:(i+1)*width], tensor.MustData[T](t)[from*width:(from+1)*width])
}
