package server

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"

	"recsys/client/tritonpb"
	"recsys/ensemble"
)

// ModelConfig returns a model's configuration with Triton's defaults for what it leaves out.
func (s *Server) ModelConfig(_ context.Context, r *tritonpb.ModelConfigRequest) (*tritonpb.ModelConfigResponse, error) {
	c, err := s.engine.Config(r.GetName(), r.GetVersion())
	if err != nil {
		return nil, failure(err)
	}
	m := &tritonpb.ModelConfig{}
	if err := prototext.Unmarshal(c.Marshal(), m); err != nil {
		return nil, status.Errorf(codes.Internal, "configuration of model %q: %v", r.GetName(), err)
	}
	m.Name = r.GetName()
	if c.IsONNX() || c.IsEnsemble() { // another backend alone knows its defaults
		complete(m)
	}
	return &tritonpb.ModelConfigResponse{Config: m}, nil
}

// complete fills in what Triton does when it loads a model.
func complete(m *tritonpb.ModelConfig) {
	if m.GetVersionPolicy() == nil {
		m.VersionPolicy = &tritonpb.ModelVersionPolicy{PolicyChoice: &tritonpb.ModelVersionPolicy_Latest_{
			Latest: &tritonpb.ModelVersionPolicy_Latest{NumVersions: 1},
		}}
	}
	if m.GetPlatform() == ensemble.PlatformEnsemble {
		if m.GetModelTransactionPolicy() == nil {
			m.ModelTransactionPolicy = &tritonpb.ModelTransactionPolicy{}
		}
		return
	}
	m.Platform, m.Backend = ensemble.PlatformONNX, ensemble.BackendONNX
	if m.GetDefaultModelFilename() == "" {
		m.DefaultModelFilename = ensemble.DefaultModelFile
	}
	if m.GetOptimization() == nil {
		m.Optimization = &tritonpb.ModelOptimizationPolicy{}
	}
	pinned := &tritonpb.ModelOptimizationPolicy_PinnedMemoryBuffer{Enable: true}
	m.Optimization.InputPinnedMemory, m.Optimization.OutputPinnedMemory = pinned, pinned
	if len(m.GetInstanceGroup()) == 0 {
		m.InstanceGroup = []*tritonpb.ModelInstanceGroup{{}}
	}
	for i, g := range m.GetInstanceGroup() {
		if g.GetName() == "" {
			g.Name = fmt.Sprintf("%s_%d", m.GetName(), i)
		}
		g.Count = max(1, g.GetCount())
		if g.GetKind() == tritonpb.ModelInstanceGroup_KIND_AUTO {
			g.Kind = tritonpb.ModelInstanceGroup_KIND_CPU
		}
	}
}

// configOf reads a configuration that a client sent.
func configOf(m *tritonpb.ModelConfig, name string) (*ensemble.Config, error) {
	text, err := prototext.Marshal(m)
	if err != nil {
		return nil, err
	}
	c, err := ensemble.ParseConfig(ensemble.ConfigFile, text)
	if err == nil && c.Name == "" {
		c.Name = name
	}
	return c, err
}
