package data

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"recsys/tensor"
)

// maxInterned bounds the distinct strings of a column that are kept to share them between rows.
const maxInterned = 1 << 16

// builder collects the cells of one column.
type builder struct {
	name    string
	dtype   tensor.DType
	list    bool
	sep     []byte // between the elements of a list that is text, else nil
	ints    []int64
	floats  []float32
	strings []string
	offsets []int
	lengths bool // of lists are all that is wanted of a column of numbers
	passed  int  // elements that were not kept
	shared  map[string]string
}

func newBuilder(name string, dtype tensor.DType, list bool, sep string) *builder {
	b := &builder{name: name, dtype: dtype, list: list, shared: map[string]string{}}
	if sep != "" {
		b.sep = []byte(sep)
	}
	return b
}

// reset starts a new column of about that many rows.
func (b *builder) reset(rows int) {
	b.ints, b.floats, b.strings, b.offsets, b.passed = nil, nil, nil, nil, 0
	switch b.dtype {
	case tensor.Int64:
		b.ints = make([]int64, 0, rows)
	case tensor.Float32:
		b.floats = make([]float32, 0, rows)
	default:
		b.strings = make([]string, 0, rows)
	}
	if b.list {
		b.offsets = append(make([]int, 0, rows+1), 0)
	}
}

// add appends the cell of the next row.
func (b *builder) add(cell []byte) error {
	if !b.list {
		return b.value(cell)
	}
	for len(cell) > 0 {
		element := cell
		if i := bytes.Index(cell, b.sep); i >= 0 {
			element, cell = cell[:i], cell[i+len(b.sep):]
		} else {
			cell = nil
		}
		if len(element) == 0 {
			continue
		}
		if err := b.value(element); err != nil {
			return err
		}
	}
	b.endList()
	return nil
}

// endList ends the list of a row.
func (b *builder) endList() { b.endListBehind(0) }

// endListBehind is endList where the last elements of the list are not appended yet.
func (b *builder) endListBehind(waiting int) {
	b.offsets = append(b.offsets, len(b.ints)+len(b.floats)+len(b.strings)+b.passed+waiting)
}

func (b *builder) value(text []byte) error {
	switch b.dtype {
	case tensor.Int64:
		v, ok := parseInt(text)
		if !ok {
			return badCell(text, b.dtype)
		}
		b.ints = append(b.ints, v)
	case tensor.Float32:
		v, ok := parseFloat(text)
		if !ok {
			return badCell(text, b.dtype)
		}
		b.floats = append(b.floats, v)
	default:
		if !utf8.Valid(text) {
			return badCell(text, b.dtype)
		}
		b.strings = append(b.strings, b.intern(text))
	}
	return nil
}

// badCell is the error for a cell that a type does not have.
func badCell(text []byte, dtype tensor.DType) error {
	switch dtype {
	case tensor.Int64:
		return fmt.Errorf("%s is not an integer; correct the cell, or declare the column as float32 or string", show(text))
	case tensor.Float32:
		return fmt.Errorf("%s is not a finite number; correct the cell, or declare the column as string", show(text))
	default:
		return fmt.Errorf("%s is not UTF-8; save the file as UTF-8", show(text))
	}
}

func (b *builder) intern(text []byte) string {
	if s, ok := b.shared[string(text)]; ok {
		return s
	}
	s := string(text)
	if len(b.shared) < maxInterned {
		b.shared[s] = s
	}
	return s
}

// column returns what was collected since the last reset.
func (b *builder) column() *Column {
	c := &Column{name: b.name, offsets: b.offsets}
	switch b.dtype {
	case tensor.Int64:
		c.values = tensor.Of(b.ints, len(b.ints))
	case tensor.Float32:
		c.values = tensor.Of(b.floats, len(b.floats))
	default:
		c.values = tensor.Of(b.strings, len(b.strings))
	}
	return c
}

// show quotes a cell for an error, shortened.
func show(text []byte) string {
	if len(text) > 40 {
		return strconv.Quote(string(text[:40])) + "..."
	}
	return strconv.Quote(string(text))
}

// parseInt reads a decimal integer; an empty cell is null, and the number that stands for null is none.
func parseInt(text []byte) (int64, bool) {
	if len(text) == 0 {
		return tensor.NullInt64, true
	}
	digits := text
	if text[0] == '-' {
		digits = text[1:]
	}
	if len(digits) == 0 || len(digits) > 18 {
		if len(digits) == 19 && digits[0] != '+' {
			v, err := strconv.ParseInt(string(text), 10, 64)
			return v, err == nil && v != tensor.NullInt64
		}
		return 0, false
	}
	var v int64
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = 10*v + int64(c-'0')
	}
	if text[0] == '-' {
		v = -v
	}
	return v, true
}

// parseFloat reads a decimal number; an empty cell and NaN are null.
func parseFloat(text []byte) (float32, bool) {
	if len(text) == 0 || string(text) == "NaN" || string(text) == "nan" {
		return float32(math.NaN()), true
	}
	for _, c := range text {
		if (c < '0' || c > '9') && c != '.' && c != '-' && c != '+' && c != 'e' && c != 'E' {
			return 0, false // strconv takes hexadecimal, underscores and names too
		}
	}
	v, err := strconv.ParseFloat(string(text), 32)
	return float32(v), err == nil
}
