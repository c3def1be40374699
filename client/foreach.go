package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// ReplicaError is what went wrong with one replica.
type ReplicaError struct {
	Address string
	Err     error
}

// Error names the replica.
func (e *ReplicaError) Error() string { return e.Address + ": " + e.Err.Error() }

// Unwrap returns the replica's error.
func (e *ReplicaError) Unwrap() error { return e.Err }

// PartialError reports a change that was meant for several replicas and failed on some or all of them.
type PartialError struct {
	Done   []string        // addresses, in ascending order
	Failed []*ReplicaError // in the order of the addresses
}

// Error counts and lists the replicas that failed.
func (e *PartialError) Error() string {
	parts := make([]string, len(e.Failed))
	for i, f := range e.Failed {
		parts[i] = f.Error()
	}
	return fmt.Sprintf("%d of %d replicas: %s", len(e.Failed), len(e.Failed)+len(e.Done), strings.Join(parts, "; "))
}

// Unwrap returns the replicas' errors.
func (e *PartialError) Unwrap() []error {
	errs := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		errs[i] = f
	}
	return errs
}

// ForEach calls do for every replica, side by side, with a client whose calls go to that replica alone, and waits for
// all of them. With several replicas an error is a [*PartialError]; that of a single one is returned as it is.
// A client given to do is of no use after ForEach has returned.
func (c *Client) ForEach(ctx context.Context, do func(ctx context.Context, address string, one *Client) error) error {
	const call = "for each replica"
	if err := c.count(ctx); err != nil {
		return callError(ctx, call, "", err)
	}
	defer c.calls.Done()
	if err := c.waitReplicas(ctx); err != nil {
		return callError(ctx, call, "", err)
	}
	replicas := c.replicas()
	if len(replicas) == 0 {
		return c.pickError(ctx, spec{name: call}, errNoReplicas)
	}
	slices.SortFunc(replicas, func(a, b *replica) int { return strings.Compare(a.address, b.address) })
	errs := make([]error, len(replicas))
	var wg sync.WaitGroup
	for i, r := range replicas {
		wg.Go(func() { errs[i] = do(ctx, r.address, &Client{core: c.core, pin: r}) })
	}
	wg.Wait()
	if len(replicas) == 1 {
		return errs[0]
	}
	report := &PartialError{}
	for i, r := range replicas {
		if errs[i] == nil {
			report.Done = append(report.Done, r.address)
		} else {
			report.Failed = append(report.Failed, &ReplicaError{Address: r.address, Err: errs[i]})
		}
	}
	if len(report.Failed) == 0 {
		return nil
	}
	return report
}

// WaitServing returns when every replica says that the probe's model is ready and answers the probe: after a load, the
// only proof that it serves. Where ctx ends before, the error says which replicas do not; a context without a deadline
// is waited for without end.
func (c *Client) WaitServing(ctx context.Context, probe Request) error {
	return c.ForEach(ctx, func(ctx context.Context, _ string, one *Client) error {
		return one.wait(ctx, func(ctx context.Context) error {
			ready, err := one.ModelReady(ctx, probe.Model, probe.Version)
			if err != nil {
				return err
			}
			if !ready {
				return notReady(probe.Model)
			}
			_, err = one.Do(ctx, probe)
			return err
		})
	})
}

func notReady(model string) error {
	return &Error{Call: "model ready", Model: model, Kinds: []error{ErrUnavailable}, Cause: errors.New("the server is up but the model is not loaded")}
}
