package server

import (
	"math"
	"net/http"
	"strconv"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client/wire"
	"recsys/engine"
	"recsys/tensor"
)

// writeInfer writes an answer: JSON, and behind it the outputs that are wanted in binary.
func (s *Server) writeInfer(w http.ResponseWriter, r *http.Request, q engine.Request, a engine.Result, form wanted) {
	head := appendString([]byte(`{"model_name":`), q.Model)
	head = appendString(append(head, `,"model_version":`...), a.Version)
	if q.ID != "" {
		head = appendString(append(head, `,"id":`...), q.ID)
	}
	head = append(head, `,"outputs":[`...)
	parts := [][]byte{nil}
	for i, name := range a.Names {
		if i > 0 {
			head = append(head, ',')
		}
		t := a.Outputs[name]
		head = appendString(append(head, `{"name":`...), name)
		head = appendString(append(head, `,"datatype":`...), t.DType().Triton())
		head = append(head, `,"shape":[`...)
		for j, d := range t.Shape() {
			if j > 0 {
				head = append(head, ',')
			}
			head = strconv.AppendInt(head, int64(d), 10)
		}
		head = append(head, ']')
		var err error
		if form.isBinary(name) {
			var raw []byte
			if raw, err = wire.Encode(t); err == nil {
				head = strconv.AppendInt(append(head, `,"parameters":{"binary_data_size":`...), int64(len(raw)), 10)
				head, parts = append(head, '}'), append(parts, raw)
			}
		} else {
			head, err = appendData(append(head, `,"data":`...), name, t)
		}
		if err != nil {
			failStatus(w, err)
			return
		}
		head = append(head, '}')
	}
	parts[0] = append(head, "]}"...)
	w.Header().Set("Content-Type", "application/json")
	if len(parts) > 1 {
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set(headerLength, strconv.Itoa(len(parts[0])))
	}
	if encoding := packer(r.Header.Get("Accept-Encoding")); encoding != "" {
		w.Header().Set("Content-Encoding", encoding)
		parts = [][]byte{pack(encoding, parts...)}
	}
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	w.Header().Set("Content-Length", strconv.Itoa(size))
	for _, p := range parts {
		_, _ = w.Write(p) // a client that left needs no answer
	}
}

// appendData writes a tensor as one flat list, as Triton does.
func appendData(b []byte, name string, t *tensor.Tensor) ([]byte, error) {
	switch data := t.Any().(type) {
	case []bool:
		return appendList(b, data, strconv.AppendBool), nil
	case []uint8:
		return appendList(b, data, appendUint), nil
	case []uint16:
		return appendList(b, data, appendUint), nil
	case []uint32:
		return appendList(b, data, appendUint), nil
	case []uint64:
		return appendList(b, data, appendUint), nil
	case []int8:
		return appendList(b, data, appendInt), nil
	case []int16:
		return appendList(b, data, appendInt), nil
	case []int32:
		return appendList(b, data, appendInt), nil
	case []int64:
		return appendList(b, data, appendInt), nil
	case []float32:
		return appendList(b, data, appendFloat), nil
	case []float64:
		return appendList(b, data, appendFloat), nil
	case []string:
		for _, s := range data {
			if !utf8.ValidString(s) {
				return nil, status.Errorf(codes.InvalidArgument, "output %s has bytes that are not UTF-8. Please use the binary data format for it", name)
			}
		}
		return appendList(b, data, appendString), nil
	}
	return nil, status.Errorf(codes.InvalidArgument, "sending %s data via JSON is not supported. Please use the binary data format for output %s", t.DType().Triton(), name)
}

func appendList[T any](b []byte, data []T, value func([]byte, T) []byte) []byte {
	b = append(b, '[')
	for i, v := range data {
		if i > 0 {
			b = append(b, ',')
		}
		b = value(b, v)
	}
	return append(b, ']')
}

func appendUint[T uint8 | uint16 | uint32 | uint64](b []byte, v T) []byte {
	return strconv.AppendUint(b, uint64(v), 10)
}

func appendInt[T int8 | int16 | int32 | int64](b []byte, v T) []byte {
	return strconv.AppendInt(b, int64(v), 10)
}

// appendFloat writes every float as a double with a fraction, and as no JSON has them, what is no number.
func appendFloat[T float32 | float64](b []byte, v T) []byte {
	f := float64(v)
	switch {
	case math.IsNaN(f):
		return append(b, "NaN"...)
	case math.IsInf(f, 1):
		return append(b, "Infinity"...)
	case math.IsInf(f, -1):
		return append(b, "-Infinity"...)
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.AppendFloat(b, f, 'f', 1, 64)
	}
	return strconv.AppendFloat(b, f, 'g', -1, 64)
}
