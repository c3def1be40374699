package server

import (
	"cmp"
	"context"
	"errors"

	"recsys/client/tritonpb"
	"recsys/engine"
	"recsys/ensemble"
)

// ServerLive says whether the engine is open.
func (s *Server) ServerLive(ctx context.Context, _ *tritonpb.ServerLiveRequest) (*tritonpb.ServerLiveResponse, error) {
	return &tritonpb.ServerLiveResponse{Live: s.engine.Ready(ctx, "") == nil}, nil
}

// ServerReady is ServerLive: what does not load leaves the engine as it was.
func (s *Server) ServerReady(ctx context.Context, _ *tritonpb.ServerReadyRequest) (*tritonpb.ServerReadyResponse, error) {
	return &tritonpb.ServerReadyResponse{Ready: s.engine.Ready(ctx, "") == nil}, nil
}

// ModelReady says whether a model, and its version if one is given, is served and can run.
func (s *Server) ModelReady(ctx context.Context, r *tritonpb.ModelReadyRequest) (*tritonpb.ModelReadyResponse, error) {
	_, err := s.engine.Config(r.GetName(), r.GetVersion())
	if err != nil && !errors.Is(err, engine.ErrNotFound) {
		return nil, failure(err)
	}
	able := !errors.Is(s.engine.Ready(ctx, r.GetName()), engine.ErrUnimplemented)
	return &tritonpb.ModelReadyResponse{Ready: err == nil && able}, nil
}

// ServerMetadata names the server and the protocol's extensions that it has.
func (s *Server) ServerMetadata(context.Context, *tritonpb.ServerMetadataRequest) (*tritonpb.ServerMetadataResponse, error) {
	return &tritonpb.ServerMetadataResponse{
		Name: "recsys-engine", Version: s.options.Version,
		Extensions: []string{
			"model_repository", "model_repository(unload_dependents)", "schedule_policy", "model_configuration", "binary_tensor_data",
			"parameters", "statistics",
		},
	}, nil
}

// ModelMetadata describes a model's inputs and outputs, with the batch axis.
func (s *Server) ModelMetadata(_ context.Context, r *tritonpb.ModelMetadataRequest) (*tritonpb.ModelMetadataResponse, error) {
	c, err := s.engine.Config(r.GetName(), r.GetVersion())
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
	answer := &tritonpb.ModelMetadataResponse{Name: r.GetName(), Versions: versions, Platform: cmp.Or(c.Platform, c.Backend)}
	if c.IsONNX() {
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

// RepositoryIndex lists the models of the repository and why some are not ready.
func (s *Server) RepositoryIndex(_ context.Context, r *tritonpb.RepositoryIndexRequest) (*tritonpb.RepositoryIndexResponse, error) {
	list, err := s.engine.Index()
	if err != nil {
		return nil, failure(err)
	}
	answer := &tritonpb.RepositoryIndexResponse{}
	for _, e := range list {
		x := &tritonpb.RepositoryIndexResponse_ModelIndex{Name: e.Model, Version: e.Version, Reason: e.Reason}
		switch {
		case e.Ready:
			x.State = "READY"
		case r.GetReady():
			continue
		case e.Version != "":
			x.State = "UNAVAILABLE"
		}
		answer.Models = append(answer.Models, x)
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
			Name: x.Model, Version: x.Version, InferenceCount: x.Inferences, ExecutionCount: x.Executions,
			InferenceStats: &tritonpb.InferStatistics{
				Success: duration(x.Success), Fail: duration(x.Failure), Queue: duration(x.Queue), ComputeInput: duration(x.Input),
				ComputeInfer: duration(x.Compute), ComputeOutput: duration(x.Output),
				CacheHit: duration(x.CacheHit), CacheMiss: duration(x.CacheMiss),
			},
		}
		for _, b := range x.Batches {
			m.BatchStats = append(m.BatchStats, &tritonpb.InferBatchStatistics{
				BatchSize: uint64(b.Size), ComputeInput: duration(b.Input), ComputeInfer: duration(b.Compute), ComputeOutput: duration(b.Output),
			})
		}
		if !x.Last.IsZero() {
			m.LastInference = uint64(x.Last.UnixMilli())
		}
		answer.ModelStats = append(answer.ModelStats, m)
	}
	return answer, nil
}

func duration(d engine.Duration) *tritonpb.StatisticDuration {
	return &tritonpb.StatisticDuration{Count: d.Count, Ns: uint64(d.Total)}
}
