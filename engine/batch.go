package engine

import (
	"fmt"
	"slices"
	"time"
)

// direct runs a task in the goroutine of its request, which is a runner for that time.
func (q *queue) direct(t *task) {
	defer func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		if len(q.waiting) > 0 {
			go q.work()
			return
		}
		q.runners--
	}()
	select {
	case q.slots <- struct{}{}:
	case <-t.ctx.Done():
		t.finish(nil, fmt.Errorf("wait for a free processor: %w", t.ctx.Err()))
		return
	}
	defer func() { <-q.slots }()
	q.single(t)
}

// work runs batches until the queue is empty.
func (q *queue) work() {
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 {
			if q.runners--; q.runners > 0 {
				q.poke() // one more that waits for a fuller batch may end
			}
			q.mu.Unlock()
			return
		}
		delay := q.delay(time.Now())
		q.mu.Unlock()
		if delay > 0 {
			q.await(delay)
			continue
		}
		q.slots <- struct{}{} // each of those who hold one gives it back when its run has ended
		q.mu.Lock()
		batch := q.take()
		q.mu.Unlock()
		switch len(batch) {
		case 0: // all left meanwhile
		case 1:
			q.single(batch[0])
		default:
			q.together(batch)
		}
		<-q.slots
	}
}

// await waits for another request, or for the end of the delay.
func (q *queue) await(delay time.Duration) {
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-q.wake:
	case <-timer.C:
	}
}

// delay returns how long the first request may still wait for others. The caller holds the mutex.
func (q *queue) delay(now time.Time) time.Duration {
	if !q.waits() {
		return 0
	}
	list, full := q.form()
	if full {
		return 0
	}
	oldest := now
	for _, t := range list {
		if t.begin.Before(oldest) {
			oldest = t.begin
		}
	}
	return max(0, time.Duration(q.batching.MaxQueueDelayMicroseconds)*time.Microsecond-now.Sub(oldest))
}

// form returns the requests that would run together now, the first one and those behind it with its shapes, and whether that is worth no
// more waiting: because they make a preferred size, or because no more fit. The caller holds the mutex.
func (q *queue) form() (list []*task, full bool) {
	if q.batching == nil || q.maxBatch < 2 {
		return q.waiting[:1], true
	}
	users, preferred := 0, 0
	for _, t := range q.waiting {
		if !sameShapes(q.waiting[0].inputs, t.inputs) {
			continue
		}
		if users+t.batch > q.maxBatch {
			full = true
			break
		}
		users += t.batch
		list = append(list, t)
		if slices.Contains(q.batching.PreferredBatchSizes, int64(users)) {
			preferred = len(list)
		}
	}
	if preferred > 0 {
		return list[:preferred], true
	}
	enough := int64(q.maxBatch)
	if len(q.batching.PreferredBatchSizes) > 0 {
		enough = slices.Max(q.batching.PreferredBatchSizes)
	}
	return list, full || int64(users) >= enough
}

// take removes the next batch from the queue. The caller holds the mutex.
func (q *queue) take() []*task {
	if len(q.waiting) == 0 {
		return nil
	}
	list, _ := q.form()
	list = slices.Clone(list)
	q.waiting = slices.DeleteFunc(q.waiting, func(t *task) bool { return slices.Contains(list, t) })
	return list
}

// single runs a task by itself.
func (q *queue) single(t *task) {
	t.started = time.Now()
	out, err := q.run(t.ctx, t.inputs, t.outputs)
	t.timing = timing{compute: time.Since(t.started)}
	if err == nil {
		q.stats.ran(t.timing, t.batch)
	}
	t.finish(out, err)
}

// together runs tasks as one batch. Where that fails each runs by itself, so that one bad request does not fail the others.
func (q *queue) together(batch []*task) {
	started := time.Now()
	inputs, err := join(batch)
	if err != nil {
		q.apart(batch)
		return
	}
	q.mu.Lock()
	for _, t := range batch {
		t.joined, t.started = true, started
	}
	q.mu.Unlock()
	ctx, stop := anyOf(batch)
	defer stop()
	joined := time.Now()
	var wanted []string
	users := 0
	for _, t := range batch {
		wanted = append(wanted, t.outputs...)
		users += t.batch
	}
	out, err := q.run(ctx, inputs, wanted)
	ran := time.Now()
	if err != nil {
		q.apart(batch)
		return
	}
	outs, err := split(batch, out, users)
	if err != nil {
		for _, t := range batch {
			t.finish(nil, err)
		}
		return
	}
	spent := timing{joined.Sub(started), ran.Sub(joined), time.Since(ran)}
	q.stats.ran(spent, users)
	for i, t := range batch {
		t.timing = spent
		t.finish(outs[i], nil)
	}
}

// apart runs each task of a batch by itself.
func (q *queue) apart(batch []*task) {
	q.mu.Lock()
	for _, t := range batch {
		t.joined = false
	}
	q.mu.Unlock()
	for _, t := range batch {
		if err := t.ctx.Err(); err != nil {
			t.finish(nil, err) // its caller may have left with its inputs
			continue
		}
		q.single(t)
	}
}
