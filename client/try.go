package client

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"
)

// Retry says when a failed call is tried again: only a call that may be made twice, only after an error that is
// ErrUnavailable or, where there are other replicas, ErrNotFound, and only while its deadline leaves time. Streams,
// sequences, loads and unloads are never tried again. Fields that are zero take the defaults.
type Retry struct {
	// Attempts is the most tries of a call, the first one included. The default is 3; 1 does not try again.
	Attempts int
	// Backoff is the pause before the second try, doubled before each further one, of which a random part between half
	// and the whole is waited. The default is 20 ms. A replica that has not been tried is tried at once.
	Backoff time.Duration
	// Budget is how many further tries each call earns for all of them: with 0.1, the default, servers that all fail get
	// no more than 1.1 times the load, after the first ten.
	Budget float64
}

const (
	maxBackoff  = time.Second
	budgetBurst = 10 // further tries that are saved up at most, and at hand at the start
)

func (r Retry) withDefaults() Retry {
	if r.Attempts == 0 {
		r.Attempts = 3
	}
	if r.Backoff == 0 {
		r.Backoff = 20 * time.Millisecond
	}
	if r.Budget == 0 {
		r.Budget = 0.1
	}
	return r
}

func (r Retry) validate() error {
	if r.Attempts < 0 || r.Backoff < 0 || r.Budget < 0 || r.Budget > 1 {
		return errors.New("retry: attempts and backoff must not be negative, the budget must be in [0,1]")
	}
	return nil
}

// budget is a bucket of further tries.
type budget struct {
	mu     sync.Mutex
	tokens float64
	each   float64
}

func newBudget(each float64) *budget { return &budget{tokens: budgetBurst, each: each} }

func (b *budget) earn() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tokens = min(b.tokens+b.each, budgetBurst)
}

func (b *budget) spend() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// Attempt is one try of a call, as [WithObserver] and [WithTracer] tell it.
type Attempt struct {
	Call    string // such as "infer"
	Model   string // empty for calls about the server
	Address string // of the replica
	// Version is the model's version that has answered an inference; empty before, and where there is none.
	Version string
	// Number is 1 for a call's first try.
	Number   int
	Duration time.Duration
	// Hedge is true of the second try of an inference whose first took long; see [Hedge].
	Hedge bool
	// Err is nil, or an [*Error]; of the slower of two tries it matches context.Canceled.
	Err error
}

// spec describes a call to run.
type spec struct {
	name, model string
	repeatable  bool // may be tried again
	hedgeable   bool // may be tried twice at once
	infers      bool // is an inference, not a question
}

// trial is one try. The second of two at once is a hedge.
type trial[A any] func(ctx context.Context, k *conn, hedge bool) (A, error)

// run makes a call on the replicas until it succeeds, may not be tried again, or no time is left.
func run[A any](ctx context.Context, c *Client, s spec, try trial[A]) (A, error) {
	var none A
	retry := c.retry.withDefaults()
	if s.repeatable {
		c.budget.earn()
	}
	hedging := s.hedgeable && c.hedges != nil
	if hedging {
		c.hedges.budget.earn()
	}
	var tried []*replica
	for number := 1; ; number++ {
		p, err := c.acquire(ctx, s.model, tried)
		if err != nil {
			return none, c.pickError(ctx, s, err)
		}
		var answer A
		if delay, ok := c.hedgeAfter(hedging && number == 1, s.model); ok {
			answer, tried, err = hedged(ctx, c, s, p, delay, try)
			number = len(tried)
		} else {
			answer, err = perform(ctx, c, s, p, Attempt{Number: number}, try)
			if err != nil {
				tried = append(tried, p.replica)
			}
		}
		if err == nil || !s.repeatable || number >= retry.Attempts || ctx.Err() != nil {
			return answer, err
		}
		others := c.untried(s.model, tried)
		if !again(err, others) || !c.budget.spend() {
			return answer, err
		}
		if !others && !pause(ctx, retry.Backoff<<min(number-1, 10)) {
			return answer, err
		}
	}
}

