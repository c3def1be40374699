package engine

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"
	"time"

	"recsys/ensemble"
	"recsys/tensor"
)

// maxQueue bounds what waits for one version where its configuration does not: Triton's queue has no bound then.
const maxQueue = 8192

// task is a request to one model on its way through the model's queue.
type task struct {
	ctx     context.Context //nolint:containedctx // a task lives as long as the call that waits for it
	inputs  tensor.Map
	outputs []string
	batch   int
	level   int  // priority, 1 the highest
	late    bool // its time in the queue is over, and others go before it
	id      string

	begin   time.Time
	joined  bool          // guarded by the queue's mutex: a batch has copied the inputs
	done    chan struct{} // closed when the rest is there
	started time.Time
	timing  timing
	out     tensor.Map
	err     error
	after   <-chan struct{} // the done of the one before, whose answer has to come first; nil where the order is free
}

func (t *task) finish(out tensor.Map, err error) {
	t.out, t.err = out, err
	close(t.done)
}

// queue holds the requests to one version of a model and runs them: at most as many runs at once as the model has instances, each of as
// many requests as its configuration allows.
//
// Nothing runs in the background while it is empty. A run happens in the goroutine of its request where nothing waits before it, else in
// one that ends when the queue is empty.
type queue struct {
	run       func(ctx context.Context, inputs tensor.Map, outputs []string) (tensor.Map, error)
	stats     *counters
	slots     chan struct{} // of the engine: one for each run at work
	instances int
	maxBatch  int                       // 0 or 1: no batches
	batching  *ensemble.DynamicBatching // nil: no batches

	mu      sync.Mutex // guards the rest
	waiting []*task    // by priority, then as they came
	runners int
	wake    chan struct{} // tells a runner that waits for a fuller batch of another request
	last    <-chan struct{}
}

func newQueue(v *version, slots chan struct{}) *queue {
	q := &queue{
		run: v.inferStage, stats: v.stats, slots: slots, maxBatch: v.config.MaxBatchSize, batching: v.config.DynamicBatching,
		wake: make(chan struct{}, 1),
	}
	for _, g := range v.config.InstanceGroups {
		q.instances += max(1, g.Count)
	}
	if q.instances == 0 {
		q.instances = cap(slots)
	}
	return q
}

func (q *queue) pending() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting)
}

// do runs a task and waits for its end. The task's own ctx ends it; a joined one goes on without it.
func (q *queue) do(t *task, priority uint64, timeout time.Duration) error {
	t.begin, t.done = time.Now(), make(chan struct{})
	policy, err := q.enter(t, priority)
	if err != nil {
		q.stats.fail(t.begin, err)
		return err
	}
	if err := q.wait(t, policy, timeout); err != nil {
		q.stats.fail(t.begin, err)
		return err
	}
	q.stats.succeed(t.begin, t.started.Sub(t.begin), t.timing, t.batch)
	return nil
}

// enter puts a task into the queue or, where nothing waits, runs it. It returns what holds for the task's wait.
func (q *queue) enter(t *task, priority uint64) (ensemble.QueuePolicy, error) {
	q.mu.Lock()
	level, policy := q.policy(priority)
	t.level = level
	if policy.MaxQueueSize > 0 && int64(q.atLevel(level)) >= policy.MaxQueueSize || len(q.waiting) >= maxQueue {
		q.mu.Unlock()
		return policy, unavailable("%sExceeds maximum queue size", idPrefix(t.id))
	}
	if q.batching != nil && q.batching.PreserveOrdering {
		t.after, q.last = q.last, t.done
	}
	if len(q.waiting) == 0 && q.runners < q.instances && !q.waits() {
		q.runners++
		q.mu.Unlock()
		q.direct(t)
		return policy, nil
	}
	q.insert(t)
	if q.runners < q.instances {
		q.runners++
		go q.work()
	} else {
		q.poke()
	}
	q.mu.Unlock()
	return policy, nil
}

