package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"recsys/internal/onnxpb"
	"recsys/tensor"
)

func dataType(d tensor.DType) onnxpb.DataType {
	switch d {
	case tensor.Bool:
		return onnxpb.Bool
	case tensor.Uint8:
		return onnxpb.Uint8
	case tensor.Uint16:
		return onnxpb.Uint16
	case tensor.Uint32:
		return onnxpb.Uint32
	case tensor.Uint64:
		return onnxpb.Uint64
	case tensor.Int8:
		return onnxpb.Int8
	case tensor.Int16:
		return onnxpb.Int16
	case tensor.Int32:
		return onnxpb.Int32
	case tensor.Int64:
		return onnxpb.Int64
	case tensor.Float16:
		return onnxpb.Float16
	case tensor.BFloat16:
		return onnxpb.BFloat16
	case tensor.Float32:
		return onnxpb.Float
	case tensor.Float64:
		return onnxpb.Double
	case tensor.String:
		return onnxpb.String
	case tensor.Invalid:
	}
	return 0
}

func dtype(t onnxpb.DataType) (tensor.DType, error) {
	for d := tensor.Bool; d <= tensor.String; d++ {
		if dataType(d) == t {
			return d, nil
		}
	}
	return tensor.Invalid, fmt.Errorf("element type %d of ONNX is not supported", t)
}

// writeTensor makes a message that shares t's strings and copies everything else.
func writeTensor(name string, t *tensor.Tensor) (*onnxpb.Tensor, error) {
	out := &onnxpb.Tensor{Name: name, DataType: dataType(t.DType()), Dims: make([]int64, t.Rank())}
	for i, d := range t.Shape() {
		out.Dims[i] = int64(d)
	}
	if t.DType() == tensor.String {
		out.StringData = tensor.MustData[string](t)
		return out, nil
	}
	raw, err := binary.Append(make([]byte, 0, t.Len()*t.DType().Size()), binary.LittleEndian, t.Any())
	if err != nil {
		return nil, fmt.Errorf("tensor %q: %w", name, err)
	}
	out.RawData = raw
	return out, nil
}

// readTensor copies what p holds.
func readTensor(p *onnxpb.Tensor) (*tensor.Tensor, error) {
	if len(p.ExternalData) > 0 || p.DataLocation != 0 {
		return nil, errors.New("its data lies in another file, which only that of initialisers can: save the model in one file")
	}
	if p.Segment {
		return nil, errors.New("segmented tensors are not supported")
	}
	d, err := dtype(p.DataType)
	if err != nil {
		return nil, err
	}
	shape := make([]int, len(p.Dims))
	for i, n := range p.Dims {
		shape[i] = int(n)
	}
	n, err := tensor.Count(shape)
	if err != nil {
		return nil, err
	}
	if p.RawData != nil && d != tensor.String {
		// The comparison is by division: n elements may be more bytes than an int counts.
		if len(p.RawData)%d.Size() != 0 || len(p.RawData)/d.Size() != n {
			return nil, fmt.Errorf("shape %s of %s needs %d elements, raw_data has %d bytes",
				tensor.FormatShape(shape), d, n, len(p.RawData))
		}
		t := tensor.Zeros(d, shape...)
		if _, err := binary.Decode(p.RawData, binary.LittleEndian, t.Any()); err != nil {
			return nil, err
		}
		return t, nil
	}
	return readTyped(p, d, shape)
}

func readTyped(p *onnxpb.Tensor, d tensor.DType, shape []int) (*tensor.Tensor, error) {
	switch d {
	case tensor.Float32:
		return tensor.New(p.FloatData, shape)
	case tensor.Float64:
		return tensor.New(p.DoubleData, shape)
	case tensor.Int64:
		return tensor.New(p.Int64Data, shape)
	case tensor.Int32:
		return tensor.New(p.Int32Data, shape)
	case tensor.Uint64:
		return tensor.New(p.Uint64Data, shape)
	case tensor.String:
		return tensor.New(p.StringData, shape)
	case tensor.Uint32:
		return narrow[uint32](p.Uint64Data, 0, math.MaxUint32, shape)
	case tensor.Uint8:
		return narrow[uint8](p.Int32Data, 0, math.MaxUint8, shape)
	case tensor.Uint16:
		return narrow[uint16](p.Int32Data, 0, math.MaxUint16, shape)
	case tensor.Int8:
		return narrow[int8](p.Int32Data, math.MinInt8, math.MaxInt8, shape)
	case tensor.Int16:
		return narrow[int16](p.Int32Data, math.MinInt16, math.MaxInt16, shape)
	case tensor.Float16:
		return narrow[tensor.F16](p.Int32Data, 0, math.MaxUint16, shape)
	case tensor.BFloat16:
		return narrow[tensor.BF16](p.Int32Data, 0, math.MaxUint16, shape)
	case tensor.Bool:
		data := make([]bool, len(p.Int32Data))
		for i, v := range p.Int32Data {
			data[i] = v != 0
		}
		return tensor.New(data, shape)
	case tensor.Invalid:
	}
	return nil, fmt.Errorf("element type %s is not supported", d)
}

func narrow[T uint8 | uint16 | uint32 | int8 | int16 | tensor.F16 | tensor.BF16, S int32 | uint64](
	list []S, least, most int64, shape []int,
) (*tensor.Tensor, error) {
	data := make([]T, len(list))
	for i, v := range list {
		if int64(v) < least || int64(v) > most {
			return nil, fmt.Errorf("element %d is %d, outside [%d,%d]", i, v, least, most)
		}
		data[i] = T(v)
	}
	return tensor.New(data, shape)
}
