package engine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"recsys/ensemble"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// Options are the settings of an engine. The zero value is the default.
type Options struct {
	// Models names the models to load; the stages of an ensemble come with it. Nil loads all, an empty list none.
	Models []string
	// Kernels is the set to compute with; nil means kernel.Best().
	Kernels *kernel.Set
	// Concurrency is the number of models that run at once; 0 is the number of processors.
	Concurrency int
	// Threads is the number of threads that the requests share; 0 is the number of processors. A request takes more than
	// its own for the large steps of a model while others leave some free, so requests side by side compute alone. The
	// answers do not depend on it. An intra_op_thread_count of 2 or more in config.pbtxt bounds those of one request to the
	// model.
	Threads int
	// CacheSize bounds the answers that are kept of models with response_cache, in bytes; 0 keeps none.
	CacheSize int64
}

// Engine holds loaded models. It is safe for concurrent use.
type Engine struct {
	dir   string
	plans exec.Options
	slots chan struct{} // one for each run at work
	cache *cache        // nil keeps no answers

	control sync.Mutex   // one load or unload at a time; taken before mu
	mu      sync.RWMutex // guards the rest; no request holds it while it runs
	models  map[string]*model
	closed  bool
	work    sync.WaitGroup // requests
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
	e := &Engine{dir: dir, plans: plans(o), slots: make(chan struct{}, o.Concurrency), cache: newCache(o.CacheSize), models: map[string]*model{}}
	if err := e.loadAll(ctx, o.Models); err != nil {
		return nil, fmt.Errorf("open model repository %s: %w", dir, err)
	}
	return e, nil
}

func (e *Engine) loadAll(ctx context.Context, names []string) error {
	repo, err := ensemble.Open(e.dir)
	if err != nil {
		return err
	}
	l := e.loader(repo, nil)
	if names == nil {
		names = repo.Names()
		var errs []error
		for _, f := range repo.Check() { // of folders that are no models, too
			if refused(f) {
				errs = append(errs, errors.New(f.String()))
			}
		}
		if err := errors.Join(errs...); err != nil {
			return err
		}
	}
	if err := l.load(ctx, names); err != nil {
		return err
	}
	e.serve(l.models, names...)
	return nil
}

// Close waits for the requests at work and lets go of the models. Later calls fail with [ErrClosed].
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed, e.models = true, nil
	e.mu.Unlock()
	e.work.Wait()
	return nil
}

// Ready returns nil if the model serves a version, an error that wraps [ErrNotFound] if it does not, [ErrUnimplemented] if the engine
// cannot run it, and [ErrClosed]. An empty name asks for the engine alone.
func (e *Engine) Ready(_ context.Context, model string) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if model == "" && !e.closed {
		return nil
	}
	_, v, err := e.version(model, "")
	if err == nil {
		err = v.able()
	}
	return err
}

// version finds a model's version; an empty one is the latest. The caller holds e.mu.
func (e *Engine) version(name, number string) (*model, *version, error) {
	if e.closed {
		return nil, nil, ErrClosed
	}
	n := int64(-1)
	if number != "" {
		var err error
		if n, err = strconv.ParseInt(number, 10, 64); err != nil {
			return nil, nil, invalid("failed to get model version from specified version string '%s' (details: stol), "+
				"version should be an integral value > 0", number)
		}
		if n < 0 {
			return nil, nil, invalid("invalid model version specified '%s' , version should be an integral value > 0", number)
		}
	}
	m := e.models[name]
	v := m.pick(n)
	switch {
	case v != nil:
		return m, v, nil
	case m == nil || len(m.states)+len(m.versions) == 0:
		return nil, nil, notFound("Request for unknown model: '%s' is not found", name)
	case number == "":
		return nil, nil, notFound("Request for unknown model: '%s' has no available versions", name)
	case m.states[n] != "":
		return nil, nil, notFound("Request for unknown model: '%s' version %d is not at ready state", name, n)
	}
	return nil, nil, notFound("Request for unknown model: '%s' version %d is not found", name, n)
}