// inTurn answers a task whose answer is there, behind those that came before it where the order is kept.
func (q *queue) inTurn(t *task) error {
	if q.batching == nil || !q.batching.PreserveOrdering {
		return nil
	}
	t.done = make(chan struct{})
	q.mu.Lock()
	t.after, q.last = q.last, t.done
	q.mu.Unlock()
	t.finish(t.out, nil)
	return q.wait(t, ensemble.QueuePolicy{}, 0)
}

// insert puts a task into the queue, behind those of its level and before those whose time is over. The caller holds the mutex.
func (q *queue) insert(t *task) {
	at := len(q.waiting)
	for at > 0 && q.waiting[at-1].behind(t) {
		at--
	}
	q.waiting = slices.Insert(q.waiting, at, t)
}

// behind reports whether t waits behind a task that comes now.
func (t *task) behind(next *task) bool {
	return t.level > next.level || t.level == next.level && t.late && !next.late
}

func (q *queue) poke() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// waits reports whether a request that comes alone waits for others.
func (q *queue) waits() bool {
	return q.batching != nil && q.maxBatch > 1 && q.batching.MaxQueueDelayMicroseconds > 0
}

// policy returns the level of a priority and what holds for the queue there.
func (q *queue) policy(priority uint64) (int, ensemble.QueuePolicy) {
	b := q.batching
	switch {
	case b == nil:
		return 1, ensemble.QueuePolicy{}
	case b.PriorityLevels == 0:
		return 1, b.QueuePolicy
	}
	level := int64(min(priority, math.MaxInt64))
	if level < 1 || level > b.PriorityLevels {
		level = b.DefaultPriorityLevel
	}
	if p, ok := b.PriorityQueuePolicy[level]; ok {
		return int(level), p
	}
	return int(level), b.QueuePolicy
}

func (q *queue) atLevel(level int) int {
	n := 0
	for _, t := range q.waiting {
		if t.level == level {
			n++
		}
	}
	return n
}

// expiry is the time that a request may wait: the policy's, or the request's own where that is shorter and allowed.
func expiry(p ensemble.QueuePolicy, timeout time.Duration) time.Duration {
	wait := time.Duration(p.DefaultTimeoutMicroseconds) * time.Microsecond
	if p.AllowTimeoutOverride && timeout > 0 && (wait == 0 || timeout < wait) {
		wait = timeout
	}
	return wait
}

// wait returns when the task is done and it is its turn to answer. One that still waits in the queue when its time is over leaves it.
// It is put behind the others in place of that where the policy says so.
func (q *queue) wait(t *task, policy ensemble.QueuePolicy, timeout time.Duration) error {
	var expired <-chan time.Time
	if most := expiry(policy, timeout); most > 0 {
		timer := time.NewTimer(most)
		defer timer.Stop()
		expired = timer.C
	}
	var done <-chan struct{} = t.done
	for {
		select {
		case <-done:
			if t.err != nil || t.after == nil {
				return t.err
			}
			done, t.after = t.after, nil
		case <-expired:
			expired = nil
			if policy.TimeoutAction == "DELAY" {
				q.postpone(t)
			} else if err := unavailable("Request timeout expired"); q.remove(t, err) {
				return err
			}
		case <-t.ctx.Done():
			if q.remove(t, t.ctx.Err()) || q.joined(t) {
				return t.ctx.Err()
			}
			<-t.done // its run has the same ctx, or has ended meanwhile
			return cmp.Or(t.err, t.ctx.Err())
		}
	}
}

// remove takes a task out of the queue; false if it is at work or has ended.
func (q *queue) remove(t *task, err error) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	i := slices.Index(q.waiting, t)
	if i < 0 {
		return false
	}
	q.waiting = slices.Delete(q.waiting, i, i+1)
	q.poke() // a runner that waited for it may end
	t.finish(nil, err)
	return true
}

// postpone puts a task that still waits behind the others of its level.
func (q *queue) postpone(t *task) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if i := slices.Index(q.waiting, t); i >= 0 {
		q.waiting = slices.Delete(q.waiting, i, i+1)
		t.late = true
		q.insert(t)
	}
}

// joined reports whether a batch has copied a task's inputs, so that its caller may leave.
func (q *queue) joined(t *task) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return t.joined
}
