package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"recsys/internal/portable"
)

// The range of times that a histogram tells apart, in nanoseconds; what is beyond counts as its end.
const (
	shortest = int64(time.Microsecond)
	longest  = int64(time.Hour)
	digits   = 3
)

// CodeNotSent is the code of requests of an open loop that were due and never sent, as all clients were busy until the end.
const CodeNotSent = "not_sent"

// Config says how requests are sent.
type Config struct {
	// Rate is the mean number of requests a second of an open loop; 0 is a closed loop.
	Rate float64
	// Clients is how many requests are under way: always in a closed loop, at most in an open one. It is 1 at least.
	Clients int
	// Duration is how long requests are sent, more than 0. Those under way at its end are waited for: requests need a deadline of
	// their own.
	Duration time.Duration
	// Requests bounds the number of requests; 0 does not.
	Requests int
	// Seed chooses the times of arrival in an open loop.
	Seed uint64
	// Code names the kind of a failure, for the counts; nil calls all "error".
	Code func(error) string
	// Sleep waits for a time, or until ctx ends, which is its error then. Nil is late by less than 0.1 ms on Linux, where a timer may
	// be by 1 ms; only tests with a clock of their own need another.
	Sleep func(ctx context.Context, d time.Duration) error
	// Progress, if not nil, is called about once a second, from one goroutine.
	Progress func(Progress)
}

// Validate reports all that is wrong.
func (c Config) Validate() error {
	var errs []error
	if !(c.Rate >= 0) || math.IsInf(c.Rate, 1) {
		errs = append(errs, fmt.Errorf("rate %g: want requests a second, or 0 for a closed loop", c.Rate))
	}
	if c.Clients < 1 {
		errs = append(errs, fmt.Errorf("clients %d: want 1 or more", c.Clients))
	}
	if c.Duration <= 0 {
		errs = append(errs, fmt.Errorf("duration %s: want more than 0", c.Duration))
	}
	if c.Requests < 0 {
		errs = append(errs, fmt.Errorf("requests %d: want 0 or more", c.Requests))
	}
	return errors.Join(errs...)
}

// Progress tells how far a run is.
type Progress struct {
	Elapsed, Total   time.Duration
	Answered, Failed int
}

// Result is what a run has seen. Times and quantiles are those of requests that were answered; failures are counted.
type Result struct {
	// Elapsed is the time from the start until no request was under way or to come.
	Elapsed          time.Duration
	Answered, Failed int
	// Codes counts failures by kind; First is the first one.
	Codes map[string]int
	First error
	// Mean is the mean time of an answer; Wait is the part of it before the request was sent: in an open loop while all clients
	// were busy, or the processor late.
	Mean, Wait time.Duration

	times *hdrhistogram.Histogram
}

// Throughput is the number of answers a second.
func (r *Result) Throughput() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Answered) / r.Elapsed.Seconds()
}

// Quantile returns the time within which the share q, in [0,1], of the answers came; 0 when there were none.
func (r *Result) Quantile(q float64) time.Duration {
	if r.Answered == 0 {
		return 0
	}
	return time.Duration(min(r.times.ValueAtQuantile(100*q), r.times.Max()))
}

// Run sends requests, the n-th of them by do(ctx, n) from 0, and returns when the last one has ended. Several calls of do run at
// once. When ctx ends, Run waits for the requests under way and returns its error.
func Run(ctx context.Context, c Config, do func(ctx context.Context, n int) error) (*Result, error) {
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if c.Sleep == nil {
		c.Sleep = sleep
	}
	r := &run{Config: c, started: time.Now(), random: portable.New(c.Seed, "arrivals"), result: Result{
		Codes: map[string]int{}, times: hdrhistogram.New(shortest, longest, digits),
	}}
	var clients sync.WaitGroup
	for range c.Clients {
		clients.Go(func() {
			for r.one(ctx, do) {
			}
		})
	}
	ended := make(chan struct{})
	var reporter sync.WaitGroup
	if c.Progress != nil {
		reporter.Go(func() { r.report(ended) })
	}
	clients.Wait()
	r.result.Elapsed = time.Since(r.started)
	close(ended)
	reporter.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if n := time.Duration(r.result.Answered); n > 0 {
		r.result.Mean, r.result.Wait = r.total/n, r.waited/n
	}
	return &r.result, nil
}

// run is the state that the clients of a run share.
type run struct {
	Config
	started time.Time

	mu            sync.Mutex // guards the rest
	random        *portable.Rand
	due           time.Duration // of the last arrival, from the start
	taken         int
	total, waited time.Duration
	result        Result
}

// one sends the next request and reports whether there was one.
func (r *run) one(ctx context.Context, do func(context.Context, int) error) bool {
	n, due, ok := r.next()
	if !ok || ctx.Err() != nil {
		return false
	}
	if r.Rate > 0 {
		if wait := time.Until(due); wait > 0 {
			if r.Sleep(ctx, wait) != nil {
				return false
			}
		}
		if time.Since(r.started) > r.Duration {
			r.fail(CodeNotSent, errors.New("every client was busy from the time that the request was due to the end"))
			return true
		}
	}
	sent := time.Now()
	if err := do(ctx, n); err != nil {
		code := "error"
		if r.Code != nil {
			code = r.Code(err)
		}
		r.fail(code, err)
		return true
	}
	r.answer(due, sent, time.Now())
	return true
}

// next takes the number of a request and when it is due; ok is false when there are no more.
func (r *run) next() (n int, due time.Time, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.Requests > 0 && r.taken == r.Requests {
		return 0, due, false
	}
	now := time.Now()
	if r.Rate > 0 {
		// The times between arrivals of a Poisson process are distributed exponentially; 1-u is never 0.
		gap := -math.Log(1-r.random.Float64()) / r.Rate
		// A gap of a rate close to 0 may be beyond what a Duration holds.
		r.due += time.Duration(min(gap*float64(time.Second), float64(r.Duration)+1))
		if r.due > r.Duration {
			return 0, due, false
		}
		due = r.started.Add(r.due)
	} else {
		if now.Sub(r.started) >= r.Duration {
			return 0, due, false
		}
		due = now
	}
	r.taken++
	return r.taken - 1, due, true
}

func (r *run) fail(code string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Failed++
	r.result.Codes[code]++
	if r.result.First == nil {
		r.result.First = err
	}
}

func (r *run) answer(due, sent, answered time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	took := answered.Sub(due)
	r.result.Answered++
	r.total += took
	r.waited += sent.Sub(due)
	// It fails for values beyond its range only.
	_ = r.result.times.RecordValue(min(max(int64(took), shortest), longest))
}

// report calls Progress until the run has ended.
func (r *run) report(ended <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ended:
			return
		case <-tick.C:
			r.mu.Lock()
			p := Progress{Elapsed: time.Since(r.started), Total: r.Duration, Answered: r.result.Answered, Failed: r.result.Failed}
			r.mu.Unlock()
			r.Progress(p)
		}
	}
}
