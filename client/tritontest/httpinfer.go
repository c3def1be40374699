package tritontest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client/internal/message"
	"recsys/client/internal/rest"
	"recsys/client/tritonpb"
	"recsys/client/wire"
)

// question is the JSON of an inference.
type question struct {
	ID         string                     `json:"id"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Inputs     []tensorHeader             `json:"inputs"`
	Outputs    []tensorHeader             `json:"outputs"`
}

type tensorHeader struct {
	Name       string                     `json:"name"`
	DType      string                     `json:"datatype,omitempty"`
	Shape      []int64                    `json:"shape"`
	Parameters map[string]json.RawMessage `json:"parameters,omitempty"`
	Data       json.RawMessage            `json:"data,omitempty"`
}

// infer is ModelInfer over HTTP.
func (s *service) infer(w http.ResponseWriter, r *http.Request) {
	request, wanted, err := readQuestion(r)
	if err != nil {
		finish(w, nil, status.Error(codes.InvalidArgument, err.Error()))
		return
	}
	request.ModelName, request.ModelVersion = r.PathValue("name"), r.PathValue("version")
	got, err := s.ModelInfer(r.Context(), request)
	if err != nil {
		finish(w, nil, err)
		return
	}
	if err := writeAnswer(w, got, wanted); err != nil {
		finish(w, nil, status.Error(codes.Internal, err.Error()))
	}
}

// readQuestion returns the request, and which outputs are wanted as binary data.
func readQuestion(r *http.Request) (*tritonpb.ModelInferRequest, func(name string) bool, error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, nil, err
	}
	header := data
	if text := r.Header.Get(rest.HeaderLength); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 || n > len(data) {
			return nil, nil, fmt.Errorf("the header's length is %q of %d bytes", text, len(data))
		}
		header, data = data[:n], data[n:]
	}
	var q question
	if err := json.Unmarshal(header, &q); err != nil {
		return nil, nil, fmt.Errorf("failed to parse the request JSON buffer: %w", err)
	}
	request := &tritonpb.ModelInferRequest{Id: q.ID}
	if request.Parameters, err = inferParameters(q.Parameters); err != nil {
		return nil, nil, err
	}
	for _, in := range q.Inputs {
		raw, rest, err := in.contents(data)
		if err != nil {
			return nil, nil, fmt.Errorf("input %q: %w", in.Name, err)
		}
		data = rest
		request.Inputs = append(request.Inputs, &tritonpb.ModelInferRequest_InferInputTensor{Name: in.Name, Datatype: in.DType, Shape: in.Shape})
		request.RawInputContents = append(request.RawInputContents, raw)
	}
	if len(data) > 0 && r.Header.Get(rest.HeaderLength) != "" {
		return nil, nil, fmt.Errorf("%d bytes follow the last input", len(data))
	}
	binary := map[string]bool{}
	for _, out := range q.Outputs {
		request.Outputs = append(request.Outputs, &tritonpb.ModelInferRequest_InferRequestedOutputTensor{Name: out.Name})
		binary[out.Name] = string(out.Parameters["binary_data"]) == "true"
	}
	all := string(q.Parameters["binary_data_output"]) == "true"
	return request, func(name string) bool { return all || binary[name] }, nil
}

func inferParameters(given map[string]json.RawMessage) (map[string]*tritonpb.InferParameter, error) {
	out := make(map[string]*tritonpb.InferParameter, len(given))
	for name, raw := range given {
		p, err := rest.Parameter(raw)
		if err != nil {
			return nil, fmt.Errorf("parameter %q: %w", name, err)
		}
		out[name] = p
	}
	return out, nil
}

// contents returns the raw contents, and what follows them.
func (h tensorHeader) contents(data []byte) (raw, rest []byte, err error) {
	if text, ok := h.Parameters["binary_data_size"]; ok {
		n, err := strconv.Atoi(string(text))
		if err != nil || n < 0 || n > len(data) {
			return nil, nil, fmt.Errorf("has %s bytes of binary data, and %d are left", text, len(data))
		}
		return data[:n:n], data[n:], nil
	}
	d := message.Described{Name: h.Name}
	if d.DType, d.Shape, err = wire.Describe(h.DType, h.Shape); err != nil {
		return nil, nil, err
	}
	t, err := decodeJSON(d, h.Data)
	return t, data, err
}

func decodeJSON(d message.Described, data json.RawMessage) ([]byte, error) {
	t, err := rest.Plain(d, data)
	if err != nil {
		return nil, err
	}
	return wire.Encode(t)
}

// writeAnswer writes what a model has answered.
func writeAnswer(w http.ResponseWriter, got *tritonpb.ModelInferResponse, binary func(name string) bool) error {
	said := struct {
		Model   string         `json:"model_name"`
		Version string         `json:"model_version"`
		ID      string         `json:"id,omitempty"`
		Outputs []tensorHeader `json:"outputs"`
	}{Model: got.GetModelName(), Version: got.GetModelVersion(), ID: got.GetId()}
	var tail []byte
	for i, o := range got.GetOutputs() {
		raw := got.GetRawOutputContents()[i]
		h := tensorHeader{Name: o.GetName(), DType: o.GetDatatype(), Shape: o.GetShape()}
		if h.Shape == nil {
			h.Shape = []int64{}
		}
		if binary(o.GetName()) {
			h.Parameters = map[string]json.RawMessage{"binary_data_size": json.RawMessage(strconv.Itoa(len(raw)))}
			tail = append(tail, raw...)
		} else {
			var err error
			if h.Data, err = encodeJSON(o, raw); err != nil {
				return err
			}
		}
		said.Outputs = append(said.Outputs, h)
	}
	header, err := json.Marshal(said)
	if err != nil {
		return err
	}
	if tail != nil {
		w.Header().Set(rest.HeaderLength, strconv.Itoa(len(header)))
	}
	finish(w, append(header, tail...), nil)
	return nil
}

func encodeJSON(o *tritonpb.ModelInferResponse_InferOutputTensor, raw []byte) (json.RawMessage, error) {
	dtype, shape, err := wire.Describe(o.GetDatatype(), o.GetShape())
	if err != nil {
		return nil, err
	}
	t, err := wire.Decode(dtype, shape, raw)
	if err != nil {
		return nil, err
	}
	if bytes, ok := t.Any().([]uint8); ok { // which JSON would have in base 64
		list := make([]int, len(bytes))
		for i, b := range bytes {
			list[i] = int(b)
		}
		return json.Marshal(list)
	}
	return json.Marshal(t.Any())
}
