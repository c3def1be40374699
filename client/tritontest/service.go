package tritontest

import (
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/tensor"
)

// service answers the calls. It outlives restarts of the server.
type service struct {
	tritonpb.UnimplementedGRPCInferenceServiceServer

	mu       sync.Mutex // guards the rest
	names    []string   // as given to Start
	models   map[string]*state
	requests []*tritonpb.ModelInferRequest
}

// state is a model and what has become of it.
type state struct {
	model    Model
	versions []string
	config   *tritonpb.ModelConfig
	ready    bool
	faults   []Fault
	count    map[string]uint64 // successful inferences by version
}

func newService(models []Model) *service {
	s := &service{models: make(map[string]*state, len(models))}
	for _, m := range models {
		if m.Infer == nil {
			m.Infer = echo
		}
		versions := m.Versions
		if len(versions) == 0 {
			versions = []string{"1"}
		}
		s.names = append(s.names, m.Name)
		s.models[m.Name] = &state{
			model: m, versions: versions, config: configOf(m.Name, m.Config), ready: true, count: make(map[string]uint64),
		}
	}
	slices.Sort(s.names)
	return s
}

func configOf(name string, given *tritonpb.ModelConfig) *tritonpb.ModelConfig {
	config := &tritonpb.ModelConfig{}
	if given != nil {
		config = proto.CloneOf(given)
	}
	config.Name = name
	return config
}

func (s *service) arrived() []*tritonpb.ModelInferRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *service) setReady(name string, ready bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFind(name).ready = ready
}

func (s *service) inject(name string, fault Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.mustFind(name)
	m.faults = append(m.faults, fault)
}

func (s *service) heal(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mustFind(name).faults = nil
}

func (s *service) mustFind(name string) *state {
	m := s.models[name]
	if m == nil {
		panic("tritontest: no model " + name + " was given to Start")
	}
	return m
}

// find returns a loaded model and the version that answers. The caller holds the lock.
func (s *service) find(name, version string) (*state, string, error) {
	m := s.models[name]
	switch {
	case m == nil:
		return nil, "", status.Errorf(codes.NotFound, "Request for unknown model: '%s' is not found", name)
	case !m.ready:
		return nil, "", status.Errorf(codes.NotFound, "Request for unknown model: '%s' has no available versions", name)
	case version == "":
		return m, m.versions[len(m.versions)-1], nil
	case !slices.Contains(m.versions, version):
		return nil, "", status.Errorf(codes.NotFound, "Request for unknown model: '%s' version %s is not found", name, version)
	}
	return m, version, nil
}

// ModelInfer records the request, runs the model and does what the next fault wants.
func (s *service) ModelInfer(ctx context.Context, r *tritonpb.ModelInferRequest) (*tritonpb.ModelInferResponse, error) {
	m, version, fault, err := s.arrive(r)
	if err != nil {
		return nil, err
	}
	if err := fault.before(ctx); err != nil {
		return nil, err
	}
	answer, err := m.infer(ctx, r, version)
	if err != nil {
		return nil, err
	}
	if fault.Corrupt != nil {
		fault.Corrupt(answer)
	}
	s.succeeded(m, version)
	return answer, nil
}

// arrive records a request and finds its model and what befalls it.
func (s *service) arrive(r *tritonpb.ModelInferRequest) (*state, string, Fault, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, proto.CloneOf(r)) // its tensors will belong to the model
	m, version, err := s.find(r.GetModelName(), r.GetModelVersion())
	if err != nil {
		return nil, "", Fault{}, err
	}
	return m, version, m.nextFault(), nil
}

func (s *service) succeeded(m *state, version string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m.count[version]++
}

// nextFault takes the fault that befalls this call. The caller holds the lock.
func (m *state) nextFault() Fault {
	if len(m.faults) == 0 {
		return Fault{}
	}
	fault := m.faults[0]
	if fault.Times == 1 {
		m.faults = m.faults[1:]
	} else if fault.Times > 1 {
		m.faults[0].Times--
	}
	return fault
}

// before does what comes before the model.
func (f Fault) before(ctx context.Context) error {
	if f.Latency > 0 {
		timer := time.NewTimer(f.Latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
	if f.Hang {
		<-ctx.Done()
		return status.FromContextError(ctx.Err()).Err()
	}
	return f.Err
}

func (m *state) infer(ctx context.Context, r *tritonpb.ModelInferRequest, version string) (*tritonpb.ModelInferResponse, error) {
	call, err := callOf(r, version)
	if err != nil {
		return nil, err
	}
	if m.model.Stream != nil {
		return nil, status.Error(codes.Unimplemented, "ModelInfer RPC doesn't support models with decoupled transaction policy")
	}
	outputs, err := m.model.Infer(ctx, call)
	if err != nil {
		return nil, statusOf(err)
	}
	return m.answer(call, outputs)
}

func callOf(r *tritonpb.ModelInferRequest, version string) (Call, error) {
	inputs, err := wire.Inputs(r)
	if err != nil {
		return Call{}, status.Error(codes.InvalidArgument, err.Error())
	}
	call := Call{Version: version, ID: r.GetId(), Inputs: inputs, Parameters: r.GetParameters()}
	for _, output := range r.GetOutputs() {
		call.Outputs = append(call.Outputs, output.GetName())
	}
	return call, nil
}

// statusOf gives an error of a model's a status.
func statusOf(err error) error {
	if s, ok := status.FromError(err); ok {
		return s.Err()
	}
	return status.Error(codes.Internal, err.Error())
}

func (m *state) answer(call Call, outputs tensor.Map) (*tritonpb.ModelInferResponse, error) {
	names, err := m.wanted(call.Outputs, outputs)
	if err != nil {
		return nil, err
	}
	answer := &tritonpb.ModelInferResponse{ModelName: m.model.Name, ModelVersion: call.Version, Id: call.ID}
	if err := wire.SetOutputs(answer, outputs, names); err != nil {
		return nil, status.Error(codes.Internal, err.Error())
	}
	return answer, nil
}

func (m *state) wanted(names []string, outputs tensor.Map) ([]string, error) {
	for _, name := range names {
		if outputs[name] == nil {
			return nil, status.Errorf(codes.InvalidArgument, "unexpected inference output '%s' for model '%s'", name, m.model.Name)
		}
	}
	if len(names) == 0 {
		return outputs.Names(), nil
	}
	return names, nil
}
