package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/engine"
	"recsys/tensor"
)

// headerLength says how many bytes of a body are JSON; tensors in binary follow.
const headerLength = "Inference-Header-Content-Length"

// wanted says in which form outputs are answered.
type wanted struct {
	binary bool            // where an output does not say
	form   map[string]bool // binary or not, by name
}

func (f wanted) isBinary(name string) bool {
	if b, ok := f.form[name]; ok {
		return b
	}
	return f.binary
}

// httpInfer answers an inference.
func (s *Server) httpInfer(w http.ResponseWriter, r *http.Request, at route) {
	if _, err := s.engine.Config(at.model, at.version); err != nil {
		failStatus(w, failure(err))
		return
	}
	body, err := s.body(r)
	if err != nil {
		failStatus(w, err)
		return
	}
	q, form, err := s.readInfer(r.Header.Get(headerLength), body, at)
	if err != nil {
		failStatus(w, err)
		return
	}
	a, err := s.engine.Do(r.Context(), q)
	if err != nil {
		failStatus(w, failure(err))
		return
	}
	s.writeInfer(w, r, q, a, form)
}

// readInfer reads a body whose header is JSON, or all of which is the model's only input.
func (s *Server) readInfer(header string, body []byte, at route) (engine.Request, wanted, error) {
	q := engine.Request{Model: at.model, Version: at.version}
	size := len(body)
	if header != "" {
		n, err := strconv.Atoi(header)
		if err != nil || n < 0 || n > len(body) {
			return q, wanted{}, status.Errorf(codes.InvalidArgument, "inference header size should be in range (0, %d), got: %s", len(body), header)
		}
		size = n
	}
	if size == 0 {
		err := s.readRaw(&q, body)
		return q, wanted{binary: true}, err
	}
	all, err := parse(body[:size])
	if err != nil {
		return q, wanted{}, err
	}
	if raw, ok := all["id"]; ok {
		if q.ID, ok = asString(raw); !ok {
			return q, wanted{}, unparsable("id", notString)
		}
	}
	form, err := readParameters(&q, all)
	if err != nil {
		return q, form, err
	}
	if err := s.readInputs(&q, all, body[size:]); err != nil {
		return q, form, err
	}
	err = readOutputs(&q, all, &form)
	return q, form, err
}

// readParameters reads the request's parameters. Those that nobody knows are for the model, and ours do not look at them.
func readParameters(q *engine.Request, all map[string]json.RawMessage) (wanted, error) {
	form := wanted{form: map[string]bool{}}
	raw, ok := all["parameters"]
	if !ok {
		return form, nil
	}
	parameters, ok := asObject(raw)
	if !ok {
		return form, status.Error(codes.Internal, "failed to get request params.: attempt to get members for non-object")
	}
	for key, raw := range parameters {
		switch {
		case key == "priority":
			if q.Priority, ok = asUint(raw); !ok {
				return form, unparsable(key, notUint)
			}
		case key == "timeout":
			n, ok := asUint(raw)
			if !ok {
				return form, unparsable(key, notUint)
			}
			q.Timeout = microseconds(int64(min(n, 1<<62)))
		case key == "binary_data_output":
			if form.binary, ok = asBool(raw); !ok {
				return form, unparsable(key, notBool)
			}
		case strings.HasPrefix(key, reserved):
			return form, status.Error(codes.InvalidArgument, "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.")
		default:
			if c := first(raw); c == '[' || c == '{' || c == 'n' || c != '"' && strings.ContainsAny(string(raw), ".eE") && c != 't' && c != 'f' {
				return form, status.Errorf(codes.InvalidArgument,
					"parameter '%s' has invalid type. It should be either 'int', 'bool', or 'string'.", key)
			}
		}
	}
	return form, nil
}

// readOutputs reads which outputs are wanted, and in which form.
func readOutputs(q *engine.Request, all map[string]json.RawMessage, form *wanted) error {
	raw, ok := all["outputs"]
	if !ok {
		return nil
	}
	list, ok := asArray(raw)
	if !ok {
		return unparsable("outputs", notArray)
	}
	form.binary = len(list) == 0 && form.binary // the request's word is for a request that names no outputs
	for _, raw := range list {
		out, _ := asObject(raw)
		name, ok := out["name"]
		if !ok {
			return missing("name")
		}
		text, ok := asString(name)
		if !ok {
			return unparsable("name", notString)
		}
		parameters, _ := asObject(out["parameters"])
		if _, ok := parameters["classification"]; ok {
			return status.Errorf(codes.Unimplemented, "output '%s': %s", text, noClasses)
		}
		if _, ok := parameters["shared_memory_region"]; ok {
			return status.Errorf(codes.Unimplemented, "output '%s': %s", text, noSharedMemory)
		}
		if raw, ok := parameters["binary_data"]; ok {
			if form.form[text], ok = asBool(raw); !ok {
				return unparsable("binary_data", notBool)
			}
		}
		q.Outputs = append(q.Outputs, text)
	}
	return nil
}

// readRaw takes a body without a header: it is the model's only input, for one user.
func (s *Server) readRaw(q *engine.Request, body []byte) error {
	c, err := s.engine.Config(q.Model, q.Version)
	if err != nil {
		return failure(err)
	}
	if len(c.Inputs) != 1 {
		return status.Errorf(codes.InvalidArgument, "%sRaw request must only have 1 input (found 1) to be deduced but got %d inputs in '%s' model configuration",
			idPrefix(q.ID), len(c.Inputs), q.Model)
	}
	in := c.Inputs[0]
	spec, free, bytes := engine.Spec{DType: in.DType}, -1, int64(max(1, in.DType.Size()))
	if c.MaxBatchSize > 0 {
		spec.Shape = append(spec.Shape, 1)
	}
	for _, d := range in.Dims {
		if d == -1 {
			if free >= 0 {
				return status.Errorf(codes.InvalidArgument, "%sThe shape of the raw input '%s' can not be deduced because there are more than one variable-sized dimension",
					idPrefix(q.ID), in.Name)
			}
			free, d = len(spec.Shape), 1
		}
		spec.Shape, bytes = append(spec.Shape, d), bytes*d
	}
	if free >= 0 && in.DType != tensor.String {
		spec.Shape[free] = int64(len(body)) / bytes
	}
	// The names of what cannot be read are Triton's.
	err = s.readBinary(q, in.Name, "raw_input", spec, body)
	if fault, ok := errors.AsType[*sizeError](err); ok {
		return fault.err
	}
	return err
}
