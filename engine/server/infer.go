package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/engine"
	"recsys/tensor"
)

// reserved begins the keys of parameters that are Triton's own.
const reserved = "triton_"

// emptyFinal asks for a last, empty answer of models that answer several times, which none here does.
const emptyFinal = "triton_enable_empty_final_response"

// ModelInfer answers one request. Without a list of outputs it answers all that the configuration has, in its order.
func (s *Server) ModelInfer(ctx context.Context, r *tritonpb.ModelInferRequest) (*tritonpb.ModelInferResponse, error) {
	q, err := s.request(r)
	if err != nil {
		return nil, err
	}
	if n := len(r.GetInputs()); len(r.GetRawInputContents()) > n {
		r.RawInputContents = r.RawInputContents[:n] // those behind belong to no input
	}
	if q.Inputs, err = wire.Inputs(r); err != nil {
		return nil, s.diagnose(r, q, err)
	}
	for _, in := range r.GetInputs() {
		if dtypeOf(in.GetDatatype()) == tensor.Invalid { // a name of another kind, which wire understands
			return nil, s.diagnose(r, q, errors.New("unknown data type "+in.GetDatatype()))
		}
	}
	a, err := s.engine.Do(ctx, q)
	if err != nil {
		return nil, failure(err)
	}
	answer := &tritonpb.ModelInferResponse{ModelName: r.GetModelName(), ModelVersion: a.Version, Id: r.GetId()}
	if err := wire.SetOutputs(answer, a.Outputs, a.Names); err != nil {
		return nil, status.Errorf(codes.Internal, "model %q: %v", r.GetModelName(), err)
	}
	return answer, nil
}

// request reads everything but the inputs.
func (s *Server) request(r *tritonpb.ModelInferRequest) (engine.Request, error) {
	q := engine.Request{Model: r.GetModelName(), Version: r.GetModelVersion(), ID: r.GetId()}
	for key, p := range r.GetParameters() {
		if err := parameter(&q, key, p); err != nil {
			return q, err
		}
	}
	for _, in := range r.GetInputs() {
		if _, ok := in.GetParameters()["shared_memory_region"]; ok {
			return q, status.Errorf(codes.Unimplemented, "input '%s': %s", in.GetName(), noSharedMemory)
		}
	}
	for _, out := range r.GetOutputs() {
		if _, ok := out.GetParameters()["shared_memory_region"]; ok {
			return q, status.Errorf(codes.Unimplemented, "output '%s': %s", out.GetName(), noSharedMemory)
		}
		if _, ok := out.GetParameters()["classification"]; ok {
			return q, status.Errorf(codes.Unimplemented, "output '%s': %s", out.GetName(), noClasses)
		}
		q.Outputs = append(q.Outputs, out.GetName())
	}
	return q, nil
}

// parameter reads one parameter of a request. Those that nobody knows are for the model, and ours do not look at them.
func parameter(q *engine.Request, key string, p *tritonpb.InferParameter) error {
	switch choice := p.GetParameterChoice().(type) {
	case *tritonpb.InferParameter_Int64Param:
		switch key {
		case "priority":
			q.Priority = uint64(max(0, choice.Int64Param))
			return nil
		case "timeout":
			q.Timeout = microseconds(choice.Int64Param)
			return nil
		}
	case *tritonpb.InferParameter_Uint64Param:
		if key == "priority" {
			q.Priority = choice.Uint64Param
			return nil
		}
	case nil:
		return status.Errorf(codes.InvalidArgument, "invalid value type for '%s' parameter, expected int64_param, bool_param, or string_param.", key)
	}
	switch {
	case key == "priority":
		return status.Error(codes.InvalidArgument, "invalid value type for 'priority' parameter, expected int64_param or uint64_param.")
	case key == "timeout":
		return status.Error(codes.InvalidArgument, "invalid value type for 'timeout' parameter, expected int64_param.")
	case strings.HasPrefix(key, reserved) && key != emptyFinal:
		return status.Error(codes.InvalidArgument, "parameter keys starting with 'triton_' are reserved for Triton usage. "+
			"Only the following keys starting with 'triton_' are allowed: "+emptyFinal)
	}
	return nil
}

// microseconds is a duration of a client, which may be any number.
func microseconds(n int64) time.Duration {
	const most = int64(1<<63-1) / int64(time.Microsecond)
	return time.Duration(min(max(0, n), most)) * time.Microsecond
}
