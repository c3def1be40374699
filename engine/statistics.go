package engine

import (
	"strconv"
	"sync/atomic"
	"time"
)

// Statistics counts what a version did since it was loaded, by itself or as a step of an ensemble.
type Statistics struct {
	Model   string
	Version string
	// Successes and Failures count requests, Inferences users of successful ones.
	Successes, Failures, Inferences uint64
	// Success and Failure add up the time of requests, Queue the part of it that successful ones waited, Compute the rest.
	Success, Failure, Queue, Compute time.Duration
	// Last is the time of the last successful request, zero if there was none.
	Last time.Time
}

type counters struct {
	successes, failures, inferences  atomic.Uint64
	success, failure, queue, compute atomic.Int64 // nanoseconds
	last                             atomic.Int64 // Unix milliseconds
}

func (c *counters) fail(begin time.Time) {
	c.failures.Add(1)
	c.failure.Add(int64(time.Since(begin)))
}

func (c *counters) succeed(begin, started time.Time, batch int) {
	now := time.Now()
	c.successes.Add(1)
	c.inferences.Add(uint64(batch))
	c.success.Add(int64(now.Sub(begin)))
	c.queue.Add(int64(started.Sub(begin)))
	c.compute.Add(int64(now.Sub(started)))
	c.last.Store(now.UnixMilli())
}

func (c *counters) read(model string, version int64) Statistics {
	s := Statistics{
		Model: model, Version: strconv.FormatInt(version, 10),
		Successes: c.successes.Load(), Failures: c.failures.Load(), Inferences: c.inferences.Load(),
		Success: time.Duration(c.success.Load()), Failure: time.Duration(c.failure.Load()),
		Queue: time.Duration(c.queue.Load()), Compute: time.Duration(c.compute.Load()),
	}
	if ms := c.last.Load(); ms != 0 {
		s.Last = time.UnixMilli(ms)
	}
	return s
}