// Request asks a model once.
type Request struct {
	Model string
	// Version is a number, such as "7"; empty is the latest one.
	Version string
	// ID is named in errors.
	ID string
	// Inputs have the shapes that clients send. They must not change until the call returns.
	Inputs tensor.Map
	// Outputs names the wanted ones; none are all.
	Outputs []string
	// Priority is 1, the highest, to the model's priority_levels; 0 and what is beyond are the default one.
	Priority uint64
	// Timeout is how long the request may wait in a queue, where the model allows requests to say so; 0 is the model's own.
	Timeout time.Duration
}

// Result is an answer, which belongs to the caller.
type Result struct {
	Version string
	Outputs tensor.Map
	// Names lists the outputs in the configuration's order.
	Names []string
}

// Infer runs the latest version of model on inputs, of the shapes that clients send, and returns the named outputs and the version that
// answered. Nil outputs mean all. See [Engine.Do].
func (e *Engine) Infer(ctx context.Context, model string, inputs tensor.Map, outputs []string) (tensor.Map, string, error) {
	r, err := e.Do(ctx, Request{Model: model, Inputs: inputs, Outputs: outputs})
	return r.Outputs, r.Version, err
}

// Do answers a request. A model with dynamic batching may run it together with others; the answer is what it would be alone.
//
// Errors wrap [ErrNotFound], [ErrInvalidArgument], [ErrUnimplemented], [ErrUnavailable], [ErrClosed] or ctx's error; others are faults of the model.
func (e *Engine) Do(ctx context.Context, r Request) (Result, error) {
	e.mu.RLock()
	_, v, err := e.version(r.Model, r.Version)
	if err == nil {
		e.work.Add(1)
		defer e.work.Done()
	}
	e.mu.RUnlock()
	if err != nil {
		return Result{}, err
	}
	if err := v.able(); err != nil {
		return Result{}, fmt.Errorf("model %q: %w", r.Model, err)
	}
	inputs, err := specs(r.Model, r.Inputs)
	if err != nil {
		return Result{}, err
	}
	a, err := v.admit(&r, inputs)
	if err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		v.stats.fail(time.Now(), err)
		return Result{}, fmt.Errorf("model %q: %w", r.Model, err)
	}
	out, err := v.infer(ctx, &r, a)
	if err != nil {
		return Result{}, err
	}
	return Result{Version: strconv.FormatInt(v.number, 10), Outputs: out, Names: a.outputs}, nil
}

// Config returns a model's configuration, which the caller must not change. An empty version is the latest.
func (e *Engine) Config(name, number string) (*ensemble.Config, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	_, v, err := e.version(name, number)
	if err != nil {
		return nil, err
	}
	return v.config, nil
}

// Versions lists a model's served versions, ascending.
func (e *Engine) Versions(name string) ([]string, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	m, _, err := e.version(name, "")
	if err != nil {
		return nil, err
	}
	list := make([]string, len(m.versions))
	for i, v := range m.versions {
		list[i] = strconv.FormatInt(v.number, 10)
	}
	return list, nil
}

// Statistics returns the counts of a model's version, of all versions for an empty one, and of all models for an empty name.
func (e *Engine) Statistics(name, number string) ([]Statistics, error) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.closed {
		return nil, ErrClosed
	}
	if name != "" {
		if _, _, err := e.version(name, ""); err != nil {
			return nil, invalid("requested model '%s' is not available", name)
		}
		if _, _, err := e.version(name, number); err != nil {
			return nil, invalid("requested model version is not available for model '%s'", name)
		}
	}
	var list []Statistics
	for _, n := range sortedNames(e.models) {
		for _, v := range e.models[n].versions {
			if (name == "" || name == n) && (number == "" || number == strconv.FormatInt(v.number, 10)) {
				list = append(list, v.stats.read(n, v))
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

func isRejection(err error) bool { return errors.Is(err, ErrUnavailable) }

func isCancellation(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
