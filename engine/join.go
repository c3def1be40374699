package engine

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"recsys/tensor"
)

// sameShapes reports whether requests of one model differ in their batch sizes only.
func sameShapes(a, b tensor.Map) bool {
	for name, t := range a {
		if !slices.Equal(t.Shape()[1:], b[name].Shape()[1:]) {
			return false
		}
	}
	return true
}

// join copies the inputs of a batch behind each other.
func join(batch []*task) (tensor.Map, error) {
	out := make(tensor.Map, len(batch[0].inputs))
	for name := range batch[0].inputs {
		parts := make([]*tensor.Tensor, len(batch))
		for i, t := range batch {
			parts[i] = t.inputs[name]
		}
		var err error
		if out[name], err = tensor.Concat(parts...); err != nil {
			return nil, fmt.Errorf("join input %q: %w", name, err)
		}
	}
	return out, nil
}

// split gives each task of a batch its rows of the outputs that it wants. They share memory, but no elements.
func split(batch []*task, out tensor.Map, users int) ([]tensor.Map, error) {
	for _, name := range out.Names() {
		if t := out[name]; t.Rank() == 0 || t.Dim(0) != users {
			return nil, fmt.Errorf("output %q has shape %s, its first dimension must be %d, the batch", name, tensor.FormatShape(t.Shape()), users)
		}
	}
	outs, from := make([]tensor.Map, len(batch)), 0
	for i, t := range batch {
		outs[i] = make(tensor.Map, len(t.outputs))
		for _, name := range t.outputs {
			outs[i][name] = out[name].Rows(from, from+t.batch)
		}
		from += t.batch
	}
	return outs, nil
}

// anyOf returns a context that ends when those of all tasks have.
func anyOf(batch []*task) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(batch[0].ctx))
	left := atomic.Int64{}
	left.Store(int64(len(batch)))
	stops := make([]func() bool, len(batch))
	for i, t := range batch {
		stops[i] = context.AfterFunc(t.ctx, func() {
			if left.Add(-1) == 0 {
				cancel()
			}
		})
	}
	return ctx, func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	}
}
