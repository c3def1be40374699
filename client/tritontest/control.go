package tritontest

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"recsys/client/tritonpb"
)

func (s *service) ServerLive(context.Context, *tritonpb.ServerLiveRequest) (*tritonpb.ServerLiveResponse, error) {
	return &tritonpb.ServerLiveResponse{Live: true}, nil
}

// ServerReady says yes: the server runs in explicit mode, where an unloaded model does not make it unready.
func (s *service) ServerReady(context.Context, *tritonpb.ServerReadyRequest) (*tritonpb.ServerReadyResponse, error) {
	return &tritonpb.ServerReadyResponse{Ready: true}, nil
}

func (s *service) ModelReady(_ context.Context, r *tritonpb.ModelReadyRequest) (*tritonpb.ModelReadyResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _, err := s.find(r.GetName(), r.GetVersion())
	return &tritonpb.ModelReadyResponse{Ready: err == nil}, nil
}

func (s *service) ServerMetadata(context.Context, *tritonpb.ServerMetadataRequest) (*tritonpb.ServerMetadataResponse, error) {
	return &tritonpb.ServerMetadataResponse{
		Name: "tritontest", Version: "0",
		Extensions: []string{"model_repository", "model_configuration", "statistics"},
	}, nil
}

func (s *service) ModelMetadata(_ context.Context, r *tritonpb.ModelMetadataRequest) (*tritonpb.ModelMetadataResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, _, err := s.find(r.GetName(), r.GetVersion())
	if err != nil {
		return nil, err
	}
	answer := &tritonpb.ModelMetadataResponse{Name: m.model.Name, Versions: m.versions, Platform: m.config.GetPlatform()}
	batched := m.config.GetMaxBatchSize() > 0
	for _, in := range m.config.GetInput() {
		answer.Inputs = append(answer.Inputs, describe(in.GetName(), in.GetDataType(), in.GetDims(), batched))
	}
	for _, out := range m.config.GetOutput() {
		answer.Outputs = append(answer.Outputs, describe(out.GetName(), out.GetDataType(), out.GetDims(), batched))
	}
	return answer, nil
}

func describe(name string, dtype tritonpb.DataType, dims []int64, batched bool) *tritonpb.ModelMetadataResponse_TensorMetadata {
	datatype := dtype.String()[len("TYPE_"):]
	if dtype == tritonpb.DataType_TYPE_STRING {
		datatype = "BYTES"
	}
	shape := append([]int64{}, dims...)
	if batched {
		shape = append([]int64{-1}, shape...)
	}
	return &tritonpb.ModelMetadataResponse_TensorMetadata{Name: name, Datatype: datatype, Shape: shape}
}

func (s *service) ModelConfig(_ context.Context, r *tritonpb.ModelConfigRequest) (*tritonpb.ModelConfigResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, _, err := s.find(r.GetName(), r.GetVersion())
	if err != nil {
		return nil, err
	}
	return &tritonpb.ModelConfigResponse{Config: proto.CloneOf(m.config)}, nil
}

func (s *service) ModelStatistics(_ context.Context, r *tritonpb.ModelStatisticsRequest) (*tritonpb.ModelStatisticsResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := s.names
	if r.GetName() != "" {
		if _, _, err := s.find(r.GetName(), r.GetVersion()); err != nil {
			return nil, err
		}
		names = []string{r.GetName()}
	}
	answer := &tritonpb.ModelStatisticsResponse{}
	for _, name := range names {
		m := s.models[name]
		for _, version := range m.versions {
			if m.ready && (r.GetVersion() == "" || r.GetVersion() == version) {
				n := m.count[version]
				answer.ModelStats = append(answer.ModelStats, &tritonpb.ModelStatistics{
					Name: name, Version: version, InferenceCount: n, ExecutionCount: n,
					InferenceStats: &tritonpb.InferStatistics{Success: &tritonpb.StatisticDuration{Count: n}},
				})
			}
		}
	}
	return answer, nil
}

func (s *service) RepositoryIndex(_ context.Context, r *tritonpb.RepositoryIndexRequest) (*tritonpb.RepositoryIndexResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := &tritonpb.RepositoryIndexResponse{}
	for _, name := range s.names {
		m := s.models[name]
		if r.GetReady() && !m.ready {
			continue
		}
		for _, version := range m.versions {
			entry := &tritonpb.RepositoryIndexResponse_ModelIndex{Name: name, Version: version, State: "READY"}
			if !m.ready {
				entry.State, entry.Reason = "UNAVAILABLE", "unloaded"
			}
			answer.Models = append(answer.Models, entry)
		}
	}
	return answer, nil
}

func (s *service) RepositoryModelLoad(_ context.Context, r *tritonpb.RepositoryModelLoadRequest) (*tritonpb.RepositoryModelLoadResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.models[r.GetModelName()]
	if m == nil {
		return nil, status.Errorf(codes.Internal, "failed to load '%s', failed to poll from model repository", r.GetModelName())
	}
	config := configOf(m.model.Name, m.model.Config)
	if text := r.GetParameters()["config"].GetStringParam(); text != "" {
		config = &tritonpb.ModelConfig{}
		if err := protojson.Unmarshal([]byte(text), config); err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "failed to load '%s', invalid configuration: %v", r.GetModelName(), err)
		}
		config.Name = m.model.Name
	}
	m.config, m.ready = config, true
	return &tritonpb.RepositoryModelLoadResponse{}, nil
}

func (s *service) RepositoryModelUnload(_ context.Context, r *tritonpb.RepositoryModelUnloadRequest) (*tritonpb.RepositoryModelUnloadResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m := s.models[r.GetModelName()]; m != nil {
		m.ready = false
	}
	return &tritonpb.RepositoryModelUnloadResponse{}, nil
}
