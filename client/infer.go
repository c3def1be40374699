package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/tensor"
)

const (
	// minRemaining is the least time a call may have left; see the package's section on deadlines.
	minRemaining = 5 * time.Millisecond
	// timeoutMargin is how much earlier than the caller the server is to give up, so that its answer still arrives.
	timeoutMargin = time.Millisecond
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
	// Outputs are the names of the wanted outputs, at least one: a server sends all that are not asked for otherwise,
	// and an ensemble may have many that only explain an answer.
	Outputs []string
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
	// Outputs are the wanted outputs, which belong to the caller. The strings of one tensor share their memory.
	Outputs tensor.Map
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
	const call = "infer"
	message, err := request.message()
	if err != nil {
		return Result{}, callError(ctx, call, request.Model, fmt.Errorf("%w: %w", ErrInvalidArgument, err))
	}
	inner, end, err := c.begin(ctx, c.timeout)
	if err != nil {
		return Result{}, callError(ctx, call, request.Model, err)
	}
	defer end()
	if n := c.inFlight.Add(1); c.maxInFlight > 0 && n > int64(c.maxInFlight) {
		c.inFlight.Add(-1)
		return Result{}, &Error{
			Call: call, Model: request.Model, Kinds: []error{ErrOverloaded, ErrUnavailable},
			Cause: fmt.Errorf("%d inferences are in flight", c.maxInFlight),
		}
	}
	defer c.inFlight.Add(-1)
	_, sequence := request.Parameters["sequence_id"]
	s := spec{name: call, model: request.Model, repeatable: !sequence}
	return run(inner, c, s, func(ctx context.Context, to stub) (Result, error) {
		if deadline, ok := ctx.Deadline(); ok {
			left := time.Until(deadline) - timeoutMargin
			setParameter(message, "timeout", &tritonpb.InferParameter{
				ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: max(left.Microseconds(), 1)},
			})
		}
		answer, err := to.ModelInfer(ctx, message)
		if err != nil {
			return Result{}, err
		}
		return request.result(answer)
	})
}

// message makes the request's message, but for the timeout.
func (r Request) message() (*tritonpb.ModelInferRequest, error) {
	if len(r.Outputs) == 0 {
		return nil, errors.New("no outputs are named: name those that are wanted")
	}
	m := &tritonpb.ModelInferRequest{ModelName: r.Model, ModelVersion: r.Version, Id: r.ID}
	if err := wire.SetInputs(m, r.Inputs, r.Outputs); err != nil {
		return nil, err
	}
	for name, value := range r.Parameters {
		if reserved(name) {
			return nil, fmt.Errorf("parameter %q is reserved: use the field of Request, where it has one", name)
		}
		p, err := parameter(value)
		if err != nil {
			return nil, fmt.Errorf("parameter %q: %w", name, err)
		}
		setParameter(m, name, p)
	}
	if r.Priority != 0 {
		p := &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Uint64Param{Uint64Param: r.Priority}}
		setParameter(m, "priority", p)
	}
	return m, nil
}

// result reads the answer and holds it to the request.
func (r Request) result(m *tritonpb.ModelInferResponse) (Result, error) {
	outputs, err := wire.Outputs(m)
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	for _, name := range r.Outputs {
		if outputs[name] == nil {
			return Result{}, fmt.Errorf("%w: output %q is missing from the answer, which has %v", ErrProtocol, name, outputs.Names())
		}
	}
	parameters, err := values(m.GetParameters())
	if err != nil {
		return Result{}, fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return Result{
		Model: m.GetModelName(), Version: m.GetModelVersion(), ID: m.GetId(),
		Outputs: outputs, Parameters: parameters,
	}, nil
}

func reserved(name string) bool {
	switch name {
	case "priority", "timeout", "binary_data_output":
		return true
	}
	return strings.HasPrefix(name, "triton_")
}

func setParameter(m *tritonpb.ModelInferRequest, name string, p *tritonpb.InferParameter) {
	if m.Parameters == nil {
		m.Parameters = make(map[string]*tritonpb.InferParameter, 1)
	}
	m.Parameters[name] = p
}

func parameter(value any) (*tritonpb.InferParameter, error) {
	switch v := value.(type) {
	case bool:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_BoolParam{BoolParam: v}}, nil
	case int64:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: v}}, nil
	case uint64:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Uint64Param{Uint64Param: v}}, nil
	case float64:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_DoubleParam{DoubleParam: v}}, nil
	case string:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_StringParam{StringParam: v}}, nil
	}
	return nil, fmt.Errorf("is a %T: make it a bool, int64, uint64, float64 or string", value)
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
