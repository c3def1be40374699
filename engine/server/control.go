package server

import (
	"context"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"recsys/client/tritonpb"
	"recsys/engine"
)

// filePrefix begins the keys of parameters that hold a model's files.
const filePrefix = "file:"

// controlled returns the error of a server whose models are those of its start.
func (s *Server) controlled() error {
	if s.options.Control {
		return nil
	}
	return status.Error(codes.Unavailable, "explicit model load / unload is not allowed if polling is enabled")
}

// RepositoryModelLoad loads a model, from the repository or from what the request holds. It returns when the model serves.
func (s *Server) RepositoryModelLoad(ctx context.Context, r *tritonpb.RepositoryModelLoadRequest) (*tritonpb.RepositoryModelLoadResponse, error) {
	if err := s.controlled(); err != nil {
		return nil, err
	}
	var o engine.LoadOptions
	for key, p := range r.GetParameters() {
		switch path, isFile := strings.CutPrefix(key, filePrefix); {
		case key == "config":
			text, ok := p.GetParameterChoice().(*tritonpb.ModelRepositoryParameter_StringParam)
			if !ok {
				return nil, status.Error(codes.InvalidArgument, "invalid value type for load parameter 'config', expected string_param.")
			}
			m := &tritonpb.ModelConfig{}
			err := protojson.Unmarshal([]byte(text.StringParam), m)
			if err == nil {
				o.Config, err = configOf(m, r.GetModelName())
			}
			if err != nil {
				return nil, status.Errorf(codes.Internal, "failed to load '%s', failed to poll from model repository: %v", r.GetModelName(), err)
			}
		case isFile:
			data, ok := p.GetParameterChoice().(*tritonpb.ModelRepositoryParameter_BytesParam)
			if !ok {
				return nil, status.Errorf(codes.InvalidArgument, "invalid value type for load parameter '%s', expected bytes_param.", key)
			}
			if o.Files == nil {
				o.Files = map[string][]byte{}
			}
			o.Files[path] = data.BytesParam
		default:
			return nil, status.Errorf(codes.InvalidArgument, "unrecognized load parameter '%s'.", key)
		}
	}
	if err := s.engine.Load(ctx, r.GetModelName(), o); err != nil {
		return nil, failure(err)
	}
	return &tritonpb.RepositoryModelLoadResponse{}, nil
}

// RepositoryModelUnload stops serving a model, and with the parameter unload_dependents an ensemble's stages.
func (s *Server) RepositoryModelUnload(ctx context.Context, r *tritonpb.RepositoryModelUnloadRequest) (*tritonpb.RepositoryModelUnloadResponse, error) {
	if err := s.controlled(); err != nil {
		return nil, err
	}
	if err := s.engine.Unload(ctx, r.GetModelName(), r.GetParameters()["unload_dependents"].GetBoolParam()); err != nil {
		return nil, failure(err)
	}
	return &tritonpb.RepositoryModelUnloadResponse{}, nil
}
