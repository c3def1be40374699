package engine

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"recsys/ensemble"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// Options are the settings of an engine. The zero value is the default.
type Options struct {
	// Models names the models to load; the stages of an ensemble come with it. Nil loads all.
	Models []string
	// Kernels is the set to compute with; nil means kernel.Best().
	Kernels *kernel.Set
	// Concurrency is the number of requests that run at once; 0 is the number of processors.
	Concurrency int
	// Threads is the number of threads that the requests share; 0 is the number of processors. A request takes more than
	// its own for the large steps of a model while others leave some free, so requests side by side compute alone. The
	// answers do not depend on it. (intra_op_thread_count in config.pbtxt is for ONNX Runtime, whose models do not share.)
	Threads int
}

// Engine holds loaded models. It is safe for concurrent use.
type Engine struct {
	models map[string]*model
	slots  chan struct{} // one for each request at work

	mu     sync.RWMutex // held for reading by requests, so that Close waits for them
	closed bool
}

// Open loads the repository at dir. It fails with all that is wrong with the models that are asked for, and leaves the others
// alone.
func Open(ctx context.Context, dir string, o Options) (*Engine, error) {
	if o.Concurrency < 1 {
		o.Concurrency = runtime.GOMAXPROCS(0)
	}
	if o.Threads < 1 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Kernels == nil {
		o.Kernels = kernel.Best()
	}
	models, err := load(ctx, dir, o)
	if err != nil {
		return nil, fmt.Errorf("open model repository %s: %w", dir, err)
	}
	return &Engine{models: models, slots: make(chan struct{}, o.Concurrency)}, nil
}

// Close waits for the requests at work and lets go of the models. Later calls fail with [ErrClosed].
func (e *Engine) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed, e.models = true, nil
	return nil
}

// Ready returns nil if the model serves a version, an error that wraps [ErrNotFound] if it does not, and [ErrClosed]. An empty
// name asks for the engine alone.
func (e *Engine) Ready(_ context.Context, model string) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if model == "" && !e.closed {
		return nil
	}
	_, err := e.version(model, "")
	return err
}

// version finds a model's version; an empty one is the latest. The caller holds e.mu.
func (e *Engine) version(name, number string) (*version, error) {
	if e.closed {
		return nil, ErrClosed
	}
	m := e.models[name]
	if m == nil {
		return nil, fmt.Errorf("model %q: %w", name, ErrNotFound)
	}
	if number == "" {
		return m.versions[len(m.versions)-1], nil
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("model %q: version %q is no number: %w", name, number, ErrInvalidArgument)
	}
	for _, v := range m.versions {
		if v.number == n {
			return v, nil
		}
	}
	return nil, fmt.Errorf("model %q: version %s: %w", name, number, ErrNotFound)
}

// Infer runs the latest version of model on inputs, of the shapes that clients send, and returns the named outputs and the version that
// answered. Nil outputs mean all. The outputs belong to the caller; inputs must not change during the call.
//
// Errors wrap [ErrNotFound], [ErrInvalidArgument], [ErrClosed] or ctx's error; others are faults of the model.
func (e *Engine) Infer(ctx context.Context, model string, inputs tensor.Map, outputs []string) (tensor.Map, string, error) {
	return e.InferVersion(ctx, model, "", inputs, outputs)
}

// InferVersion is Infer for a version, such as "7"; an empty one is the latest.
func (e *Engine) InferVersion(
	ctx context.Context, model, number string, inputs tensor.Map, outputs []string,
) (tensor.Map, string, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	v, err := e.version(model, number)
	if err != nil {
		return nil, "", err
	}
	if outputs == nil {
		outputs = v.outputNames()
	}
	begin := time.Now()
	batch, err := v.admit(inputs, outputs)
	if err != nil {
		v.stats.fail(begin)
		return nil, "", fmt.Errorf("model %q: %w: %w", model, ErrInvalidArgument, err)
	}
	if err := ctx.Err(); err != nil {
		v.stats.fail(begin)
		return nil, "", fmt.Errorf("model %q: %w", model, err)
	}
	select {
	case e.slots <- struct{}{}:
	case <-ctx.Done():
		v.stats.fail(begin)
		return nil, "", fmt.Errorf("model %q: wait for a free processor: %w", model, ctx.Err())
	}
	defer func() { <-e.slots }()
	started := time.Now()
	out, err := v.infer(ctx, inputs, outputs, batch)
	if err != nil {
		v.stats.fail(begin)
		return nil, "", fmt.Errorf("model %q version %d: %w", model, v.number, err)
	}
	v.stats.succeed(begin, started, batch)
	return out, strconv.FormatInt(v.number, 10), nil
}

// Config returns a model's configuration, which the caller must not change.
func (e *Engine) Config(name string) (*ensemble.Config, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	v, err := e.version(name, "")
	if err != nil {
		return nil, err
	}
	return v.config, nil
}

// Entry is a model's version in the index.
type Entry struct {
	Model   string
	Version string
}

// Index lists the served versions by model and version.
func (e *Engine) Index() []Entry {
	e.mu.RLock()
	defer e.mu.RUnlock()
	var list []Entry
	for _, name := range sortedNames(e.models) {
		for _, v := range e.models[name].versions {
			list = append(list, Entry{name, strconv.FormatInt(v.number, 10)})
		}
	}
	return list
}

// Versions lists a model's served versions, ascending.
func (e *Engine) Versions(name string) ([]string, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if _, err := e.version(name, ""); err != nil {
		return nil, err
	}
	var list []string
	for _, v := range e.models[name].versions {
		list = append(list, strconv.FormatInt(v.number, 10))
	}
	return list, nil
}

// Statistics returns the counts of a model's version, of all versions for an empty one, and of all models for an empty name.
func (e *Engine) Statistics(name, number string) ([]Statistics, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if name != "" || e.closed {
		if _, err := e.version(name, number); err != nil {
			return nil, err
		}
	}
	var list []Statistics
	for _, n := range sortedNames(e.models) {
		for _, v := range e.models[n].versions {
			if (name == "" || name == n) && (number == "" || number == strconv.FormatInt(v.number, 10)) {
				list = append(list, v.stats.read(n, v.number))
			}
		}
	}
	return list, nil
}

func sortedNames(models map[string]*model) []string {
	names := make([]string, 0, len(models))
	for name := range models {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
