package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"recsys/ensemble"
	"recsys/tensor"
)

// model is a name with its served versions, ascending. It is replaced as a whole when it is loaded again.
type model struct {
	config   *ensemble.Config // nil when no version is served
	versions []*version
	// named is whether the model was asked for by its name, and not only as a part of an ensemble.
	named bool
	// sent is whether its files came with the load, so that they are not in the repository.
	sent bool
	// states has what became of versions that are not served: why.
	states map[int64]string
}

// version is one loaded version: a stage has a plan and a queue, an ensemble has steps.
type version struct {
	config *ensemble.Config
	number int64
	file   *loaded
	queue  *queue
	steps  []*step
	// missing says why a model that is no ensemble cannot run, nil if it can.
	missing error
	stats   *counters
	// cache keeps answers; nil keeps none. identity is what they hold for.
	cache    *cache
	identity fingerprint
}

// able returns an error if the version, or a step of it, cannot run.
func (v *version) able() error {
	if v.missing != nil {
		return v.missing
	}
	for _, s := range v.steps {
		if s.part != nil && s.part.missing != nil {
			return s.part.missing
		}
	}
	return nil
}

// step is one step of an ensemble, in an order in which all inputs are there.
type step struct {
	model   string
	pinned  int64 // version, -1 for the latest
	part    *version
	inputs  []ensemble.Mapping
	outputs []ensemble.Mapping
}

func (v *version) outputNames() []string {
	names := make([]string, len(v.config.Outputs))
	for i, t := range v.config.Outputs {
		names[i] = t.Name
	}
	return names
}

// infer runs the version on an admitted request.
func (v *version) infer(ctx context.Context, r *Request, a admitted) (tensor.Map, error) {
	t := &task{ctx: ctx, id: r.ID, inputs: r.Inputs, outputs: a.outputs, batch: a.batch}
	do := v.doStage
	if v.queue == nil {
		do = v.doSteps
	}
	if err := do(t, r); err != nil {
		return nil, err
	}
	return t.out, nil
}

// doStage answers a task from the cache, or runs it through the queue.
func (v *version) doStage(t *task, r *Request) error {
	return v.cached(t, func() error { return v.queue.do(t, r.Priority, r.Timeout) })
}

// doSteps answers a task from the cache, or runs the steps of an ensemble.
func (v *version) doSteps(t *task, r *Request) error {
	return v.cached(t, func() error {
		begin := time.Now()
		queued, err := v.inferSteps(t, r)
		if err != nil {
			v.stats.fail(begin, err)
			return err
		}
		v.stats.ran(t.timing, t.batch)
		v.stats.succeed(begin, queued, t.timing, t.batch)
		return nil
	})
}

// inferStage runs a model file: tensors get the shapes of the model and back.
func (v *version) inferStage(ctx context.Context, inputs tensor.Map, outputs []string) (tensor.Map, error) {
	in := make(tensor.Map, len(v.config.Inputs))
	for _, c := range v.config.Inputs {
		if !v.file.used[c.Name] {
			continue
		}
		t, err := v.reshape(inputs[c.Name], c.Dims, v.modelDims(c))
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", c.Name, err)
		}
		in[c.Name] = t
	}
	got, err := v.file.plan.Run(ctx, in)
	if err != nil {
		return nil, err
	}
	out := make(tensor.Map, len(outputs))
	for _, c := range v.config.Outputs {
		if !slices.Contains(outputs, c.Name) {
			continue
		}
		t, err := v.reshape(got[c.Name], v.modelDims(c), c.Dims)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", c.Name, err)
		}
		out[c.Name] = t
	}
	return out, nil
}

// modelDims are the dims that the model's file has, behind the batch axis. Without batches, dims of 1 may stand for a scalar.
func (v *version) modelDims(c ensemble.TensorConfig) []int64 {
	if v.config.MaxBatchSize == 0 && v.file.scalars[c.Name] {
		return nil
	}
	return c.ModelDims()
}

// reshape turns the shape behind the batch axis from one form into the other. Free axes keep their sizes in order, as in Triton.
func (v *version) reshape(t *tensor.Tensor, from, to []int64) (*tensor.Tensor, error) {
	if slices.Equal(from, to) {
		return t, nil
	}
	shape, rest := []int(nil), t.Shape()
	if v.config.MaxBatchSize > 0 {
		shape, rest = append(shape, rest[0]), rest[1:]
	}
	var free []int
	for i, d := range from {
		if d == -1 {
			free = append(free, rest[i])
		}
	}
	for _, d := range to {
		if d == -1 && len(free) > 0 {
			d, free = int64(free[0]), free[1:]
		}
		shape = append(shape, int(d))
	}
	return t.Reshape(shape...)
}
