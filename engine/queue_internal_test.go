package engine

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble"
	"recsys/tensor"
)

// These tests are inside the package because they hold a run at work, which no model lets them do.

// held is a queue whose runs wait for a word.
type held struct {
	*queue
	begun   chan run
	proceed chan error   // ends any of the runs, with its inputs as the answer or an error
	most    atomic.Int64 // runs at once, at most
	now     atomic.Int64
}

// run is at work until it is told to end.
type run struct {
	inputs tensor.Map
	end    chan struct{}
}

func newHeld(config ensemble.Config, slots int) *held {
	h := &held{begun: make(chan run, 16), proceed: make(chan error)}
	h.queue = newQueue(&version{config: &config, stats: &counters{}}, make(chan struct{}, slots))
	h.run = func(ctx context.Context, inputs tensor.Map, _ []string) (tensor.Map, error) {
		n := h.now.Add(1)
		defer h.now.Add(-1)
		for most := h.most.Load(); n > most && !h.most.CompareAndSwap(most, n); most = h.most.Load() {
		}
		r := run{inputs, make(chan struct{})}
		h.begun <- r
		select {
		case <-r.end:
			return inputs, nil
		case err := <-h.proceed:
			return inputs, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return h
}

// ask sends a request of values, one user each, and returns where its answer will be.
func (h *held) ask(ctx context.Context, values ...float32) (*task, chan error) {
	t := &task{ctx: ctx, inputs: tensor.Map{"x": tensor.Of(values, len(values), 1)}, outputs: []string{"x"}, batch: len(values)}
	ended := make(chan error, 1)
	go func() { ended <- h.do(t, 0, 0) }()
	return t, ended
}

// queued waits until n requests are in the queue.
func (h *held) queued(t *testing.T, n int) {
	t.Helper()
	for h.pending() != n {
		if t.Context().Err() != nil {
			t.Fatalf("%d requests wait, want %d", h.pending(), n)
		}
		runtime.Gosched()
	}
}

func values(m tensor.Map) []float32 { return tensor.MustData[float32](m["x"]) }

func (r run) values() []float32 { return values(r.inputs) }

func TestWhatWaitsRunsTogether(t *testing.T) {
	h := newHeld(ensemble.Config{
		MaxBatchSize: 4, DynamicBatching: &ensemble.DynamicBatching{}, InstanceGroups: []ensemble.InstanceGroup{{Count: 1}},
	}, 4)
	_, first := h.ask(t.Context(), 1)
	if diff := cmp.Diff([]float32{1}, (<-h.begun).values()); diff != "" {
		t.Errorf("the first run (-want +got):\n%s", diff)
	}
	tasks, ends := make([]*task, 4), make([]chan error, 4)
	for i, v := range [][]float32{{2}, {3, 4}, {5}, {6}} { // one at a time, so that their order is known
		tasks[i], ends[i] = h.ask(t.Context(), v...)
		h.queued(t, i+1)
	}
	h.proceed <- nil
	if err := <-first; err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]float32{2, 3, 4, 5}, (<-h.begun).values()); diff != "" {
		t.Errorf("the second run (-want +got):\n%s", diff)
	}
	h.proceed <- nil
	if diff := cmp.Diff([]float32{6}, (<-h.begun).values()); diff != "" {
		t.Errorf("the third run (-want +got):\n%s", diff)
	}
	h.proceed <- nil
	for i, want := range [][]float32{{2}, {3, 4}, {5}, {6}} {
		if err := <-ends[i]; err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(want, values(tasks[i].out)); diff != "" {
			t.Errorf("answer %d (-want +got):\n%s", i, diff)
		}
	}
	s := h.stats.read("m", &version{config: &ensemble.Config{}})
	sizes := map[int]uint64{}
	for _, b := range s.Batches {
		sizes[b.Size] = b.Compute.Count
	}
	if diff := cmp.Diff(map[int]uint64{1: 2, 4: 1}, sizes); diff != "" || s.Executions != 3 || s.Inferences != 6 || s.Success.Count != 5 {
		t.Errorf("%d runs of %d users in %d requests, by size (-want +got):\n%s", s.Executions, s.Inferences, s.Success.Count, diff)
	}
}

func TestWithoutBatchingEachRunsByItself(t *testing.T) {
	h := newHeld(ensemble.Config{MaxBatchSize: 4, InstanceGroups: []ensemble.InstanceGroup{{Count: 1}}}, 4)
	var ends []chan error
	for i := range 3 {
		_, end := h.ask(t.Context(), float32(i))
		ends = append(ends, end)
		if i == 0 {
			<-h.begun
		} else {
			h.queued(t, i)
		}
	}
	h.proceed <- nil
	for range 2 {
		if got := (<-h.begun).values(); len(got) != 1 {
			t.Errorf("a run has the users %v, want one", got)
		}
		h.proceed <- nil
	}
	for _, end := range ends {
		if err := <-end; err != nil {
			t.Error(err)
		}
	}
}

