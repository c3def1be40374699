package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"recsys/client/internal/message"
	"recsys/tensor"
)

// checksFor is how long a model's description is trusted.
const checksFor = time.Minute

// checks holds inferences to what servers say of their models.
type checks struct {
	mu    sync.Mutex // guards known
	known map[modelVersion]*described
}

type modelVersion struct{ model, version string }

// described is a model's interface.
type described struct {
	until    time.Time
	metadata ModelMetadata
	optional map[string]bool
	maxBatch int // 0 for a model without a batch axis
}

// describe asks for a model's interface, or remembers it.
func (c *Client) describe(ctx context.Context, model, version string) (*described, error) {
	key := modelVersion{model, version}
	c.checks.mu.Lock()
	d := c.checks.known[key]
	c.checks.mu.Unlock()
	if d != nil && time.Now().Before(d.until) {
		return d, nil
	}
	metadata, err := c.ModelMetadata(ctx, model, version)
	if err != nil {
		return nil, err
	}
	config, err := c.ModelConfig(ctx, model, version)
	if err != nil {
		return nil, err
	}
	d = &described{until: time.Now().Add(checksFor), metadata: metadata, optional: map[string]bool{}, maxBatch: int(config.GetMaxBatchSize())}
	for _, in := range config.GetInput() {
		d.optional[in.GetName()] = in.GetOptional()
	}
	c.checks.mu.Lock()
	defer c.checks.mu.Unlock()
	if c.checks.known == nil {
		c.checks.known = make(map[modelVersion]*described)
	}
	c.checks.known[key] = d
	return d, nil
}

// forget drops what is known of a model after an error that a new version of it may explain.
func (c *Client) forget(model, version string) {
	c.checks.mu.Lock()
	defer c.checks.mu.Unlock()
	delete(c.checks.known, modelVersion{model, version})
}

// check returns what is wrong with a request, all of it; of an interface that may be out of date it asks again first.
func (c *Client) check(ctx context.Context, m *message.Request) error {
	for again := false; ; again = true {
		d, err := c.describe(ctx, m.Model, m.Version)
		if err != nil {
			return err
		}
		err = d.fault(m)
		if err == nil {
			return nil
		}
		if again {
			return fmt.Errorf("%w: %w", ErrInvalidArgument, err)
		}
		c.forget(m.Model, m.Version)
	}
}

func (d *described) fault(m *message.Request) error {
	var errs []error
	batch, named := -1, ""
	for i := range m.Inputs {
		in := &m.Inputs[i]
		want, ok := find(d.metadata.Inputs, in.Name)
		if !ok {
			errs = append(errs, fmt.Errorf("the model has no input %q: it has %s", in.Name, names(d.metadata.Inputs)))
			continue
		}
		if in.DType != want.DType.Triton() {
			errs = append(errs, fmt.Errorf("input %q is %s, the model wants %s", in.Name, in.DType, want.DType.Triton()))
		}
		if !fits(in.Shape, want.Shape) {
			errs = append(errs, fmt.Errorf("input %q has shape %s, the model wants %s", in.Name, tensor.FormatShape(in.Shape), tensor.FormatShape(want.Shape)))
			continue
		}
		if d.maxBatch > 0 {
			switch size := in.Shape[0]; {
			case size > d.maxBatch || size == 0:
				errs = append(errs, fmt.Errorf("input %q has a batch of %d, the model takes 1 to %d", in.Name, size, d.maxBatch))
			case batch >= 0 && size != batch:
				errs = append(errs, fmt.Errorf("input %q has a batch of %d, input %q one of %d", in.Name, size, named, batch))
			default:
				batch, named = size, in.Name
			}
		}
	}
	for _, want := range d.metadata.Inputs {
		given := slices.ContainsFunc(m.Inputs, func(in message.Input) bool { return in.Name == want.Name })
		if !given && !d.optional[want.Name] {
			errs = append(errs, fmt.Errorf("input %q is missing: give %s %s", want.Name, want.DType.Triton(), tensor.FormatShape(want.Shape)))
		}
	}
	for _, out := range m.Outputs {
		if _, ok := find(d.metadata.Outputs, out.Name); !ok {
			errs = append(errs, fmt.Errorf("the model has no output %q: it has %s", out.Name, names(d.metadata.Outputs)))
		}
	}
	return errors.Join(errs...)
}

func find(list []TensorMetadata, name string) (TensorMetadata, bool) {
	i := slices.IndexFunc(list, func(t TensorMetadata) bool { return t.Name == name })
	if i < 0 {
		return TensorMetadata{}, false
	}
	return list[i], true
}

func names(list []TensorMetadata) string {
	out := make([]string, len(list))
	for i, t := range list {
		out[i] = t.Name
	}
	return strings.Join(out, ", ")
}

func fits(shape, want []int) bool {
	if len(shape) != len(want) {
		return false
	}
	for i, d := range want {
		if d >= 0 && shape[i] != d {
			return false
		}
	}
	return true
}
