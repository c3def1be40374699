package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"recsys/client"
	"recsys/engine"
	"recsys/gateway"
	"recsys/tensor"
)

// rankerOf returns what asks a backend for a version of a model, nil if it cannot be asked.
func rankerOf(backend gateway.Inferencer) gateway.Ranker {
	switch b := backend.(type) {
	case *engine.Engine:
		return engineRanker{b}
	case *client.Client:
		return tritonRanker{b}
	case gateway.Ranker:
		return b
	}
	return nil
}

type engineRanker struct{ engine *engine.Engine }

// InferVersion asks the engine.
func (r engineRanker) InferVersion(ctx context.Context, model, version string, inputs tensor.Map, outputs []string) (tensor.Map, error) {
	result, err := r.engine.Do(ctx, engine.Request{Model: model, Version: version, Inputs: inputs, Outputs: outputs})
	if errors.Is(err, engine.ErrNotFound) {
		err = fmt.Errorf("%w: %w", gateway.ErrGone, err)
	}
	return result.Outputs, err
}

type tritonRanker struct{ client *client.Client }

// InferVersion asks Triton, which has two answers for a version that it does not serve.
func (r tritonRanker) InferVersion(ctx context.Context, model, version string, inputs tensor.Map, outputs []string) (tensor.Map, error) {
	result, err := r.client.Do(ctx, client.Request{Model: model, Version: version, Inputs: inputs, Outputs: outputs})
	if errors.Is(err, client.ErrNotFound) || errors.Is(err, client.ErrUnavailable) && strings.Contains(err.Error(), "not at ready state") {
		err = fmt.Errorf("%w: %w", gateway.ErrGone, err)
	}
	return result.Outputs, err
}
