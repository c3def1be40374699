package server

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/engine"
)

// ModelInfer answers one request. Without a list of outputs it answers all that the configuration has.
func (s *Server) ModelInfer(ctx context.Context, r *tritonpb.ModelInferRequest) (*tritonpb.ModelInferResponse, error) {
	inputs, err := wire.Inputs(r)
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "model %q: %v", r.GetModelName(), err)
	}
	names, err := s.outputs(r)
	if err != nil {
		return nil, err
	}
	out, version, err := s.engine.InferVersion(ctx, r.GetModelName(), r.GetModelVersion(), inputs, names)
	if err != nil {
		return nil, failure(err)
	}
	answer := &tritonpb.ModelInferResponse{ModelName: r.GetModelName(), ModelVersion: version, Id: r.GetId()}
	if err := wire.SetOutputs(answer, out, names); err != nil {
		return nil, status.Errorf(codes.Internal, "model %q: %v", r.GetModelName(), err)
	}
	return answer, nil
}

// outputs lists the wanted outputs in the order of the answer.
func (s *Server) outputs(r *tritonpb.ModelInferRequest) ([]string, error) {
	var names []string
	for _, o := range r.GetOutputs() {
		for _, parameter := range []string{"classification", "shared_memory_region"} {
			if _, ok := o.GetParameters()[parameter]; ok {
				return nil, status.Errorf(codes.InvalidArgument, "model %q: output %q: parameter %s is not supported",
					r.GetModelName(), o.GetName(), parameter)
			}
		}
		names = append(names, o.GetName())
	}
	if names != nil {
		return names, nil
	}
	c, err := s.engine.Config(r.GetModelName())
	if err != nil {
		return nil, failure(err)
	}
	for _, t := range c.Outputs {
		names = append(names, t.Name)
	}
	return names, nil
}

// failure gives an error of the engine's the code that Triton would.
func failure(err error) error {
	code := codes.Internal
	switch {
	case errors.Is(err, engine.ErrNotFound):
		code = codes.NotFound
	case errors.Is(err, engine.ErrInvalidArgument):
		code = codes.InvalidArgument
	case errors.Is(err, engine.ErrClosed):
		code = codes.Unavailable
	case errors.Is(err, context.DeadlineExceeded):
		code = codes.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		code = codes.Canceled
	}
	return status.Error(code, err.Error())
}