func TestInstancesBoundRuns(t *testing.T) {
	tests := []struct {
		name   string
		groups []ensemble.InstanceGroup
		slots  int
		want   int64
	}{
		{"one instance", []ensemble.InstanceGroup{{Count: 1}}, 8, 1},
		{"two groups", []ensemble.InstanceGroup{{Count: 2}, {Count: 1}}, 8, 3},
		{"as many as processors", nil, 2, 2},
		{"fewer processors than instances", []ensemble.InstanceGroup{{Count: 4}}, 2, 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newHeld(ensemble.Config{InstanceGroups: tt.groups}, tt.slots)
			var ends []chan error
			for i := range 8 {
				_, end := h.ask(t.Context(), float32(i))
				ends = append(ends, end)
			}
			for range tt.want {
				<-h.begun
			}
			h.queued(t, 8-max(int(tt.want), min(h.instances, 8)))
			for range 8 {
				h.proceed <- nil
			}
			for _, end := range ends {
				if err := <-end; err != nil {
					t.Error(err)
				}
			}
			if got := h.most.Load(); got != tt.want {
				t.Errorf("%d runs at once, want %d", got, tt.want)
			}
		})
	}
}

func TestABadRequestFailsAlone(t *testing.T) {
	h := newHeld(ensemble.Config{
		MaxBatchSize: 4, DynamicBatching: &ensemble.DynamicBatching{}, InstanceGroups: []ensemble.InstanceGroup{{Count: 1}},
	}, 1)
	_, first := h.ask(t.Context(), 1)
	<-h.begun
	_, good := h.ask(t.Context(), 2)
	h.queued(t, 1)
	_, bad := h.ask(t.Context(), 3)
	h.queued(t, 2)
	h.proceed <- nil
	fault := errors.New("out of range")
	for _, answer := range []error{fault, nil, fault} { // of both, of the good one, of the bad one
		<-h.begun
		h.proceed <- answer
	}
	if err := errors.Join(<-first, <-good); err != nil {
		t.Error(err)
	}
	if err := <-bad; !errors.Is(err, fault) {
		t.Errorf("got error %v, want %v", err, fault)
	}
}

func TestCallersLeaveARun(t *testing.T) {
	h := newHeld(ensemble.Config{
		MaxBatchSize: 4, DynamicBatching: &ensemble.DynamicBatching{}, InstanceGroups: []ensemble.InstanceGroup{{Count: 1}},
	}, 1)
	_, first := h.ask(t.Context(), 1)
	<-h.begun
	var ends []chan error
	var cancels []context.CancelFunc
	for i := range 3 {
		ctx, cancel := context.WithCancel(t.Context())
		_, end := h.ask(ctx, float32(i))
		ends, cancels = append(ends, end), append(cancels, cancel)
		h.queued(t, i+1)
	}
	cancels[0]() // one that waits
	if err := <-ends[0]; !errors.Is(err, context.Canceled) {
		t.Errorf("who left the queue has error %v, want context.Canceled", err)
	}
	h.queued(t, 2)
	h.proceed <- nil
	if got := (<-h.begun).values(); len(got) != 2 {
		t.Errorf("the run has the users %v, want the two who are left", got)
	}
	cancels[1]() // one of those at work: the run goes on for the other
	if err := <-ends[1]; !errors.Is(err, context.Canceled) {
		t.Errorf("who left a run has error %v, want context.Canceled", err)
	}
	select {
	case err := <-ends[2]:
		t.Fatalf("the other one ended with %v", err)
	default:
	}
	cancels[2]() // now nobody waits for the run, which ends by its ctx: nothing proceeds here
	if err := errors.Join(<-first); err != nil {
		t.Error(err)
	}
	if err := <-ends[2]; !errors.Is(err, context.Canceled) {
		t.Errorf("the last one has error %v, want context.Canceled", err)
	}
	if _, last := h.ask(t.Context(), 9); (<-h.begun).values()[0] == 9 {
		h.proceed <- nil
		if err := <-last; err != nil {
			t.Error(err)
		}
	}
	if s := h.stats.read("m", &version{config: &ensemble.Config{}}); s.Cancelled != 3 || s.Success.Count != 2 {
		t.Errorf("%d cancelled and %d successful requests, want 3 and 2", s.Cancelled, s.Success.Count)
	}
}

func TestAnswersKeepTheirOrder(t *testing.T) {
	h := newHeld(ensemble.Config{
		MaxBatchSize: 4, DynamicBatching: &ensemble.DynamicBatching{PreserveOrdering: true}, InstanceGroups: []ensemble.InstanceGroup{{Count: 2}},
	}, 2)
	ctx, cancel := context.WithCancel(t.Context())
	_, first := h.ask(ctx, 1)
	<-h.begun
	task, second := h.ask(t.Context(), 2)
	close((<-h.begun).end)
	<-task.done
	for range 1000 { // time to do wrong
		runtime.Gosched()
	}
	select {
	case err := <-second:
		t.Errorf("the second request was answered before the first, with %v", err)
	default:
	}
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context.Canceled", err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
}
