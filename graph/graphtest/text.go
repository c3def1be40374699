package graphtest

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"recsys/internal/portable"
	"recsys/tensor"
)

// maxElements bounds the tensors of data files, which are to be read by people.
const maxElements = 1 << 16

// parseTensor reads "float32[2,2] 1 2 3 4".
func parseTensor(s string) (*tensor.Tensor, error) {
	head, rest, _ := strings.Cut(s, " ")
	name, dims, ok := strings.Cut(strings.TrimSuffix(head, "]"), "[")
	if !ok || !strings.HasSuffix(head, "]") {
		return nil, fmt.Errorf("%q is no type and shape such as float32[2,3]", head)
	}
	dtype, err := tensor.ParseDType(name)
	if err != nil {
		return nil, err
	}
	var shape []int
	if dims != "" {
		for part := range strings.SplitSeq(dims, ",") {
			n, err := strconv.Atoi(part)
			if err != nil {
				return nil, fmt.Errorf("shape %q: %q is no number", dims, part)
			}
			shape = append(shape, n)
		}
	}
	if n, err := tensor.Count(shape); err != nil || n > maxElements {
		return nil, errors.Join(fmt.Errorf("shape [%s] has more than %d elements", dims, maxElements), err)
	}
	if seed, ok := strings.CutPrefix(rest, "random "); ok {
		return random(dtype, shape, seed)
	}
	list, err := words(rest)
	if err != nil {
		return nil, err
	}
	return parseElements(dtype, shape, list)
}

// random draws float32 elements from [-1,1).
func random(dtype tensor.DType, shape []int, seed string) (*tensor.Tensor, error) {
	n, err := strconv.ParseUint(seed, 10, 64)
	if err != nil || dtype != tensor.Float32 {
		return nil, fmt.Errorf("random takes float32 and a seed, got %s and %q", dtype, seed)
	}
	t := tensor.Zeros(dtype, shape...)
	rng := portable.New(n, "graphtest")
	data := tensor.MustData[float32](t)
	for i := range data {
		data[i] = 2*rng.Float32() - 1
	}
	return t, nil
}

// words splits at spaces; a word that begins with a quote is a Go string literal.
func words(s string) ([]string, error) {
	var list []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		if s[0] != '"' {
			word, rest, _ := strings.Cut(s, " ")
			list, s = append(list, word), rest
			continue
		}
		quoted, err := strconv.QuotedPrefix(s)
		if err != nil {
			return nil, fmt.Errorf("unfinished string %s", s)
		}
		list, s = append(list, quoted), s[len(quoted):]
	}
	return list, nil
}

func parseElements(dtype tensor.DType, shape []int, list []string) (*tensor.Tensor, error) {
	switch dtype {
	case tensor.Float32:
		return elements(shape, list, func(s string) (float32, error) {
			v, err := strconv.ParseFloat(s, 32)
			return float32(v), err
		})
	case tensor.Float64:
		return elements(shape, list, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case tensor.Int64:
		return elements(shape, list, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
	case tensor.Int32:
		return elements(shape, list, func(s string) (int32, error) {
			v, err := strconv.ParseInt(s, 10, 32)
			return int32(v), err
		})
	case tensor.Uint32:
		return elements(shape, list, func(s string) (uint32, error) {
			v, err := strconv.ParseUint(s, 10, 32)
			return uint32(v), err
		})
	case tensor.Uint8:
		return elements(shape, list, func(s string) (uint8, error) {
			v, err := strconv.ParseUint(s, 10, 8)
			return uint8(v), err
		})
	case tensor.Int8:
		return elements(shape, list, func(s string) (int8, error) {
			v, err := strconv.ParseInt(s, 10, 8)
			return int8(v), err
		})
	case tensor.Float16:
		return elements(shape, list, parseHalf)
	case tensor.Bool:
		return elements(shape, list, strconv.ParseBool)
	case tensor.String:
		return elements(shape, list, strconv.Unquote)
	default:
		return nil, fmt.Errorf("data type %s has no text form", dtype)
	}
}

// parseHalf takes numbers that half precision has, so that a file says what a test computes with.
func parseHalf(s string) (tensor.F16, error) {
	v, err := strconv.ParseFloat(s, 32)
	if err != nil {
		return 0, err
	}
	h := portable.ToHalf(float32(v))
	if back := portable.FromHalf(h); float64(back) != v && v == v {
		return 0, fmt.Errorf("%s is not a half-precision number; %v is", s, back)
	}
	return tensor.F16(h), nil
}

func elements[T tensor.Element](shape []int, list []string, parse func(string) (T, error)) (*tensor.Tensor, error) {
	data := make([]T, len(list))
	for i, s := range list {
		v, err := parse(s)
		if err != nil {
			return nil, fmt.Errorf("element %d, %s, is no %s", i, s, tensor.DTypeOf[T]())
		}
		data[i] = v
	}
	return tensor.New(data, shape)
}

// formatTensor is the inverse of parseTensor.
func formatTensor(t *tensor.Tensor) string {
	var s strings.Builder
	s.WriteString(t.String())
	for i := range t.Len() {
		s.WriteString(" " + element(t, i))
	}
	return s.String()
}

// element formats element i.
func element(t *tensor.Tensor, i int) string {
	switch data := t.Any().(type) {
	case []float32:
		return formatFloat(float64(data[i]), 32)
	case []float64:
		return formatFloat(data[i], 64)
	case []string:
		return strconv.Quote(data[i])
	case []int64:
		return strconv.FormatInt(data[i], 10)
	case []int32:
		return strconv.Itoa(int(data[i]))
	case []uint32:
		return strconv.FormatUint(uint64(data[i]), 10)
	case []uint8:
		return strconv.Itoa(int(data[i]))
	case []int8:
		return strconv.Itoa(int(data[i]))
	case []tensor.F16:
		return formatFloat(float64(portable.FromHalf(uint16(data[i]))), 64)
	case []bool:
		return strconv.FormatBool(data[i])
	}
	return "?"
}

func formatFloat(v float64, bits int) string {
	if math.IsInf(v, 0) {
		return strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, bits), "+")
	}
	return strconv.FormatFloat(v, 'g', -1, bits)
}
