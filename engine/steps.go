package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"recsys/ensemble"
	"recsys/tensor"
)

// besideFrom is how long a step has to take on average to run beside another, which wakes threads to start it and to hear of its end. On two
// cores two steps of 470 us each took 0.62 of the time side by side, two of 95 us each as long, and a chain of steps of 2 us each twice
// as long when all of it went from goroutine to goroutine.
const besideFrom = 100 * time.Microsecond

// flow is a request to an ensemble at work.
type flow struct {
	request *Request
	whole   *task
	ctx     context.Context //nolint:containedctx // a flow lives as long as the call that waits for it
	cancel  context.CancelFunc
	beside  sync.WaitGroup // steps in goroutines of their own

	mu      sync.Mutex // guards the rest
	tensors tensor.Map
	waiting []*step
	queued  time.Duration
	failed  error
}

// inferSteps runs an ensemble and adds up what its steps took and waited. A step can start when its inputs are there. Of those that can
// start at the same time the short ones run one after the other, and the others side by side; what computes at once is bounded by the
// engine's slots and threads. When one fails the others are told to end, and are waited for.
func (v *version) inferSteps(whole *task, r *Request) (queued time.Duration, _ error) {
	f := &flow{request: r, whole: whole, tensors: maps.Clone(r.Inputs), waiting: v.needed(whole.outputs)}
	f.ctx, f.cancel = context.WithCancel(whole.ctx)
	defer f.cancel()
	f.run(f.ready())
	f.beside.Wait()
	if f.failed != nil {
		return f.queued, f.failed
	}
	whole.out = make(tensor.Map, len(whole.outputs))
	for _, name := range whole.outputs {
		whole.out[name] = f.tensors[name]
		if r.Inputs[name] != nil {
			whole.out[name] = r.Inputs[name].Clone() // an output that is an input belongs to the caller like the others
		}
	}
	return f.queued, nil
}

// run runs steps whose inputs are there, and the steps that these make ready.
func (f *flow) run(ready []*step) {
	for len(ready) > 0 {
		if len(ready) == 1 {
			ready = f.do(ready[0])
			continue
		}
		here := slices.IndexFunc(ready, func(s *step) bool { return !s.part.isLong() })
		if here < 0 {
			for _, s := range ready[1:] {
				f.beside.Go(func() { f.run([]*step{s}) })
			}
			ready = f.do(ready[0])
			continue
		}
		next := ready[here]
		ready = append(slices.Delete(ready, here, here+1), f.do(next)...)
	}
}

// isLong reports whether a run of the version may take longer than to start it beside another.
func (v *version) isLong() bool {
	mean, ok := v.stats.mean()
	return !ok || mean >= besideFrom
}

// do runs a step and returns those that it makes ready.
func (f *flow) do(s *step) []*step {
	f.mu.Lock()
	if f.failed != nil {
		f.mu.Unlock()
		return nil
	}
	t := s.task(f.ctx, f.tensors, f.request)
	f.mu.Unlock()
	err := s.part.doStage(t, f.request)
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.failed != nil:
		return nil
	case err != nil:
		f.failed = fmt.Errorf("in ensemble '%s', %w", f.request.Model, err)
		f.cancel()
		return nil
	}
	f.whole.timing.add(t.timing)
	f.queued += t.started.Sub(t.begin)
	for _, x := range s.outputs {
		f.tensors[x.Ensemble] = t.out[x.Model]
	}
	return f.ready()
}

// ready takes the steps whose inputs are there from those that wait. The caller holds the mutex, or is alone.
func (f *flow) ready() []*step {
	var list []*step
	f.waiting = slices.DeleteFunc(f.waiting, func(s *step) bool {
		for _, x := range s.inputs {
			if f.tensors[x.Ensemble] == nil {
				return false
			}
		}
		list = append(list, s)
		return true
	})
	return list
}

// task makes the step's request out of the ensemble's tensors.
func (s *step) task(ctx context.Context, tensors tensor.Map, r *Request) *task {
	in := make(tensor.Map, len(s.inputs))
	for _, x := range s.inputs {
		in[x.Model] = tensors[x.Ensemble]
	}
	names := make([]string, len(s.outputs))
	for i, x := range s.outputs {
		names[i] = x.Model
	}
	return &task{ctx: ctx, id: r.ID, inputs: in, outputs: names, batch: s.part.batchOf(in)}
}

// batchOf is the number of users in the inputs of a model, 1 where it has no batches.
func (v *version) batchOf(inputs tensor.Map) int {
	if v.config.MaxBatchSize == 0 || len(v.config.Inputs) == 0 {
		return 1
	}
	return inputs[v.config.Inputs[0].Name].Dim(0)
}

// needed returns the steps without those whose outputs nobody wants.
func (v *version) needed(outputs []string) []*step {
	wanted := map[string]bool{}
	for _, name := range outputs {
		wanted[name] = true
	}
	var list []*step
	for _, s := range slices.Backward(v.steps) {
		if !slices.ContainsFunc(s.outputs, func(x ensemble.Mapping) bool { return wanted[x.Ensemble] }) {
			continue
		}
		for _, x := range s.inputs {
			wanted[x.Ensemble] = true
		}
		list = append(list, s)
	}
	slices.Reverse(list)
	return list
}
