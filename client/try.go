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

func newBudget(r Retry) *budget { return &budget{tokens: budgetBurst, each: r.withDefaults().Budget} }

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

// Attempt is one try of a call, as [WithObserver] tells it.
type Attempt struct {
	Call    string // such as "infer"
	Model   string // empty for calls about the server
	Address string // of the replica
	// Number is 1 for a call's first try.
	Number   int
	Duration time.Duration
	// Err is nil, or an [*Error].
	Err error
}

// spec describes a call to run.
type spec struct {
	name, model string
	repeatable  bool // may be tried again
}

// run makes a call on the replicas until it succeeds, may not be tried again, or no time is left.
func run[A any](ctx context.Context, c *Client, s spec, try func(context.Context, *conn) (A, error)) (A, error) {
	var none A
	retry := c.retry.withDefaults()
	if s.repeatable {
		c.budget.earn()
	}
	var tried []*replica
	for number := 1; ; number++ {
		r, k, err := c.acquire(ctx, s.model, tried)
		if err != nil {
			return none, c.pickError(ctx, s, err)
		}
		start := time.Now()
		var answer A
		with, err := c.outgoing(ctx)
		if err == nil {
			answer, err = try(with, k)
		}
		release(r, k)
		err = c.judge(ctx, s, r, err)
		if c.observer != nil {
			c.observer(ctx, Attempt{Call: s.name, Model: s.model, Address: r.address, Number: number, Duration: time.Since(start), Err: err})
		}
		if err == nil || !s.repeatable || number == retry.Attempts || ctx.Err() != nil {
			return answer, err
		}
		tried = append(tried, r)
		others := c.untried(s.model, tried)
		if !again(err, others) || !c.budget.spend() {
			return answer, err
		}
		if !others && !pause(ctx, retry.Backoff<<min(number-1, 10)) {
			return answer, err
		}
	}
}

// pickError says why no replica could be asked.
func (c *Client) pickError(ctx context.Context, s spec, err error) error {
	if errors.Is(err, errNoReplicas) {
		return &Error{Call: s.name, Model: s.model, Kinds: []error{ErrUnavailable}, Cause: err}
	}
	return callError(ctx, s.name, s.model, err)
}

// judge makes the error of a try, and keeps count of the replica's failures.
func (c *Client) judge(ctx context.Context, s spec, r *replica, err error) error {
	if err == nil {
		r.succeeded()
		return nil
	}
	err = callError(ctx, s.name, s.model, err)
	now := time.Now()
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, ErrNotFound):
		r.setMissing(s.model, now)
	case errors.Is(err, ErrOverloaded):
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		if r.failed(now) {
			c.log.DebugContext(ctx, "replica is left out for a while", "address", r.address, "error", err)
		}
	default:
		r.succeeded() // it has answered
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
