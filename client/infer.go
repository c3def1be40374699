package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"recsys/client/internal/message"
	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/tensor"
)

const (
	// minRemaining is the least time a call may have left; see the package's section on deadlines.
	minRemaining = 5 * time.Millisecond
	// timeoutMargin is how much earlier than the caller the server is to give up, so that its answer still arrives.
	timeoutMargin = time.Millisecond
	// releaseGrace is how long a call waits for a connection to let go of its inputs, after a try that was given up.
	releaseGrace = 20 * time.Millisecond
)

// Request is one inference.
type Request struct {
	Model string
	// Version is the model's version, such as "3"; empty leaves the choice to the server.
	Version string
	// ID is returned in the [Result], and written to the server's trace. Empty sends none.
	ID string
	// Inputs are the model's inputs by name. They must not change during the call.
	Inputs tensor.Map
	// SharedInputs are inputs in memory that the server shares, by name; see [Client.RegisterShared].
	SharedInputs map[string]SharedTensor
	// SharedOutputs are wanted outputs that the server is to write into such memory.
	SharedOutputs map[string]SharedTensor
	// Outputs are the names of the other wanted outputs, at least one of both: a server sends all that are not asked for otherwise,
	// and an ensemble may have many that only explain an answer.
	Outputs []string
	// Into are tensors, by name, that outputs of the same type and shape are decoded into, so that calls one after
	// another need no new memory: fill it with the outputs of the last. Strings and bools always get their own, and so
	// does the answer of a [Hedge].
	Into tensor.Map
	// Priority is 1 for the most urgent class of a model with priority levels; 0 takes the model's default.
	Priority uint64
	// Parameters are further request parameters, such as sequence_id: of type bool, int64, uint64, float64 or string.
	// The names that have a field here, binary_data_output, and those that begin with "triton_" are refused.
	Parameters map[string]any
}

// Result is the answer to a [Request].
type Result struct {
	Model string
	// Version is the version that has answered: for an ensemble of ours, its generation.
	Version string
	ID      string
	// Outputs are the wanted outputs, which belong to the caller. They share one piece of memory: who keeps one of many
	// for long should clone it.
	Outputs tensor.Map
	// Shared are the SharedOutputs with their type, shape and size. Of strings the size is the most they may have.
	Shared map[string]SharedTensor
	// InputsHeld is true in the rare case that an earlier try of the call lies in a connection that is stuck, which may
	// still read the inputs: do not change them any more.
	InputsHeld bool
	// Parameters are those of the answer, nil where it has none; the types are as in [Request].
	Parameters map[string]any
}

// Infer runs the newest version of model and returns the named outputs and the version that has answered. Errors are
// of type [*Error].
func (c *Client) Infer(ctx context.Context, model string, inputs tensor.Map, outputs []string) (tensor.Map, string, error) {
	result, err := c.Do(ctx, Request{Model: model, Inputs: inputs, Outputs: outputs})
	return result.Outputs, result.Version, err
}

// Do runs a model. It may try again after a failure, see [Retry], unless the request belongs to a sequence. Errors are
// of type [*Error].
func (c *Client) Do(ctx context.Context, request Request) (Result, error) {
	ctx, end := c.traceCall(ctx, Call{Name: inferCall, Model: request.Model, Version: request.Version})
	result, err := c.do(ctx, request)
	if end != nil {
		end(result.Version, err)
	}
	return result, err
}

const inferCall = "infer"

