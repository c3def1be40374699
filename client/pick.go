package client

import (
	"context"
	"errors"
	"slices"
	"time"
)

// picked is the replica and its connection that a try was given.
type picked struct {
	replica *replica
	conn    *conn
}

// hold counts a call; the caller holds the client's lock, so that a replica that is dropped knows its calls.
func (p picked) hold() {
	p.replica.users.Add(1)
	p.replica.calls.Add(1)
	p.conn.calls.Add(1)
}

func (p picked) release() {
	p.conn.calls.Add(-1)
	p.replica.calls.Add(-1)
	p.replica.users.Done()
}

// acquire picks the replica for a try and counts the call. Replicas that are connected, know the model, have not been
// tried and have not failed lately come first; among equals the one with the fewest calls, in turn.
func (c *Client) acquire(ctx context.Context, model string, tried []*replica) (picked, error) {
	if err := c.waitReplicas(ctx); err != nil {
		return picked{}, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return picked{}, ErrClosed
	}
	if c.pin != nil {
		k, _ := c.pin.conn()
		only := picked{c.pin, k}
		only.hold()
		return only, nil
	}
	if len(c.set) == 0 {
		return picked{}, errors.Join(errNoReplicas, c.discoveryErr)
	}
	for round := 0; ; round++ {
		var room [16]picked // most clients have fewer replicas, and no need to allocate
		best, _ := c.best(room[:0], model, tried)
		if len(best) == 0 {
			return picked{}, errOpen
		}
		chosen := best[int(c.turn.Add(1)%uint64(len(best)))]
		// Another call may have become its probe, so that it is shut: it is taken again only if it is the best all the same.
		if chosen.replica.admit(time.Now()) || round > 0 && !c.breaker.FailFast {
			chosen.hold()
			return chosen, nil
		}
	}
}

// best appends the equals among which the turn decides, and returns their rank. The caller holds the lock.
func (c *Client) best(to []picked, model string, tried []*replica) ([]picked, int) {
	bestRank, fewest := 0, int64(0)
	ejectable := len(c.set) / 2 // at most half of the replicas are left out
	now := time.Now()
	for _, r := range c.set {
		shut := r.shut(now)
		if shut && c.breaker.FailFast {
			continue
		}
		k, rank := r.conn()
		if slices.Contains(tried, r) {
			rank += rankTried
		}
		if r.lacks(model, now) {
			rank += rankMissing
		}
		if shut && ejectable > 0 {
			ejectable--
			rank += rankEjected
		}
		calls := int64(0)
		if c.leastBusy {
			calls = r.calls.Load()
		}
		if len(to) == 0 || rank < bestRank || rank == bestRank && calls < fewest {
			to, bestRank, fewest = to[:0], rank, calls
		}
		if rank == bestRank && calls == fewest {
			to = append(to, picked{r, k})
		}
	}
	return to, bestRank
}

// errNoReplicas is what a name without addresses comes to.
var errNoReplicas = errors.New("no server is known")
