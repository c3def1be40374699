package client

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/connectivity"

	"recsys/client/tritonpb"
)

// missingFor is how long a replica that does not know a model is not asked for it again while others may know it.
const missingFor = time.Second

// replica is one server and the connections to it.
type replica struct {
	address string
	conns   []*conn
	calls   atomic.Int64   // in flight
	users   sync.WaitGroup // the same, to be waited for

	mu      sync.Mutex // guards the rest
	circuit circuit
	missing map[string]time.Time
}

type conn struct {
	cc    transport
	stub  tritonpb.GRPCInferenceServiceClient
	calls atomic.Int64 // in flight
}

// ReplicaState is what the client knows of one server.
type ReplicaState struct {
	Address   string
	Connected bool
	// Ejected is true while the server is left out because its last calls have failed: its circuit is open, or half open
	// with the probe in flight. See [Breaker].
	Ejected bool
	Calls   int // in flight
}

// Replicas returns the state of every server, in the order of their addresses.
func (c *Client) Replicas() []ReplicaState {
	now := time.Now()
	replicas := c.replicas()
	states := make([]ReplicaState, len(replicas))
	for i, r := range replicas {
		connected := slices.ContainsFunc(r.conns, func(k *conn) bool { return k.cc.GetState() == connectivity.Ready })
		states[i] = ReplicaState{Address: r.address, Connected: connected, Ejected: r.shut(now), Calls: int(r.calls.Load())}
	}
	slices.SortFunc(states, func(a, b ReplicaState) int { return strings.Compare(a.Address, b.Address) })
	return states
}

// lacks reports whether the replica has said a moment ago that it does not know the model.
func (r *replica) lacks(model string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.missing[model])
}

func (r *replica) setMissing(model string, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for name, until := range r.missing {
		if !now.Before(until) {
			delete(r.missing, name)
		}
	}
	if r.missing == nil {
		r.missing = make(map[string]time.Time)
	}
	r.missing[model] = now.Add(missingFor)
}

// conn returns the replica's best connection: one that is established before others, then the least busy.
func (r *replica) conn() (*conn, int) {
	var best *conn
	bestRank := 0
	for _, k := range r.conns {
		rank := rankOf(k)
		if best == nil || rank < bestRank || rank == bestRank && k.calls.Load() < best.calls.Load() {
			best, bestRank = k, rank
		}
	}
	return best, bestRank
}

// The ranks of replicas, best first; an ejected one, and one that lacks the model, are above all of these.
const (
	rankReady = iota
	rankConnecting
	rankBroken
	rankEjected = 1 << 3
	rankMissing = 1 << 4
	rankTried   = 1 << 5
)

// rankOf wakes a connection that sleeps.
func rankOf(k *conn) int {
	switch k.cc.GetState() {
	case connectivity.Ready:
		return rankReady
	case connectivity.Idle:
		k.cc.Connect()
		return rankConnecting
	case connectivity.Connecting:
		return rankConnecting
	case connectivity.TransientFailure, connectivity.Shutdown:
	}
	return rankBroken
}
