package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"recsys/client/tritonpb"
)

// loadTimeout is the least deadline of a load whose context has none: large models take minutes to start.
const loadTimeout = 5 * time.Minute

// State says whether a version can answer.
type State string

// The states of Triton's repository index. A version that was never loaded has the empty state.
const (
	StateReady       State = "READY"
	StateUnavailable State = "UNAVAILABLE"
	StateLoading     State = "LOADING"
	StateUnloading   State = "UNLOADING"
)

// ModelState is one version in the repository index.
type ModelState struct {
	Name, Version string // Version is empty for a model that was never loaded
	State         State
	Reason        string // why it is unavailable, such as "unloaded"
}

// RepositoryIndex lists the models in the server's repositories, or those that are ready. A model with several
// versions appears once for each.
func (c *Client) RepositoryIndex(ctx context.Context, readyOnly bool) ([]ModelState, error) {
	r, err := query(ctx, c, "repository index", "", &tritonpb.RepositoryIndexRequest{Ready: readyOnly}, stub.RepositoryIndex)
	index := make([]ModelState, len(r.GetModels()))
	for i, m := range r.GetModels() {
		index[i] = ModelState{Name: m.GetName(), Version: m.GetVersion(), State: State(m.GetState()), Reason: m.GetReason()}
	}
	return index, err
}

// LoadOptions changes what is loaded. The zero value loads what the repository holds.
type LoadOptions struct {
	// Config replaces the model's config.pbtxt.
	Config *tritonpb.ModelConfig
	// Files replace the model's folder: contents by path, such as "1/model.onnx". They need a Config. A model whose
	// folder the repository lacks serves, but is not in its index.
	Files map[string][]byte
}

// Load loads a model, or loads it again from changed files, and for an ensemble its models. The server has to run
// with --model-control-mode=explicit. It returns when loading has ended; without a deadline in ctx, after 5 minutes at
// most. It reaches every replica; where some fail, the error is a [*PartialError].
//
// A load that fails may leave a model's older version serving, or not: judge by [Client.Ready] and an inference.
func (c *Client) Load(ctx context.Context, model string, opts LoadOptions) error {
	const call = "load"
	request := &tritonpb.RepositoryModelLoadRequest{ModelName: model}
	parameters, err := opts.parameters()
	if err != nil {
		return callError(ctx, call, model, fmt.Errorf("%w: %w", ErrInvalidArgument, err))
	}
	request.Parameters = parameters
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, max(loadTimeout, c.timeout))
		defer cancel()
	}
	return c.ForEach(ctx, func(ctx context.Context, _ string, one *Client) error {
		_, err := unary(ctx, one, call, model, request, stub.RepositoryModelLoad)
		return err
	})
}

func (o LoadOptions) parameters() (map[string]*tritonpb.ModelRepositoryParameter, error) {
	if o.Config == nil && o.Files == nil {
		return nil, nil //nolint:nilnil // no options are no parameters
	}
	if o.Config == nil {
		return nil, errors.New("files are given without a configuration: set Config too")
	}
	config, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(o.Config)
	if err != nil {
		return nil, fmt.Errorf("write configuration: %w", err)
	}
	parameters := map[string]*tritonpb.ModelRepositoryParameter{
		"config": {ParameterChoice: &tritonpb.ModelRepositoryParameter_StringParam{StringParam: string(config)}},
	}
	for path, data := range o.Files {
		parameters["file:"+path] = &tritonpb.ModelRepositoryParameter{
			ParameterChoice: &tritonpb.ModelRepositoryParameter_BytesParam{BytesParam: data},
		}
	}
	return parameters, nil
}

// UnloadOptions changes what is unloaded.
type UnloadOptions struct {
	// Dependents unloads an ensemble's models too, but for those that were loaded by name or belong to another one.
	Dependents bool
}

// Unload stops serving a model, on every replica; where some fail, the error is a [*PartialError]. It returns before the
// model is gone: calls in flight are answered first.
func (c *Client) Unload(ctx context.Context, model string, opts UnloadOptions) error {
	request := &tritonpb.RepositoryModelUnloadRequest{ModelName: model}
	if opts.Dependents {
		request.Parameters = map[string]*tritonpb.ModelRepositoryParameter{
			"unload_dependents": {ParameterChoice: &tritonpb.ModelRepositoryParameter_BoolParam{BoolParam: true}},
		}
	}
	return c.ForEach(ctx, func(ctx context.Context, _ string, one *Client) error {
		_, err := unary(ctx, one, "unload", model, request, stub.RepositoryModelUnload)
		return err
	})
}
