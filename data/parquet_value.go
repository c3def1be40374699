package data

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding"

	"recsys/tensor"
)

// parquetValues are values of a page or dictionary, none of them null, as the type that is wanted.
type parquetValues struct {
	dtype   tensor.DType
	ints    []int64
	floats  []float32
	strings []string
	bad     map[int]error // values that the type does not have, by place
}

func (v *parquetValues) len() int { return len(v.ints) + len(v.floats) + len(v.strings) }

// firstBad returns the first bad value in [from, to).
func (v *parquetValues) firstBad(from, to int) (int, bool) {
	first, found := to, false
	for i := range v.bad {
		if i >= from && i < first {
			first, found = i, true
		}
	}
	return first, found
}

// decode replaces the values by n of a column.
func (v *parquetValues) decode(c parquetColumn, values encoding.Values, n int) {
	v.ints, v.floats, v.strings, v.bad = v.ints[:0], v.floats[:0], v.strings[:0], map[int]error{}
	switch values.Kind() {
	case encoding.Boolean:
		bits := values.Boolean()
		for i := range n {
			v.addInt(int64(bits[i/8] >> (i % 8) & 1))
		}
	case encoding.Int32:
		for _, x := range values.Int32() {
			switch {
			case c.unsigned:
				v.addInt(int64(uint32(x)))
			case c.seconds != 0:
				v.addInt(int64(x) * c.seconds)
			default:
				v.addInt(int64(x))
			}
		}
	case encoding.Int64:
		if v.dtype == tensor.Int64 && !c.unsigned && c.unit <= 1 && !slices.Contains(values.Int64(), tensor.NullInt64) {
			v.ints = append(v.ints, values.Int64()...)
			break
		}
		for _, x := range values.Int64() {
			if c.unsigned && x < 0 {
				v.fault(fmt.Errorf("%d is beyond int64: declare the column as string, or write it as such", uint64(x)))
			}
			if c.unit > 1 {
				x = floorDiv(x, c.unit)
			}
			v.addInt(x)
		}
	case encoding.Int96:
		for _, x := range values.Int96() {
			v.addInt(int96Seconds(x))
		}
	case encoding.Float:
		if v.dtype == tensor.Float32 && !slices.ContainsFunc(values.Float(), infinite) {
			v.floats = append(v.floats, values.Float()...)
			break
		}
		for _, x := range values.Float() {
			v.addFloat(float64(x), 32)
		}
	case encoding.Double:
		for _, x := range values.Double() {
			v.addFloat(x, 64)
		}
	case encoding.ByteArray:
		v.addTexts(values.ByteArray())
	default:
		panic("values of type " + values.Kind().String())
	}
}

func infinite(x float32) bool { return math.Abs(float64(x)) > math.MaxFloat32 }

// floorDiv rounds down, so that times before 1970 belong to the second that they are in.
func floorDiv(x, unit int64) int64 {
	q := x / unit
	if x%unit < 0 {
		q--
	}
	return q
}

// int96Seconds reads the old form of times: nanoseconds of a day and its Julian number, 2440588 of 1970-01-01.
func int96Seconds(x deprecated.Int96) int64 {
	const day, epoch = 24 * 60 * 60, 2_440_588
	return (int64(x[2])-epoch)*day + int64((uint64(x[1])<<32|uint64(x[0]))/1_000_000_000)
}

// fault notes that the next value is bad.
func (v *parquetValues) fault(err error) {
	if i := v.len(); v.bad[i] == nil {
		v.bad[i] = err
	}
}

func (v *parquetValues) addInt(x int64) {
	switch v.dtype {
	case tensor.Int64:
		if x == tensor.NullInt64 {
			v.fault(fmt.Errorf("%d stands for null here: write null, or declare the column as string", x))
		}
		v.ints = append(v.ints, x)
	case tensor.Float32:
		v.floats = append(v.floats, float32(x))
	default:
		v.strings = append(v.strings, strconv.FormatInt(x, 10))
	}
}

func (v *parquetValues) addFloat(x float64, bits int) {
	switch v.dtype {
	case tensor.Int64:
		const limit = 1 << 63
		whole := int64(tensor.NullInt64)
		switch {
		case x != x:
		case x == math.Trunc(x) && x > -limit && x < limit:
			whole = int64(x)
		default:
			v.fault(fmt.Errorf("%v is not an integer; declare the column as float32 or string", x))
		}
		v.ints = append(v.ints, whole)
	case tensor.Float32:
		y := float32(x)
		if math.IsInf(float64(y), 0) {
			v.fault(fmt.Errorf("%v is not a finite number of 32 bits; write null or a smaller one, or declare the column as string", x))
		}
		v.floats = append(v.floats, y)
	default:
		text := ""
		if x == x {
			text = strconv.FormatFloat(x, 'g', -1, bits)
		}
		v.strings = append(v.strings, text)
	}
}

// addTexts reads text i at bytes [offsets[i], offsets[i+1]).
func (v *parquetValues) addTexts(text []byte, offsets []uint32) {
	if v.dtype == tensor.String {
		v.addStrings(string(text), offsets)
		return
	}
	for i := 1; i < len(offsets); i++ {
		cell := text[offsets[i-1]:offsets[i]]
		if v.dtype == tensor.Int64 {
			x, ok := parseInt(cell)
			if !ok {
				v.fault(fmt.Errorf("%s is not an integer; correct the value, or do not declare the column as int64", show(cell)))
			}
			v.ints = append(v.ints, x)
			continue
		}
		x, ok := parseFloat(cell)
		if !ok {
			v.fault(fmt.Errorf("%s is not a finite number; correct the value, or do not declare the column as float32", show(cell)))
		}
		v.floats = append(v.floats, x)
	}
}

// addStrings shares text between the strings.
func (v *parquetValues) addStrings(text string, offsets []uint32) {
	whole := utf8.ValidString(text)
	for i := 1; i < len(offsets); i++ {
		s := text[offsets[i-1]:offsets[i]]
		// A part of valid text is valid where it begins and ends between characters.
		if !whole && !utf8.ValidString(s) || whole && (inside(text, offsets[i-1]) || inside(text, offsets[i])) {
			v.fault(errors.New(show([]byte(s)) + " is not UTF-8: write text as UTF-8, and leave out columns of bytes"))
		}
		v.strings = append(v.strings, s)
	}
}

// inside reports whether place i is in the middle of a character of valid text.
func inside(text string, i uint32) bool { return int(i) != len(text) && !utf8.RuneStart(text[i]) }
