package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client/internal/message"
	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/tensor"
)

// The names of parameters in the JSON of requests and answers.
const (
	binaryData     = "binary_data"
	binaryDataSize = "binary_data_size"
	timeout        = "timeout"
)

type requestHeader struct {
	ID         string         `json:"id,omitempty"`
	Parameters map[string]any `json:"parameters,omitempty"`
	Inputs     []inputHeader  `json:"inputs"`
	Outputs    []outputHeader `json:"outputs,omitempty"`
}

type inputHeader struct {
	Name       string         `json:"name"`
	Shape      []int          `json:"shape"`
	DType      string         `json:"datatype"`
	Parameters map[string]any `json:"parameters"`
}

type outputHeader struct {
	Name       string         `json:"name"`
	Parameters map[string]any `json:"parameters"`
}

// model is the path of a model, or of a version of it.
func model(name, version string, more ...string) string {
	parts := []string{"models", url.PathEscape(name)}
	if version != "" {
		parts = append(parts, "versions", url.PathEscape(version))
	}
	return strings.Join(append(parts, more...), "/")
}

func (c *Conn) infer(ctx context.Context, m *message.Request, to *message.Response) error {
	b, err := encode(m)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	a, err := c.send(ctx, http.MethodPost, model(m.Model, m.Version, "infer"), b)
	if err != nil {
		return err
	}
	defer a.close()
	if err := a.failure(); err != nil {
		return err
	}
	err = decode(a, to)
	if _, ok := status.FromError(err); ok { // nil, or that the answer broke off
		return err
	}
	to.Err = err
	return nil
}

// encode makes the body of an inference.
func encode(m *message.Request) (*body, error) {
	h := requestHeader{ID: m.ID, Inputs: make([]inputHeader, len(m.Inputs)), Outputs: make([]outputHeader, len(m.Outputs))}
	var err error
	if h.Parameters, err = parameters(m.Parameters); err != nil {
		return nil, err
	}
	if m.Timeout > 0 {
		h.Parameters[timeout] = m.Timeout
	}
	b := &body{tensors: make([][]byte, 0, len(m.Inputs))}
	for i := range m.Inputs {
		in := &m.Inputs[i]
		p, err := parameters(in.Parameters)
		if err != nil {
			return nil, err
		}
		if !in.Elsewhere {
			p[binaryDataSize] = len(in.Raw)
			b.tensors = append(b.tensors, in.Raw)
		}
		shape := in.Shape
		if shape == nil {
			shape = []int{} // a scalar; JSON's null is no shape
		}
		h.Inputs[i] = inputHeader{Name: in.Name, Shape: shape, DType: in.DType, Parameters: p}
	}
	for i := range m.Outputs {
		out := &m.Outputs[i]
		p, err := parameters(out.Parameters)
		if err != nil {
			return nil, err
		}
		if _, ok := p[message.SharedRegion]; !ok {
			p[binaryData] = true
		}
		h.Outputs[i] = outputHeader{Name: out.Name, Parameters: p}
	}
	if b.header, err = json.Marshal(h); err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	b.free = m.Hold()
	return b, nil
}

// parameters makes a map to which more can be added.
func parameters(list []message.Parameter) (map[string]any, error) {
	out := make(map[string]any, len(list)+1)
	for _, p := range list {
		v, ok := p.Value.(float64)
		if !ok {
			out[p.Name] = p.Value
			continue
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("parameter %q is %v, which JSON cannot say", p.Name, v)
		}
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0" // or a server takes it for an integer
		}
		out[p.Name] = json.Number(text)
	}
	return out, nil
}

type answerHeader struct {
	Model      string                     `json:"model_name"`
	Version    string                     `json:"model_version"`
	ID         string                     `json:"id"`
	Parameters map[string]json.RawMessage `json:"parameters"`
	Outputs    []struct {
		Name       string                     `json:"name"`
		DType      string                     `json:"datatype"`
		Shape      []int64                    `json:"shape"`
		Parameters map[string]json.RawMessage `json:"parameters"`
		Data       json.RawMessage            `json:"data"`
	} `json:"outputs"`
}

