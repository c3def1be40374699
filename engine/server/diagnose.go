package server

import (
	"encoding/binary"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client/tritonpb"
	"recsys/engine"
	"recsys/tensor"
)

// diagnose says what is wrong with inputs that could not be read, in Triton's order and words: first what needs no model, then what the
// model says to types and shapes, then sizes. cause is for what Triton would take, or has no words for.
func (s *Server) diagnose(r *tritonpb.ModelInferRequest, q engine.Request, cause error) error {
	if _, err := s.engine.Config(q.Model, q.Version); err != nil {
		return failure(err)
	}
	refuse := func(format string, args ...any) error { return status.Errorf(codes.InvalidArgument, format, args...) }
	specs := map[string]engine.Spec{}
	var size error
	for i, in := range r.GetInputs() {
		name, raw := in.GetName(), r.GetRawInputContents()
		dtype := dtypeOf(in.GetDatatype())
		if _, ok := specs[name]; ok {
			return refuse("%sinput '%s' already exists in request", idPrefix(q.ID), name)
		}
		specs[name] = engine.Spec{DType: dtype, Shape: in.GetShape()}
		c := in.GetContents()
		switch given := contentsType(c, dtype); {
		case c != nil && len(raw) > 0:
			return refuse("contents field must not be specified when using raw_input_contents for '%s' for model '%s'", name, q.Model)
		case c == nil && i >= len(raw):
			return refuse("unable to find data for input tensor '%s' for model '%s' in request.", name, q.Model)
		case given != tensor.Invalid:
			return refuse("unexpected explicit tensor data for input tensor '%s' for model '%s' of type '%s', expected datatype '%s'",
				name, q.Model, given.Triton(), in.GetDatatype())
		case dtype == tensor.String && c == nil:
			if text := stringFault(raw[i], name); text != "" {
				return refuse("%s", text)
			}
		case size == nil:
			size = sizeFault(q, name, specs[name], contentsSize(c, dtype, raw, i))
		}
	}
	if err := s.engine.Fits(q, specs); err != nil {
		return failure(err)
	}
	if size != nil {
		return size
	}
	return refuse("model '%s': %v", q.Model, cause)
}

func idPrefix(id string) string {
	if id == "" {
		id = "<id_unknown>"
	}
	return "[request id: " + id + "] "
}

// dtypeOf reads the protocol's name of a type; Invalid for any other text.
func dtypeOf(name string) tensor.DType {
	d, err := tensor.ParseDType(name)
	if err != nil || d.Triton() != name {
		return tensor.Invalid
	}
	return d
}

// sizeFault is the error of an input of fixed-size elements that has not the bytes of its shape; nil if it has.
func sizeFault(q engine.Request, name string, spec engine.Spec, got int) error {
	want := int64(spec.DType.Size())
	for _, d := range spec.Shape {
		if d < 0 || d > 0 && want > tensor.MaxElements/d {
			return nil // the model does not take it
		}
		want *= d
	}
	if want == int64(got) || want == 0 && spec.DType == tensor.String {
		return nil
	}
	return status.Errorf(codes.InvalidArgument, "%sinput byte size mismatch for input '%s' for model '%s'. Expected %d, got %d",
		idPrefix(q.ID), name, q.Model, want, got)
}

// contentsSize is the number of bytes that an input's contents stand for.
func contentsSize(c *tritonpb.InferTensorContents, dtype tensor.DType, raw [][]byte, i int) int {
	if c == nil {
		return len(raw[i])
	}
	return dtype.Size() * (len(c.GetBoolContents()) + len(c.GetIntContents()) + len(c.GetInt64Contents()) + len(c.GetUintContents()) +
		len(c.GetUint64Contents()) + len(c.GetFp32Contents()) + len(c.GetFp64Contents()) + len(c.GetBytesContents()))
}

// contentsType returns the type of typed contents that are not of dtype; Invalid if they are.
func contentsType(c *tritonpb.InferTensorContents, dtype tensor.DType) tensor.DType {
	kinds := []struct {
		n     int
		named tensor.DType
		fits  []tensor.DType
	}{
		{len(c.GetBoolContents()), tensor.Bool, []tensor.DType{tensor.Bool}},
		{len(c.GetIntContents()), tensor.Int32, []tensor.DType{tensor.Int8, tensor.Int16, tensor.Int32}},
		{len(c.GetInt64Contents()), tensor.Int64, []tensor.DType{tensor.Int64}},
		{len(c.GetUintContents()), tensor.Uint32, []tensor.DType{tensor.Uint8, tensor.Uint16, tensor.Uint32}},
		{len(c.GetUint64Contents()), tensor.Uint64, []tensor.DType{tensor.Uint64}},
		{len(c.GetFp32Contents()), tensor.Float32, []tensor.DType{tensor.Float32}},
		{len(c.GetFp64Contents()), tensor.Float64, []tensor.DType{tensor.Float64}},
		{len(c.GetBytesContents()), tensor.String, []tensor.DType{tensor.String}},
	}
	for _, k := range kinds {
		if k.n == 0 {
			continue
		}
		if slices.Contains(k.fits, dtype) {
			return tensor.Invalid
		}
		return k.named
	}
	return tensor.Invalid
}

// stringFault says what is wrong with raw strings that end too early; "" if that is not it.
func stringFault(raw []byte, name string) string {
	for len(raw) > 0 {
		if len(raw) < 4 {
			return fmt.Sprintf("incomplete string length indicator for inference input '%s', expecting %d bytes but only %d bytes available", name, 4, len(raw))
		}
		size := uint64(binary.LittleEndian.Uint32(raw))
		raw = raw[4:]
		if size > uint64(len(raw)) {
			return fmt.Sprintf("incomplete string data for inference input '%s', expecting string of length %d but only %d bytes available", name, size, len(raw))
		}
		raw = raw[size:]
	}
	return ""
}
