package client

import (
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"

	"recsys/client/tritonpb"
)

const (
	// ejectAfter is how many tries in a row a replica fails before it is left out.
	ejectAfter = 5
	// A replica is left out for firstEjection, then twice as long each time, up to lastEjection.
	firstEjection = time.Second
	lastEjection  = 30 * time.Second
	// missingFor is how long a replica that does not know a model is not asked for it again while others may know it.
	missingFor = time.Second
)

// replica is one server and the connections to it.
type replica struct {
	address string
	conns   []*conn
	calls   atomic.Int64   // in flight
	users   sync.WaitGroup // the same, to be waited for

	mu        sync.Mutex // guards the rest
	failures  int        // tries in a row that have failed
	ejections int        // in a row
	until     time.Time  // left out until then
	missing   map[string]time.Time
}

type conn struct {
	cc    *grpc.ClientConn
	stub  tritonpb.GRPCInferenceServiceClient
	calls atomic.Int64 // in flight
}

// ReplicaState is what the client knows of one server.
type ReplicaState struct {
	Address   string
	Connected bool
	// Ejected is true while the server is left out because its last calls have failed.
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
		states[i] = ReplicaState{Address: r.address, Connected: connected, Ejected: r.ejected(now), Calls: int(r.calls.Load())}
	}
	slices.SortFunc(states, func(a, b ReplicaState) int { return strings.Compare(a.Address, b.Address) })
	return states
}

func (r *replica) ejected(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.until)
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

// succeeded and failed keep count of a replica's tries.
func (r *replica) succeeded() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures, r.ejections, r.until = 0, 0, time.Time{}
}

// failed reports whether the replica is left out from now on.
func (r *replica) failed(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures++
	if r.failures < ejectAfter || now.Before(r.until) {
		return false
	}
	r.until = now.Add(min(firstEjection<<min(r.ejections, 10), lastEjection))
	r.ejections++
	r.failures = ejectAfter - 1 // one more failure after that time is enough
	return true
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