// hedgeAfter returns the delay of a hedge, if there may be one.
func (c *Client) hedgeAfter(hedging bool, model string) (time.Duration, bool) {
	if !hedging {
		return 0, false
	}
	return c.hedges.delay(model)
}

// perform makes one try on a replica that was acquired for it.
func perform[A any](ctx context.Context, c *Client, s spec, p picked, a Attempt, try trial[A]) (A, error) {
	var answer A
	traced, watched := c.watch(ctx, s, p.replica, a)
	with, err := c.outgoing(traced)
	if err == nil {
		answer, err = try(with, p.conn, a.Hedge)
	}
	p.release()
	err = c.judge(ctx, s, p.replica, err)
	if c.tracer != nil || c.observer != nil {
		if r, ok := any(answer).(Result); ok {
			watched.attempt.Version = r.Version
		}
	}
	took := watched.done(ctx, c, err)
	if s.hedgeable && c.hedges != nil && (err == nil || errors.Is(err, context.Canceled)) {
		c.hedges.observe(s.model, took)
	}
	return answer, err
}

// watched is a try that tracer and observer are told of.
type watched struct {
	start   time.Time
	attempt Attempt
	end     func(Attempt) // nil without a tracer
}

// watch tells the tracer that a try begins, and returns the context that the try is to have.
func (c *Client) watch(ctx context.Context, s spec, r *replica, a Attempt) (context.Context, watched) {
	a.Call, a.Model, a.Address = s.name, s.model, r.address
	w := watched{attempt: a}
	if c.tracer != nil {
		ctx, w.end = c.tracer(ctx, a)
	}
	w.start = time.Now()
	return ctx, w
}

// done tells the end, and how long the try took.
func (w watched) done(ctx context.Context, c *Client, err error) time.Duration {
	w.attempt.Duration, w.attempt.Err = time.Since(w.start), err
	if w.end != nil {
		w.end(w.attempt)
	}
	if c.observer != nil {
		c.observer(ctx, w.attempt)
	}
	return w.attempt.Duration
}

// pickError says why no replica could be asked.
func (c *Client) pickError(ctx context.Context, s spec, err error) error {
	if errors.Is(err, errNoReplicas) || errors.Is(err, errOpen) {
		return &Error{Call: s.name, Model: s.model, Kinds: []error{ErrUnavailable}, Cause: err}
	}
	return callError(ctx, s.name, s.model, err)
}

// judge makes the error of a try, and keeps count of the replica's failures.
func (c *Client) judge(ctx context.Context, s spec, r *replica, err error) error {
	if err == nil {
		r.succeeded(s)
		return nil
	}
	err = callError(ctx, s.name, s.model, err)
	now := time.Now()
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, ErrOverloaded), errors.Is(err, ErrDenied):
		r.settled()
	case errors.Is(err, ErrNotFound):
		r.setMissing(s.model, now)
		r.settled()
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		if r.failed(s, now, c.breaker) {
			c.log.DebugContext(ctx, "replica is left out for a while", "address", r.address, "error", err)
		}
	default:
		r.succeeded(s) // it has answered
	}
	return err
}

// untried reports whether a replica is left that has not been tried and may know the model.
func (c *Client) untried(model string, tried []*replica) bool {
	now := time.Now()
	for _, r := range c.replicas() {
		fresh := true
		for _, t := range tried {
			fresh = fresh && t != r
		}
		if fresh && !r.lacks(model, now) {
			return true
		}
	}
	return false
}

// again reports whether a failed call may succeed when it is made again. A full queue and a missing model are left to
// other replicas.
func again(err error, others bool) bool {
	if errors.Is(err, ErrOverloaded) || errors.Is(err, ErrNotFound) {
		return others
	}
	return errors.Is(err, ErrUnavailable)
}

// pause waits a random part of d, at least half, if ctx leaves time for it and a call.
func pause(ctx context.Context, d time.Duration) bool {
	d = min(d, maxBackoff)
	d = d/2 + rand.N(d/2+1)
	if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) < d+minRemaining {
		return false
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
