package rest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"

	"recsys/client/internal/message"
	"recsys/tensor"
)

// Plain makes a tensor of its JSON: a list of the elements in row-major order, which may be nested.
func Plain(d message.Described, data json.RawMessage) (*tensor.Tensor, error) {
	n, err := tensor.Count(d.Shape)
	if err != nil {
		return nil, err
	}
	if n > len(data)/2+1 { // an element and a comma each
		return nil, fmt.Errorf("shape %s has more elements than come", tensor.FormatShape(d.Shape))
	}
	list := make([]any, 0, n)
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch token.(type) {
		case json.Delim: // a nested list's brackets
		default:
			list = append(list, token)
		}
	}
	switch d.DType {
	case tensor.Bool:
		return each(list, d.Shape, truth)
	case tensor.Uint8:
		return each(list, d.Shape, natural[uint8])
	case tensor.Uint16:
		return each(list, d.Shape, natural[uint16])
	case tensor.Uint32:
		return each(list, d.Shape, natural[uint32])
	case tensor.Uint64:
		return each(list, d.Shape, natural[uint64])
	case tensor.Int8:
		return each(list, d.Shape, integer[int8])
	case tensor.Int16:
		return each(list, d.Shape, integer[int16])
	case tensor.Int32:
		return each(list, d.Shape, integer[int32])
	case tensor.Int64:
		return each(list, d.Shape, integer[int64])
	case tensor.Float32:
		return each(list, d.Shape, floating[float32])
	case tensor.Float64:
		return each(list, d.Shape, floating[float64])
	case tensor.String:
		return each(list, d.Shape, text)
	case tensor.Float16, tensor.BFloat16, tensor.Invalid:
	}
	return nil, fmt.Errorf("%s tensors have no JSON", d.DType)
}

func each[T tensor.Element](list []any, shape []int, convert func(any) (T, error)) (*tensor.Tensor, error) {
	out := make([]T, len(list))
	for i, v := range list {
		var err error
		if out[i], err = convert(v); err != nil {
			return nil, fmt.Errorf("element %d is %v: %w", i, v, err)
		}
	}
	return tensor.New(out, shape)
}

var errElement = errors.New("not of the tensor's type")

func truth(v any) (bool, error) {
	switch v := v.(type) {
	case bool:
		return v, nil
	case json.Number:
		return v != "0", nil
	}
	return false, errElement
}

func text(v any) (string, error) {
	if s, ok := v.(string); ok {
		return s, nil
	}
	return "", errElement
}

func integer[T int8 | int16 | int32 | int64](v any) (T, error) {
	number, _ := v.(json.Number)
	n, err := strconv.ParseInt(string(number), 10, 64)
	if err != nil || int64(T(n)) != n {
		return 0, errElement
	}
	return T(n), nil
}

func natural[T uint8 | uint16 | uint32 | uint64](v any) (T, error) {
	number, _ := v.(json.Number)
	n, err := strconv.ParseUint(string(number), 10, 64)
	if err != nil || uint64(T(n)) != n {
		return 0, errElement
	}
	return T(n), nil
}

func floating[T float32 | float64](v any) (T, error) {
	number, _ := v.(json.Number)
	n, err := strconv.ParseFloat(string(number), 64)
	if err != nil {
		return 0, errElement
	}
	return T(n), nil
}
