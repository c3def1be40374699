package server

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"

	"recsys/client/tritonpb"
	"recsys/engine"
	"recsys/ensemble"
)

// ServerLive says whether the engine is open.
func (s *Server) ServerLive(ctx context.Context, _ *tritonpb.ServerLiveRequest) (*tritonpb.ServerLiveResponse, error) {
	return &tritonpb.ServerLiveResponse{Live: s.engine.Ready(ctx, "") == nil}, nil
}

// ServerReady is ServerLive: an engine is opened with all its models or not at all.
func (s *Server) ServerReady(ctx context.Context, _ *tritonpb.ServerReadyRequest) (*tritonpb.ServerReadyResponse, error) {
	return &tritonpb.ServerReadyResponse{Ready: s.engine.Ready(ctx, "") == nil}, nil
}

// ModelReady says whether a model, and its version if one is given, is served.
func (s *Server) ModelReady(_ context.Context, r *tritonpb.ModelReadyRequest) (*tritonpb.ModelReadyResponse, error) {
	_, err := s.engine.Statistics(r.GetName(), r.GetVersion())
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return nil, failure(err)
	}
	return &tritonpb.ModelReadyResponse{Ready: err == nil && r.GetName() != ""}, nil
}

// ServerMetadata names the server and the protocol's extensions that it has.
func (s *Server) ServerMetadata(context.Context, *tritonpb.ServerMetadataRequest) (*tritonpb.ServerMetadataResponse, error) {
	return &tritonpb.ServerMetadataResponse{
		Name: "recsys-engine", Version: s.version,
		Extensions: []string{"binary_tensor_data", "model_configuration", "model_repository", "statistics"},
	}, nil
}

// ModelMetadata describes a model's inputs and outputs, with the batch axis.
func (s *Server) ModelMetadata(_ context.Context, r *tritonpb.ModelMetadataRequest) (*tritonpb.ModelMetadataResponse, error) {
	if _, err := s.engine.Statistics(r.GetName(), r.GetVersion()); err != nil {
		return nil, failure(err)
	}
	c, err := s.engine.Config(r.GetName())
	if err != nil {
		return nil, failure(err)
	}
	versions, err := s.engine.Versions(r.GetName())
	if err != nil {
		return nil, failure(err)
	}
	if r.GetVersion() != "" {
		versions = []string{r.GetVersion()}
	}
	answer := &tritonpb.ModelMetadataResponse{Name: r.GetName(), Versions: versions, Platform: c.Platform}
	if !c.IsEnsemble() {
		answer.Platform = ensemble.PlatformONNX
	}
	answer.Inputs, answer.Outputs = tensors(c, c.Inputs), tensors(c, c.Outputs)
	return answer, nil
}

func tensors(c *ensemble.Config, list []ensemble.TensorConfig) []*tritonpb.ModelMetadataResponse_TensorMetadata {
	out := make([]*tritonpb.ModelMetadataResponse_TensorMetadata, len(list))
	for i, t := range list {
		var shape []int64
		if c.MaxBatchSize > 0 {
			shape = append(shape, -1)
		}
		out[i] = &tritonpb.ModelMetadataResponse_TensorMetadata{
			Name: t.Name, Datatype: t.DType.Triton(), Shape: append(shape, t.Dims...),
		}
	}
	return out
}

// ModelConfig returns config.pbtxt as it was read.
func (s *Server) ModelConfig(_ context.Context, r *tritonpb.ModelConfigRequest) (*tritonpb.ModelConfigResponse, error) {
	if _, err := s.engine.Statistics(r.GetName(), r.GetVersion()); err != nil {
		return nil, failure(err)
	}
	c, err := s.engine.Config(r.GetName())
	if err != nil {
		return nil, failure(err)
	}
	m := &tritonpb.ModelConfig{}
	if err := prototext.Unmarshal(c.Marshal(), m); err != nil {
		return nil, status.Errorf(codes.Internal, "configuration of model %q: %v", r.GetName(), err)
	}
	return &tritonpb.ModelConfigResponse{Config: m}, nil
}

// RepositoryIndex lists what is served; all of it is ready.
func (s *Server) RepositoryIndex(context.Context, *tritonpb.RepositoryIndexRequest) (*tritonpb.RepositoryIndexResponse, error) {
	answer := &tritonpb.RepositoryIndexResponse{}
	for _, e := range s.engine.Index() {
		answer.Models = append(answer.Models, &tritonpb.RepositoryIndexResponse_ModelIndex{
			Name: e.Model, Version: e.Version, State: "READY",
		})
	}
	return answer, nil
}

// ModelStatistics returns the counts of one version, one model, or everything.
func (s *Server) ModelStatistics(_ context.Context, r *tritonpb.ModelStatisticsRequest) (*tritonpb.ModelStatisticsResponse, error) {
	list, err := s.engine.Statistics(r.GetName(), r.GetVersion())
	if err != nil {
		return nil, failure(err)
	}
	answer := &tritonpb.ModelStatisticsResponse{}
	for _, x := range list {
		m := &tritonpb.ModelStatistics{
			Name: x.Model, Version: x.Version, InferenceCount: x.Inferences, ExecutionCount: x.Successes,
			InferenceStats: &tritonpb.InferStatistics{
				Success:      &tritonpb.StatisticDuration{Count: x.Successes, Ns: uint64(x.Success)},
				Fail:         &tritonpb.StatisticDuration{Count: x.Failures, Ns: uint64(x.Failure)},
				Queue:        &tritonpb.StatisticDuration{Count: x.Successes, Ns: uint64(x.Queue)},
				ComputeInfer: &tritonpb.StatisticDuration{Count: x.Successes, Ns: uint64(x.Compute)},
			},
		}
		if !x.Last.IsZero() {
			m.LastInference = uint64(x.Last.UnixMilli())
		}
		answer.ModelStats = append(answer.ModelStats, m)
	}
	return answer, nil
}
