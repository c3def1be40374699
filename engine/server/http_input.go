package server

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client/wire"
	"recsys/engine"
	"recsys/tensor"
)

// readInputs reads the inputs' data from the JSON and from the bytes behind it.
func (s *Server) readInputs(q *engine.Request, all map[string]json.RawMessage, rest []byte) error {
	raw, ok := all["inputs"]
	if !ok {
		return missing("inputs")
	}
	list, ok := asArray(raw)
	if !ok {
		return unparsable("inputs", notArray)
	}
	q.Inputs = make(tensor.Map, len(list))
	specs := make(map[string]engine.Spec, len(list))
	var size error // of the first input whose bytes are not those of its shape: what the model says to the shapes comes before
	for _, raw := range list {
		in, err := readInput(raw)
		if err != nil {
			return err
		}
		if _, ok := specs[in.name]; ok {
			return status.Errorf(codes.InvalidArgument, "%sinput '%s' already exists in request", idPrefix(q.ID), in.name)
		}
		specs[in.name] = in.spec
		if in.binary >= 0 {
			if in.binary > len(rest) {
				return status.Errorf(codes.InvalidArgument, "unexpected size for input '%s', expecting %d additional bytes for model '%s'",
					in.name, in.binary-len(rest), q.Model)
			}
			err = s.readBinary(q, in.name, in.name, in.spec, rest[:in.binary:in.binary])
			rest = rest[in.binary:]
		} else {
			err = readData(q, in)
		}
		if fault, ok := errors.AsType[*sizeError](err); ok {
			size, err = firstOf(size, fault.err), nil
		}
		if err != nil {
			return err
		}
	}
	if len(rest) > 0 {
		return status.Errorf(codes.InvalidArgument, "unexpected additional input data for model '%s'", q.Model)
	}
	if size != nil {
		if err := s.engine.Fits(*q, specs); err != nil {
			return failure(err)
		}
	}
	return size
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// input is what the JSON says of one.
type input struct {
	name   string
	spec   engine.Spec
	data   json.RawMessage
	binary int // bytes behind the JSON; -1 for none
}

func readInput(raw json.RawMessage) (input, error) {
	in := input{binary: -1}
	all, ok := asObject(raw)
	if !ok {
		return in, status.Error(codes.InvalidArgument, oneForm+"But no field is set")
	}
	for _, key := range []string{"name", "shape", "datatype"} {
		if all[key] == nil {
			return in, missing(key)
		}
	}
	if in.name, ok = asString(all["name"]); !ok {
		return in, unparsable("name", notString)
	}
	dims, ok := asArray(all["shape"])
	if !ok {
		return in, unparsable("shape", notArray)
	}
	for _, raw := range dims {
		d, ok := asUint(raw)
		if !ok {
			return in, unparsable("shape", notUint)
		}
		in.spec.Shape = append(in.spec.Shape, int64(min(d, math.MaxInt64)))
	}
	datatype, ok := asString(all["datatype"])
	if !ok {
		return in, unparsable("datatype", notString)
	}
	if in.spec.DType = dtypeOf(datatype); in.spec.DType == tensor.Invalid {
		return in, status.Errorf(codes.InvalidArgument, "invalid datatype for input %s", in.name)
	}
	return in, in.readForm(all)
}

// oneForm begins the error of an input that has its data nowhere or in several places.
const oneForm = "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', " +
	"'shared_memory_region' in 'parameters'. "

// readForm reads where the data are.
func (in *input) readForm(all map[string]json.RawMessage) error {
	parameters, _ := asObject(all["parameters"])
	var given string
	var givenSb125 strings.Builder
	for _, form := range []struct {
		key   string
		there bool
	}{{"data", all["data"] != nil}, {"binary_data_size", parameters["binary_data_size"] != nil}, {"shared_memory_region", parameters["shared_memory_region"] != nil}} {
		if form.there {
			givenSb125.WriteString(" '" + form.key + "'")
		}
	}
	given += givenSb125.String()
	switch given {
	case " 'data'":
		in.data = all["data"]
	case " 'binary_data_size'":
		n, ok := asUint(parameters["binary_data_size"])
		if !ok {
			return unparsable("binary_data_size", notUint)
		}
		in.binary = int(min(n, math.MaxInt32))
	case " 'shared_memory_region'":
		return status.Errorf(codes.Unimplemented, "input '%s': %s", in.name, noSharedMemory)
	case "":
		return status.Error(codes.InvalidArgument, oneForm+"But no field is set")
	default:
		return status.Error(codes.InvalidArgument, oneForm+"But set"+given)
	}
	return nil
}

// sizeError is an input whose bytes or values are not those of its shape.
type sizeError struct{ err error }

func (e *sizeError) Error() string { return e.err.Error() }

// readBinary makes an input of bytes, which belong to it then.
func (s *Server) readBinary(q *engine.Request, name, shown string, spec engine.Spec, raw []byte) error {
	if spec.DType == tensor.String {
		if text := stringFault(raw, shown); text != "" {
			return status.Error(codes.InvalidArgument, text)
		}
	} else if err := sizeFault(*q, shown, spec, len(raw)); err != nil {
		return &sizeError{err}
	}
	shape, err := shapeOf(spec.Shape)
	var t *tensor.Tensor
	if err == nil {
		t, err = wire.Decode(spec.DType, shape, raw)
	}
	if err != nil {
		return &sizeError{status.Errorf(codes.InvalidArgument, "%sinput '%s' for model '%s': %v", idPrefix(q.ID), shown, q.Model, err)}
	}
	if q.Inputs == nil {
		q.Inputs = tensor.Map{}
	}
	q.Inputs[name] = t
	return nil
}

func shapeOf(dims []int64) ([]int, error) {
	shape := make([]int, len(dims))
	for i, d := range dims {
		shape[i] = int(d)
	}
	_, err := tensor.Count(shape)
	return shape, err
}

// readData makes an input of JSON.
func readData(q *engine.Request, in input) error {
	shape, err := shapeOf(in.spec.Shape)
	if err != nil {
		return &sizeError{status.Errorf(codes.InvalidArgument, "%sinput '%s' for model '%s': %v", idPrefix(q.ID), in.name, q.Model, err)}
	}
	if first(in.data) != '[' {
		return unparsable("data", notArray)
	}
	switch in.spec.DType {
	case tensor.Bool:
		q.Inputs[in.name], err = elements(in, shape, notBool, func(raw []byte) (bool, bool) { return asBool(raw) })
	case tensor.Uint8:
		q.Inputs[in.name], err = elements(in, shape, notUint, unsigned[uint8](8))
	case tensor.Uint16:
		q.Inputs[in.name], err = elements(in, shape, notUint, unsigned[uint16](16))
	case tensor.Uint32:
		q.Inputs[in.name], err = elements(in, shape, notUint, unsigned[uint32](32))
	case tensor.Uint64:
		q.Inputs[in.name], err = elements(in, shape, notUint, unsigned[uint64](64))
	case tensor.Int8:
		q.Inputs[in.name], err = elements(in, shape, notInt, signed[int8](8))
	case tensor.Int16:
		q.Inputs[in.name], err = elements(in, shape, notInt, signed[int16](16))
	case tensor.Int32:
		q.Inputs[in.name], err = elements(in, shape, notInt, signed[int32](32))
	case tensor.Int64:
		q.Inputs[in.name], err = elements(in, shape, notInt, signed[int64](64))
	case tensor.Float32:
		q.Inputs[in.name], err = elements(in, shape, notNumber, float[float32](32))
	case tensor.Float64:
		q.Inputs[in.name], err = elements(in, shape, notNumber, float[float64](64))
	case tensor.String:
		q.Inputs[in.name], err = elements(in, shape, notString, func(raw []byte) (string, bool) { return asString(raw) })
	case tensor.Float16, tensor.BFloat16, tensor.Invalid:
		return status.Errorf(codes.InvalidArgument, "receiving %s data via JSON is not supported. Please use the binary data format for input %s",
			in.spec.DType.Triton(), in.name)
	}
	return err
}

func unsigned[T uint8 | uint16 | uint32 | uint64](bits int) func([]byte) (T, bool) {
	return func(raw []byte) (T, bool) {
		v, err := strconv.ParseUint(string(raw), 10, bits)
		return T(v), err == nil
	}
}

func signed[T int8 | int16 | int32 | int64](bits int) func([]byte) (T, bool) {
	return func(raw []byte) (T, bool) {
		v, err := strconv.ParseInt(string(raw), 10, bits)
		return T(v), err == nil
	}
}

// float reads a number of JSON, and nothing else that Go takes for one; what is too large for T is an infinity.
func float[T float32 | float64](bits int) func([]byte) (T, bool) {
	return func(raw []byte) (T, bool) {
		v, err := strconv.ParseFloat(string(raw), bits)
		number := raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'
		return T(v), number && (err == nil || errors.Is(err, strconv.ErrRange))
	}
}

// elements reads the values of nested arrays one after the other, however they are nested: Triton counts no more than that.
func elements[T tensor.Element](in input, shape []int, kind string, value func([]byte) (T, bool)) (*tensor.Tensor, error) {
	n, err := tensor.Count(shape)
	if err != nil {
		return nil, err
	}
	list := make([]T, 0, min(n, len(in.data)/2+1)) // a value and its comma
	for raw := in.data; len(raw) > 0; {
		switch raw[0] {
		case '[', ']', ',', ' ', '\t', '\r', '\n':
			raw = raw[1:]
			continue
		}
		end := valueEnd(raw)
		v, ok := value(raw[:end])
		switch {
		case !ok && kind == notString:
			return nil, status.Error(codes.Internal, "Unable to parse JSON bytes array: "+notString)
		case !ok:
			return nil, unparsable("data", kind)
		case len(list) == n:
			return nil, unparsable("data", wrongCount)
		}
		list, raw = append(list, v), raw[end:]
	}
	if len(list) < n {
		return nil, unparsable("data", wrongCount)
	}
	return tensor.New(list, shape)
}

const wrongCount = "Shape does not match true shape of 'data' field"

// valueEnd returns where the first value of valid JSON ends; an object is no value of ours, so its brace is enough.
func valueEnd(raw []byte) int {
	if raw[0] == '{' {
		return 1
	}
	if raw[0] != '"' {
		for i, c := range raw {
			switch c {
			case ',', ']', ' ', '\t', '\r', '\n':
				return i
			}
		}
		return len(raw)
	}
	for i := 1; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}
