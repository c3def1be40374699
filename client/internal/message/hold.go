package message

import (
	"sync"
	"time"
)

// hold counts the buffers of a request that connections may still read. It is the pool to which they return.
type hold struct {
	mu   sync.Mutex // guards the rest
	n    int
	none chan struct{} // closed when n is 0 again, for who waits
}

func (h *hold) add() {
	h.mu.Lock()
	h.n++
	h.mu.Unlock()
}

// Get is not called: a buffer comes here by its return only.
func (h *hold) Get(n int) *[]byte { b := make([]byte, n); return &b }

// Put takes a buffer that is read no more.
func (h *hold) Put(*[]byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.n--; h.n == 0 && h.none != nil {
		close(h.none)
		h.none = nil
	}
}

// Hold counts a use of the inputs, which ends when the function that it returns is called.
func (r *Request) Hold() (end func()) {
	r.hold.add()
	return func() { r.hold.Put(nil) }
}

// Released reports whether no connection reads the inputs any more, which it waits for d at most. After a try that has
// been answered this is so at once; one that was given up may still lie in a connection that is stuck.
func (r *Request) Released(d time.Duration) bool {
	if r.again != nil && !r.again.Released(d) {
		return false
	}
	h := &r.hold
	h.mu.Lock()
	if h.n == 0 {
		h.mu.Unlock()
		return true
	}
	if h.none == nil {
		h.none = make(chan struct{})
	}
	none := h.none
	h.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-none:
		return true
	case <-timer.C:
		return false
	}
}
