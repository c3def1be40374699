package client

import (
	"errors"
	"time"
)

// Breaker says when a replica's circuit opens, so that calls go to the others. After a pause it is half open: one call
// is let through as a probe, which closes it when it succeeds and opens it again, for twice as long, when it fails.
// Fields that are zero take the defaults.
type Breaker struct {
	// Failures is how many tries in a row fail, as unavailable or by their deadline, before the circuit opens. The
	// default is 5; a very large number never opens it.
	Failures int
	// Pause is how long an open circuit stays so, doubled each further time in a row up to MaxPause. The defaults are 1 s
	// and 30 s.
	Pause, MaxPause time.Duration
	// FailFast fails a call at once, as [ErrUnavailable], while the circuits of all replicas are open. By default at
	// most half of the replicas are left out, and a single one never is: a try that probably fails is better than none.
	FailFast bool
}

func (b Breaker) withDefaults() Breaker {
	if b.Failures == 0 {
		b.Failures = 5
	}
	if b.Pause == 0 {
		b.Pause = time.Second
	}
	if b.MaxPause == 0 {
		b.MaxPause = max(30*time.Second, b.Pause)
	}
	return b
}

func (b Breaker) validate() error {
	if b.Failures < 0 || b.Pause < 0 || b.MaxPause < 0 || b.MaxPause != 0 && b.MaxPause < b.Pause {
		return errors.New("breaker: failures and pauses must not be negative, the longest pause not below the first")
	}
	return nil
}

// errOpen is what a call comes to that fails fast.
var errOpen = errors.New("the circuits of all replicas are open after failures")

// circuit is a replica's; the replica's lock guards it.
type circuit struct {
	failures int       // tries in a row that have failed
	opened   int       // in a row; 0 while the circuit is closed
	until    time.Time // open until then, half open after it
	probing  bool      // the probe is in flight
	infers   bool      // an inference is among the failures
}

// shut reports whether the circuit lets no call through.
func (r *replica) shut(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.circuit.opened > 0 && (now.Before(r.circuit.until) || r.circuit.probing)
}

// admit reports whether a call may go through a circuit that was not shut a moment ago; it is the probe of one that is
// half open.
func (r *replica) admit(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.circuit
	if c.opened == 0 || now.Before(c.until) { // the latter where no other replica is left
		return true
	}
	if c.probing {
		return false
	}
	c.probing = true
	return true
}

// succeeded, failed and settled tell how a try has ended: settled of one that says nothing about the replica. A server
// whose inferences fail may answer questions all the same, which prove nothing then.
func (r *replica) succeeded(s spec) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.circuit.infers && !s.infers {
		r.circuit.probing = false
		return
	}
	r.circuit = circuit{}
}

// failed reports whether the circuit has opened.
func (r *replica) failed(s spec, now time.Time, b Breaker) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := &r.circuit
	c.probing, c.infers = false, c.infers || s.infers
	c.failures++
	if c.failures < b.Failures || now.Before(c.until) {
		return false
	}
	c.until = now.Add(min(b.Pause<<min(c.opened, 10), b.MaxPause))
	c.opened++
	c.failures = b.Failures - 1 // one more failure after that time is enough
	return true
}

func (r *replica) settled() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.circuit.probing = false
}