func (c *Client) do(ctx context.Context, request Request) (Result, error) {
	const call = inferCall
	outgoing, err := request.message()
	if err != nil {
		return Result{}, callError(ctx, call, request.Model, fmt.Errorf("%w: %w", ErrInvalidArgument, err))
	}
	inner, end, err := c.begin(ctx, c.timeout)
	if err != nil {
		return Result{}, callError(ctx, call, request.Model, err)
	}
	defer end()
	if c.checked {
		if err := c.check(inner, outgoing); err != nil {
			return Result{}, callError(ctx, call, request.Model, err)
		}
	}
	if n := c.inFlight.Add(1); c.maxInFlight > 0 && n > int64(c.maxInFlight) {
		c.inFlight.Add(-1)
		return Result{}, &Error{
			Call: call, Model: request.Model, Kinds: []error{ErrOverloaded, ErrUnavailable},
			Cause: fmt.Errorf("%d inferences are in flight", c.maxInFlight),
		}
	}
	defer c.inFlight.Add(-1)
	_, sequence := request.Parameters["sequence_id"]
	s := spec{name: call, model: request.Model, repeatable: !sequence, hedgeable: !sequence, infers: true}
	result, err := run(inner, c, s, func(ctx context.Context, k *conn, hedging bool) (Result, error) {
		m, into := outgoing, request.Into
		if hedging {
			m, into = outgoing.Again(), nil
		}
		if deadline, ok := ctx.Deadline(); ok {
			m.Timeout = max((time.Until(deadline) - timeoutMargin).Microseconds(), 1)
		}
		answer := &message.Response{Into: into, ExpectModel: request.Model, Expect: request.Outputs, Shared: sorted(request.SharedOutputs)}
		if err := k.cc.Invoke(ctx, tritonpb.GRPCInferenceService_ModelInfer_FullMethodName, m, answer); err != nil {
			return Result{}, err
		}
		return request.result(answer)
	})
	if !outgoing.Released(releaseGrace) {
		result.InputsHeld = true
		if e := (*Error)(nil); errors.As(err, &e) {
			e.InputsHeld = true
		}
	}
	return result, err
}

// message makes the request's message, but for the timeout.
func (r Request) message() (*message.Request, error) {
	if len(r.Outputs)+len(r.SharedOutputs) == 0 {
		return nil, errors.New("no outputs are named: name those that are wanted")
	}
	m := &message.Request{
		Model: r.Model, Version: r.Version, ID: r.ID,
		Inputs: make([]message.Input, 0, len(r.Inputs)), Outputs: make([]message.Output, len(r.Outputs)),
	}
	for _, name := range r.Inputs.Names() {
		t := r.Inputs[name]
		if t == nil {
			return nil, fmt.Errorf("input %q is nil", name)
		}
		raw, err := wire.Encode(t)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", name, err)
		}
		m.Inputs = append(m.Inputs, message.Input{Name: name, DType: t.DType().Triton(), Shape: t.Shape(), Raw: raw})
	}
	for i, name := range r.Outputs {
		m.Outputs[i].Name = name
	}
	if err := r.share(m); err != nil {
		return nil, err
	}
	for _, name := range sorted(r.Parameters) {
		if reserved(name) {
			return nil, fmt.Errorf("parameter %q is reserved: use the field of Request, where it has one", name)
		}
		value := r.Parameters[name]
		switch value.(type) {
		case bool, int64, uint64, float64, string:
		default:
			return nil, fmt.Errorf("parameter %q: is a %T: make it a bool, int64, uint64, float64 or string", name, value)
		}
		m.Parameters = append(m.Parameters, message.Parameter{Name: name, Value: value})
	}
	if r.Priority != 0 {
		m.Parameters = append(m.Parameters, message.Parameter{Name: "priority", Value: r.Priority})
	}
	return m, m.Validate()
}

// result holds the answer to the request.
func (r Request) result(m *message.Response) (Result, error) {
	if m.Err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrProtocol, m.Err)
	}
	for _, name := range r.Outputs {
		if m.Outputs[name] == nil {
			return Result{}, fmt.Errorf("%w: output %q is missing from the answer, which has %v", ErrProtocol, name, m.Outputs.Names())
		}
	}
	parameters, err := values(m.Parameters)
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	shared, err := r.shared(m)
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return Result{Model: m.Model, Version: m.Version, ID: m.ID, Outputs: m.Outputs, Shared: shared, Parameters: parameters}, nil
}

func reserved(name string) bool {
	switch name {
	case "priority", "timeout", "binary_data_output":
		return true
	}
	return strings.HasPrefix(name, "triton_")
}

func values(parameters map[string]*tritonpb.InferParameter) (map[string]any, error) {
	if len(parameters) == 0 {
		return nil, nil //nolint:nilnil // no parameters are no map
	}
	out := make(map[string]any, len(parameters))
	for name, p := range parameters {
		switch v := p.GetParameterChoice().(type) {
		case *tritonpb.InferParameter_BoolParam:
			out[name] = v.BoolParam
		case *tritonpb.InferParameter_Int64Param:
			out[name] = v.Int64Param
		case *tritonpb.InferParameter_Uint64Param:
			out[name] = v.Uint64Param
		case *tritonpb.InferParameter_DoubleParam:
			out[name] = v.DoubleParam
		case *tritonpb.InferParameter_StringParam:
			out[name] = v.StringParam
		default:
			return nil, fmt.Errorf("parameter %q of the answer has no value", name)
		}
	}
	return out, nil
}