// decode reads an answer. What is wrong with it is an error without a status.
func decode(a *answer, to *message.Response) error {
	var data []byte
	var err error
	switch {
	case a.length < 0:
		data, err = a.rest()
	case a.length > a.left:
		err = a.tooLarge()
	default:
		data = make([]byte, a.length)
		err = a.fill(data)
	}
	if err != nil {
		return err
	}
	var h answerHeader
	if err := json.Unmarshal(data, &h); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	to.Model, to.Version, to.ID, to.Outputs = h.Model, h.Version, h.ID, make(tensor.Map, len(h.Outputs))
	for name, raw := range h.Parameters {
		p, err := Parameter(raw)
		if err != nil {
			return fmt.Errorf("parameter %q: %w", name, err)
		}
		if to.Parameters == nil {
			to.Parameters = make(map[string]*tritonpb.InferParameter, len(h.Parameters))
		}
		to.Parameters[name] = p
	}
	for _, o := range h.Outputs {
		d := message.Described{Name: o.Name}
		if d.DType, d.Shape, err = wire.Describe(o.DType, o.Shape); err != nil {
			return fmt.Errorf("output %q: %w", o.Name, err)
		}
		if to.Outputs[o.Name] != nil {
			return fmt.Errorf("output %q comes twice", o.Name)
		}
		_, inBody := o.Parameters[binaryDataSize]
		if _, ok := o.Parameters[message.SharedRegion]; ok || !inBody && o.Data == nil && to.IsShared(o.Name) {
			to.Elsewhere = append(to.Elsewhere, d)
			continue
		}
		var t *tensor.Tensor
		if size, ok := o.Parameters[binaryDataSize]; ok {
			t, err = binary(a, d, size, to.Into[o.Name])
		} else {
			t, err = Plain(d, o.Data)
		}
		if err != nil {
			if _, ok := status.FromError(err); ok {
				return err
			}
			return fmt.Errorf("output %q: %w", o.Name, err)
		}
		to.Outputs[o.Name] = t
	}
	if rest, err := a.rest(); err != nil {
		return err
	} else if len(rest) > 0 && a.length >= 0 {
		return fmt.Errorf("%d bytes follow the last tensor", len(rest))
	}
	return nil
}

// binary reads a tensor where it comes to lie, into another one if that is alike.
func binary(a *answer, d message.Described, text json.RawMessage, into *tensor.Tensor) (*tensor.Tensor, error) {
	size, err := strconv.Atoi(string(text))
	if err != nil || size < 0 {
		return nil, fmt.Errorf("%s is %s", binaryDataSize, text)
	}
	if a.length < 0 {
		return nil, fmt.Errorf("has binary data, but the answer has no %s", HeaderLength)
	}
	if size > a.left {
		return nil, a.tooLarge()
	}
	if view, ok := d.Fits(into); ok && len(view) == size {
		return into, a.fill(view)
	}
	if n, err := tensor.Count(d.Shape); err != nil || d.DType != tensor.String && n*d.DType.Size() != size {
		return nil, fmt.Errorf("shape %s of %s does not have %d bytes", tensor.FormatShape(d.Shape), d.DType, size)
	}
	raw := message.AlignedBytes(size)
	if err := a.fill(raw); err != nil {
		return nil, err
	}
	return wire.Decode(d.DType, d.Shape, raw)
}

// Parameter reads a bool, a number or a string.
func Parameter(raw json.RawMessage) (*tritonpb.InferParameter, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	switch v := value.(type) {
	case bool:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_BoolParam{BoolParam: v}}, nil
	case string:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_StringParam{StringParam: v}}, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: n}}, nil
		}
		f, err := v.Float64()
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_DoubleParam{DoubleParam: f}}, err
	}
	return nil, fmt.Errorf("%s is no bool, number or string", raw)
}
