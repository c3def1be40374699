package expression

import (
	"fmt"
	"math"
	"strconv"

	"recsys/schema"
	"recsys/tensor"
)

// Table holds the attributes of rows column by column, as conditions read them. It is safe for concurrent readers once it is complete.
type Table struct {
	schema  schema.Schema
	columns map[string]*column
	rows    int
}

// column holds numbers, NaN for null, or texts as places among words, -1 for null; those of a row of a list end at ends.
type column struct {
	list    bool
	numbers []float64
	codes   []int32
	words   []string
	code    map[string]int32
	ends    []int
}

// NewTable makes a table of raw columns without rows. Columns may be of any data type, scalars or lists.
func NewTable(columns schema.Schema) *Table {
	t := &Table{schema: columns, columns: make(map[string]*column, len(columns))}
	for _, c := range columns {
		made := &column{list: c.Length > 0}
		if c.DType.DType == tensor.String {
			made.code = map[string]int32{}
		}
		t.columns[c.Name] = made
	}
	return t
}

// Len is the number of rows.
func (t *Table) Len() int { return t.rows }

// Schema is that of NewTable.
func (t *Table) Schema() schema.Schema { return t.schema }

// Append adds n rows with values of every column, [n] for scalars and [n,L] for lists. It copies them.
func (t *Table) Append(n int, values tensor.Map) error {
	for _, c := range t.schema {
		v := values[c.Name]
		if v == nil || v.Rank() < 1 || v.Dim(0) != n || v.DType() != c.DType.DType || v.Len() != n*max(1, c.Length) {
			return fmt.Errorf("column %q has values %v: want %s, %d rows of length %d", c.Name, v, c.DType, n, c.Length)
		}
	}
	for _, c := range t.schema {
		t.columns[c.Name].append(values[c.Name], n)
	}
	t.rows += n
	return nil
}

func (c *column) append(v *tensor.Tensor, n int) {
	texts, isText := v.Any().([]string)
	var numbers []float64
	if !isText {
		numbers = floats(v)
	}
	length := v.Len() / max(1, n)
	for row := range n {
		for i := row * length; i < (row+1)*length; i++ {
			switch {
			case isText && (texts[i] != "" || !c.list):
				c.codes = append(c.codes, c.codeOf(texts[i]))
			case !isText && (!math.IsNaN(numbers[i]) || !c.list):
				c.numbers = append(c.numbers, numbers[i])
			}
		}
		if c.list {
			c.ends = append(c.ends, max(len(c.codes), len(c.numbers)))
		}
	}
}

// codeOf returns the place of a text among the words, which it may add; -1 for null.
func (c *column) codeOf(text string) int32 {
	if text == "" {
		return -1
	}
	code, ok := c.code[text]
	if !ok {
		code = int32(len(c.words))
		c.words = append(c.words, text)
		c.code[text] = code
	}
	return code
}

// find returns the place of a text among the words, -2 if it is none of them.
func (c *column) find(text string) int32 {
	if code, ok := c.code[text]; ok {
		return code
	}
	return -2
}

// span returns where the values of a row lie.
func (c *column) span(row int) (from, to int) {
	if !c.list {
		return row, row + 1
	}
	if row > 0 {
		from = c.ends[row-1]
	}
	return from, c.ends[row]
}

// Value returns an attribute of a row: nil for null, a float64, a string, or a []any of them.
func (t *Table) Value(name string, row int) any {
	c := t.columns[name]
	from, to := c.span(row)
	list := make([]any, 0, to-from)
	for i := from; i < to; i++ {
		switch {
		case c.code == nil && math.IsNaN(c.numbers[i]), c.code != nil && c.codes[i] < 0:
			list = append(list, nil)
		case c.code == nil:
			list = append(list, c.numbers[i])
		default:
			list = append(list, c.words[c.codes[i]])
		}
	}
	if c.list {
		return list
	}
	return list[0]
}

// Tokens returns numbers that stand for the values of an attribute of a row: equal ones for equal values, none for null.
func (t *Table) Tokens(name string, row int) []uint64 {
	c := t.columns[name]
	from, to := c.span(row)
	tokens := make([]uint64, 0, to-from)
	for i := from; i < to; i++ {
		switch {
		case c.code != nil && c.codes[i] >= 0:
			tokens = append(tokens, uint64(c.codes[i]))
		case c.code == nil && !math.IsNaN(c.numbers[i]):
			tokens = append(tokens, math.Float64bits(c.numbers[i]))
		}
	}
	return tokens
}

// floats returns numbers and truths as float64, null as NaN. A float32 becomes the number of its shortest decimal, so that what was
// written as 0.1 is equal to 0.1; an int64 beyond 2^53 is rounded.
func floats(t *tensor.Tensor) []float64 {
	out := make([]float64, t.Len())
	switch data := t.Any().(type) {
	case []float64:
		copy(out, data)
	case []float32:
		for i, v := range data {
			out[i] = decimal(v)
		}
	case []int64:
		for i, v := range data {
			if out[i] = float64(v); v == tensor.NullInt64 {
				out[i] = math.NaN()
			}
		}
	case []bool:
		for i, v := range data {
			if v {
				out[i] = 1
			}
		}
	case []int32:
		widen(out, data)
	case []int16:
		widen(out, data)
	case []int8:
		widen(out, data)
	case []uint64:
		widen(out, data)
	case []uint32:
		widen(out, data)
	case []uint16:
		widen(out, data)
	case []uint8:
		widen(out, data)
	}
	return out
}

func widen[T int8 | int16 | int32 | uint8 | uint16 | uint32 | uint64](out []float64, data []T) {
	for i, v := range data {
		out[i] = float64(v)
	}
}

func decimal(v float32) float64 {
	wide := float64(v)
	if wide == math.Trunc(wide) || math.IsNaN(wide) {
		return wide
	}
	d, err := strconv.ParseFloat(strconv.FormatFloat(wide, 'g', -1, 32), 64)
	if err != nil {
		return wide // Infinite: there is no decimal.
	}
	return d
}
