package client

import (
	"context"
	"fmt"
	"math"

	"recsys/client/tritonpb"
	"recsys/tensor"
)

// ServerMetadata is what a server says about itself.
type ServerMetadata struct {
	Name, Version string
	Extensions    []string // of the protocol, such as "model_repository"
}

// ModelMetadata is what a server says about a model's interface.
type ModelMetadata struct {
	Name     string
	Versions []string // that can be asked for
	Platform string   // such as "ensemble", or the backend's name
	Inputs   []TensorMetadata
	Outputs  []TensorMetadata
}

// TensorMetadata describes an input or an output.
type TensorMetadata struct {
	Name  string
	DType tensor.DType
	Shape []int // with the batch axis where the model batches; -1 for an axis of any size
}

// ServerMetadata asks the server for its name, version and extensions.
func (c *Client) ServerMetadata(ctx context.Context) (ServerMetadata, error) {
	r, err := query(ctx, c, "server metadata", "", &tritonpb.ServerMetadataRequest{}, stub.ServerMetadata)
	return ServerMetadata{Name: r.GetName(), Version: r.GetVersion(), Extensions: r.GetExtensions()}, err
}

// ModelMetadata asks for the interface of a version of model; empty asks for the one that an inference would take.
func (c *Client) ModelMetadata(ctx context.Context, model, version string) (ModelMetadata, error) {
	const call = "model metadata"
	r, err := query(ctx, c, call, model, &tritonpb.ModelMetadataRequest{Name: model, Version: version}, stub.ModelMetadata)
	if err != nil {
		return ModelMetadata{}, err
	}
	inputs, err := tensorMetadata(r.GetInputs())
	if err == nil {
		var outputs []TensorMetadata
		if outputs, err = tensorMetadata(r.GetOutputs()); err == nil {
			return ModelMetadata{Name: r.GetName(), Versions: r.GetVersions(), Platform: r.GetPlatform(), Inputs: inputs, Outputs: outputs}, nil
		}
	}
	return ModelMetadata{}, callError(ctx, call, model, fmt.Errorf("%w: %w", ErrProtocol, err))
}

func tensorMetadata(described []*tritonpb.ModelMetadataResponse_TensorMetadata) ([]TensorMetadata, error) {
	out := make([]TensorMetadata, len(described))
	for i, d := range described {
		dtype, err := tensor.ParseDType(d.GetDatatype())
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", d.GetName(), err)
		}
		shape := make([]int, len(d.GetShape()))
		for j, size := range d.GetShape() {
			if size < -1 || size > math.MaxInt {
				return nil, fmt.Errorf("tensor %q: dimension %d is %d", d.GetName(), j, size)
			}
			shape[j] = int(size)
		}
		out[i] = TensorMetadata{Name: d.GetName(), DType: dtype, Shape: shape}
	}
	return out, nil
}

// ModelConfig asks for the configuration with which a version of model runs; empty asks for the one that an inference
// would take.
func (c *Client) ModelConfig(ctx context.Context, model, version string) (*tritonpb.ModelConfig, error) {
	r, err := query(ctx, c, "model config", model, &tritonpb.ModelConfigRequest{Name: model, Version: version}, stub.ModelConfig)
	return r.GetConfig(), err
}

// Statistics asks for the counts and durations of a version's inferences; an empty version asks for all of model,
// an empty model for all models. Durations are in nanoseconds, summed since the version was loaded.
func (c *Client) Statistics(ctx context.Context, model, version string) ([]*tritonpb.ModelStatistics, error) {
	r, err := query(ctx, c, "model statistics", model, &tritonpb.ModelStatisticsRequest{Name: model, Version: version}, stub.ModelStatistics)
	return r.GetModelStats(), err
}
