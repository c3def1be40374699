package client

import (
	"context"
	"errors"
	"slices"
	"time"
)

// acquire picks the replica for a try and counts the call. Replicas that are connected, know the model, have not been
// tried and have not failed lately come first; among equals the one with the fewest calls, in turn.
func (c *Client) acquire(ctx context.Context, model string, tried []*replica) (*replica, *conn, error) {
	if err := c.waitReplicas(ctx); err != nil {
		return nil, nil, err
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return nil, nil, ErrClosed
	}
	if c.pin != nil {
		k, _ := c.pin.conn()
		hold(c.pin, k)
		return c.pin, k, nil
	}
	if len(c.set) == 0 {
		return nil, nil, errors.Join(errNoReplicas, c.discoveryErr)
	}
	var room [16]choice // most clients have fewer replicas, and no need to allocate
	best := c.best(room[:0], model, tried)
	chosen := best[int(c.turn.Add(1)%uint64(len(best)))]
	hold(chosen.replica, chosen.conn)
	return chosen.replica, chosen.conn, nil
}

type choice struct {
	replica *replica
	conn    *conn
}

// best appends the equals among which the turn decides. The caller holds the lock.
func (c *Client) best(to []choice, model string, tried []*replica) []choice {
	bestRank, fewest := 0, int64(0)
	ejectable := len(c.set) / 2 // at most half of the replicas are left out
	now := time.Now()
	for _, r := range c.set {
		k, rank := r.conn()
		if len(c.set) > 1 {
			if slices.Contains(tried, r) {
				rank += rankTried
			}
			if r.lacks(model, now) {
				rank += rankMissing
			}
			if ejectable > 0 && r.ejected(now) {
				ejectable--
				rank += rankEjected
			}
		}
		calls := int64(0)
		if c.leastBusy {
			calls = r.calls.Load()
		}
		if len(to) == 0 || rank < bestRank || rank == bestRank && calls < fewest {
			to, bestRank, fewest = to[:0], rank, calls
		}
		if rank == bestRank && calls == fewest {
			to = append(to, choice{r, k})
		}
	}
	return to
}

// hold counts a call; the caller holds the lock, so that a replica that is dropped knows its calls.
func hold(r *replica, k *conn) {
	r.users.Add(1)
	r.calls.Add(1)
	k.calls.Add(1)
}

func release(r *replica, k *conn) {
	k.calls.Add(-1)
	r.calls.Add(-1)
	r.users.Done()
}

// errNoReplicas is what a name without addresses comes to.
var errNoReplicas = errors.New("no server is known")
