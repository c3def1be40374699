package tritontest

import (
	"net"
	"sync"
	"syscall"
	"time"
)

// network is what befalls the connections to a server. They are wrapped on the client's side.
type network struct {
	mu      sync.Mutex // guards the rest
	links   map[*link]struct{}
	rate    int    // bytes a second to the client, 0 for no limit
	garbage []byte // what the client reads next
}

// link is a client's end of a connection.
type link struct {
	net.Conn
	network *network

	mu     sync.Mutex // guards the rest
	silent bool
	cut    bool
	left   int           // bytes to the client until the connection is reset, where cut is true
	err    error         // of a reset
	ended  chan struct{} // closed with the connection
	once   sync.Once
}

func (n *network) wrap(conn net.Conn) net.Conn {
	l := &link{Conn: conn, network: n, ended: make(chan struct{})}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.links == nil {
		n.links = make(map[*link]struct{})
	}
	n.links[l] = struct{}{}
	return l
}

// each calls do for every connection.
func (n *network) each(do func(*link)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for l := range n.links {
		do(l)
	}
}

// Reset ends every connection as a crash of the server's machine does, or a firewall: with "connection reset by peer",
// the server's calls being cancelled. New connections work.
func (s *Server) Reset() { s.network.each((*link).reset) }

// ResetAfter resets each connection that there is once the client has read so many bytes more of it: in the midst of an
// answer, or of a stream's.
func (s *Server) ResetAfter(bytes int) {
	s.network.each(func(l *link) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.cut, l.left = true, bytes
	})
}

// Blackhole has every connection lose what either side sends, without an error, as one does whose other end is gone
// without a word. New connections work.
func (s *Server) Blackhole() {
	s.network.each(func(l *link) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.silent = true
	})
}

// Throttle bounds what each connection brings to the client, in bytes a second; 0 lifts the bound.
func (s *Server) Throttle(bytesPerSecond int) {
	s.network.mu.Lock()
	defer s.network.mu.Unlock()
	s.network.rate = bytesPerSecond
}

// Garble has the client read these bytes once, in place of what the server sends.
func (s *Server) Garble(bytes []byte) {
	s.network.mu.Lock()
	defer s.network.mu.Unlock()
	s.network.garbage = bytes
}

// takeGarbage returns what is read in place of the server's bytes.
func (n *network) takeGarbage() []byte {
	n.mu.Lock()
	defer n.mu.Unlock()
	bytes := n.garbage
	n.garbage = nil
	return bytes
}

func (n *network) pause(bytes int) time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.rate == 0 {
		return 0
	}
	return time.Duration(bytes) * time.Second / time.Duration(n.rate)
}

// reset is [net.Conn.Close] with an error for who reads or writes.
func (l *link) reset() {
	l.mu.Lock()
	l.err = &net.OpError{Op: "read", Net: "tritontest", Err: syscall.ECONNRESET}
	l.mu.Unlock()
	l.end()
}

// end closes the connection. The network forgets it when its user closes it.
func (l *link) end() {
	l.once.Do(func() {
		close(l.ended)
		_ = l.Conn.Close() // in memory, which does not fail
	})
}

// Close ends the connection.
func (l *link) Close() error {
	l.network.mu.Lock()
	delete(l.network.links, l)
	l.network.mu.Unlock()
	l.end()
	return nil
}

// state returns the error of a reset, and whether the connection is silent.
func (l *link) state() (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.silent, l.err
}

// Write sends b, or loses it.
func (l *link) Write(b []byte) (int, error) {
	silent, err := l.state()
	if err != nil {
		return 0, err
	}
	if silent {
		return len(b), nil
	}
	n, err := l.Conn.Write(b)
	if _, reset := l.state(); reset != nil {
		err = reset
	}
	return n, err
}

// Read has at most 4 KiB, so that a bound on the rate is even.
func (l *link) Read(b []byte) (int, error) {
	n, err := l.Conn.Read(b[:min(len(b), 4<<10)])
	if wait := l.network.pause(n); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-l.ended:
		}
	}
	silent, reset := l.state()
	if reset != nil {
		return 0, reset
	}
	if silent {
		<-l.ended
		_, reset = l.state()
		if reset == nil {
			reset = net.ErrClosed
		}
		return 0, reset
	}
	if n > 0 {
		if garbage := l.network.takeGarbage(); garbage != nil {
			n = copy(b, garbage)
		}
	}
	if !l.spend(n) {
		l.reset()
		_, reset = l.state()
		return 0, reset
	}
	return n, err
}

// spend counts what is read, and reports whether it may be.
func (l *link) spend(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.cut {
		return true
	}
	l.left -= n
	return l.left >= 0
}
