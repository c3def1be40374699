package gateway

import (
	"encoding/json"
	"fmt"
	"math"

	"recsys/featurestore"
	"recsys/schema"
	"recsys/tensor"
)

// wireNull returns the column's null with its wire shape, [1,1] or [1,L].
func wireNull(c schema.Column) (*tensor.Tensor, error) { return toWire(featurestore.Null(c)) }

// toWire gives a tensor [1] the shape [1,1] and leaves [1,L] as it is.
func toWire(t *tensor.Tensor) (*tensor.Tensor, error) {
	if t.Rank() == 2 {
		return t, nil
	}
	return t.Reshape(1, 1)
}

// columnTensor makes a column's tensor in its wire shape from a raw value: nil (null), bool, string, json.Number,
// int64 or float64 for a scalar column; a []any of them for a list, which is padded with null.
func columnTensor(c schema.Column, value any) (*tensor.Tensor, error) {
	t, err := wireNull(c)
	if err != nil || value == nil {
		return t, err
	}
	values, list := value.([]any)
	switch {
	case list && c.Length == 0:
		return nil, fmt.Errorf("want one %s, not a list", c.DType)
	case !list && c.Length > 0:
		return nil, fmt.Errorf("want a list of %s", c.DType)
	case !list:
		return t, setElement(t, 0, value)
	case len(values) > c.Length:
		return nil, fmt.Errorf("%d elements, at most %d fit", len(values), c.Length)
	}
	for i, v := range values {
		if v == nil {
			continue
		}
		if err := setElement(t, i, v); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return t, nil
}

// setElement converts value to the tensor's data type and writes it to element i.
func setElement(t *tensor.Tensor, i int, value any) error {
	misfit := fmt.Errorf("want %s", t.DType())
	switch data := t.Any().(type) {
	case []string:
		s, ok := value.(string)
		if !ok {
			return misfit
		}
		data[i] = s
		return nil
	case []bool:
		b, ok := value.(bool)
		if !ok {
			return misfit
		}
		data[i] = b
		return nil
	}
	if t.DType().IsFloat() {
		f, ok := toFloat(value)
		if !ok {
			return misfit
		}
		return setFloat(t, i, f)
	}
	n, ok := toInt(value)
	if !ok {
		return misfit
	}
	return setInt(t, i, n)
}

func toInt(value any) (int64, bool) {
	switch v := value.(type) {
	case int64:
		return v, true
	case json.Number:
		return integral(v)
	}
	return 0, false
}

func toFloat(value any) (float64, bool) {
	switch v := value.(type) {
	case float64:
		return v, true
	case int64:
		return float64(v), true
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	}
	return 0, false
}

func setFloat(t *tensor.Tensor, i int, f float64) error {
	switch data := t.Any().(type) {
	case []float64:
		data[i] = f
	case []float32:
		if math.Abs(f) > math.MaxFloat32 {
			return fmt.Errorf("%g does not fit float32", f)
		}
		data[i] = float32(f)
	default:
		return fmt.Errorf("values of %s cannot be given", t.DType())
	}
	return nil
}

func setInt(t *tensor.Tensor, i int, n int64) error {
	ok := false
	switch data := t.Any().(type) {
	case []int64:
		data[i], ok = n, true
	case []int32:
		data[i] = int32(n)
		ok = int64(data[i]) == n
	case []int16:
		data[i] = int16(n)
		ok = int64(data[i]) == n
	case []int8:
		data[i] = int8(n)
		ok = int64(data[i]) == n
	case []uint64:
		data[i] = uint64(n)
		ok = n >= 0
	case []uint32:
		data[i] = uint32(n)
		ok = int64(data[i]) == n
	case []uint16:
		data[i] = uint16(n)
		ok = int64(data[i]) == n
	case []uint8:
		data[i] = uint8(n)
		ok = int64(data[i]) == n
	}
	if !ok {
		return fmt.Errorf("%d does not fit %s", n, t.DType())
	}
	return nil
}
