package engine

import (
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Statistics counts what a version did since it was loaded, by itself or as a step of an ensemble. An ensemble's times are the sums of
// its steps'. Requests that did not fit the model are not counted.
type Statistics struct {
	Model   string
	Version string
	// Tags are the metric_tags of the configuration; the caller must not change them.
	Tags map[string]string
	// Ensemble is whether the model is one.
	Ensemble bool
	// Executions counts runs of the model: requests that run together are one. Inferences counts users of successful requests.
	Executions, Inferences uint64
	// Success and Failure are whole requests; Queue is the waiting of the successful ones, Input the joining of several into a batch, Compute
	// the run and Output the taking apart. Requests of one batch have each its whole time.
	Success, Failure, Queue, Input, Compute, Output Duration
	// Cached is whether answers are kept. CacheHit are the requests that were answered from the cache, with the time to look them up. They are
	// no Inferences, and have no Input, Compute and Output. CacheMiss are the others, with the time to look for an answer and to keep it.
	Cached              bool
	CacheHit, CacheMiss Duration
	// Rejected, Cancelled and Faulty divide the failures: refused or expired in the queue, given up by the caller, and everything else.
	Rejected, Cancelled, Faulty uint64
	// Pending is the number of requests that wait in the queue now.
	Pending int
	// Batches are the runs by batch size, ascending.
	Batches []BatchStatistics
	// Last is the time of the last successful request, zero if there was none.
	Last time.Time
}

// Duration is a number of events and the sum of their times.
type Duration struct {
	Count uint64
	Total time.Duration
}

func (d *Duration) add(t time.Duration) {
	d.Count++
	d.Total += t
}

// BatchStatistics has the runs of one batch size.
type BatchStatistics struct {
	Size                   int
	Input, Compute, Output Duration
}

// timing says when a run went from one part of its work to the next.
type timing struct {
	input, compute, output time.Duration
}

func (t *timing) add(o timing) {
	t.input += o.input
	t.compute += o.compute
	t.output += o.output
}

type counters struct {
	mu      sync.Mutex // guards the rest
	s       Statistics
	batches map[int]*BatchStatistics
}

// fail counts a failed request.
func (c *counters) fail(begin time.Time, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Failure.add(time.Since(begin))
	switch {
	case isRejection(err):
		c.s.Rejected++
	case isCancellation(err):
		c.s.Cancelled++
	default:
		c.s.Faulty++
	}
}

// succeed counts a successful request of some users.
func (c *counters) succeed(begin time.Time, queue time.Duration, t timing, users int) {
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Inferences += uint64(users)
	c.s.Success.add(now.Sub(begin))
	c.s.Queue.add(queue)
	c.s.Input.add(t.input)
	c.s.Compute.add(t.compute)
	c.s.Output.add(t.output)
	c.s.Last = now
}

// mean is the time of a successful request so far; false before the first one.
func (c *counters) mean() (time.Duration, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.s.Success.Count == 0 {
		return 0, false
	}
	return c.s.Success.Total / time.Duration(c.s.Success.Count), true
}

// hit counts a request that was answered from the cache.
func (c *counters) hit(begin time.Time, looked time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Success.add(time.Since(begin))
	c.s.Queue.add(0)
	c.s.CacheHit.add(looked)
}

// missed counts what the cache took of a request that it had no answer for, and which succeeded.
func (c *counters) missed(took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Success.Total += took
	c.s.CacheMiss.add(took)
}

// ran counts a run of a batch of some users.
func (c *counters) ran(t timing, users int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.s.Executions++
	if c.batches == nil {
		c.batches = map[int]*BatchStatistics{}
	}
	b := c.batches[users]
	if b == nil { // at most max_batch_size of them
		b = &BatchStatistics{Size: users}
		c.batches[users] = b
	}
	b.Input.add(t.input)
	b.Compute.add(t.compute)
	b.Output.add(t.output)
}

func (c *counters) read(model string, v *version) Statistics {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.s
	s.Model, s.Version, s.Tags = model, strconv.FormatInt(v.number, 10), v.config.MetricTags
	s.Ensemble, s.Cached = v.queue == nil, v.cache != nil
	for _, size := range slices.Sorted(maps.Keys(c.batches)) {
		s.Batches = append(s.Batches, *c.batches[size])
	}
	if v.queue != nil {
		s.Pending = v.queue.pending()
	}
	return s
}
