package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/keepalive"

	"recsys/client/internal/message"
)

// keepaliveTime is how long a connection may be silent during a call before it is probed. Triton closes a connection
// that probes more often than every 300 s (--grpc-http2-min-recv-ping-interval-without-data), after two strikes.
const keepaliveTime = 310 * time.Second

// Client is the connections to a server or its replicas. It is safe for concurrent use.
type Client struct {
	*core
	pin *replica // the only one to use, nil for all
}

// core is what a client shares with those that [Client.ForEach] makes.
type core struct {
	settings
	target     parsed
	options    []grpc.DialOption
	log        *slog.Logger
	turn       atomic.Uint64
	inFlight   atomic.Int64
	budget     *budget
	hedges     *hedges // nil where they are off
	checks     checks
	stop       context.CancelFunc // ends discovery
	background sync.WaitGroup
	known      chan struct{} // closed after the first discovery
	discovered sync.Once

	mu           sync.RWMutex // guards the rest, and calls against growing after closed was set
	closed       bool
	calls        sync.WaitGroup
	set          []*replica
	discoveryErr error
}

// New makes a client for a server: "HOST:PORT", "unix:PATH", several replicas as "HOST:PORT,HOST:PORT", or
// "dns:///NAME:PORT" for all addresses of a name, which is looked up again every 30 s. With "http://" or "https://" before
// it, it is for HTTP ports, which may be behind a path: "https://HOST:PORT/PATH". It does not wait for the server, which
// may start later; see [Client.WaitReady]. The context bounds New alone. Close the client after use.
func New(ctx context.Context, target string, opts ...Option) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("new client for %s: %w", target, err)
	}
	s := defaults()
	for _, opt := range opts {
		opt(&s)
	}
	err := s.validate()
	s.breaker = s.breaker.withDefaults()
	p, parseErr := parse(target)
	if s.find != nil {
		p, parseErr = parsed{scheme: p.scheme, find: s.find, authority: strings.TrimPrefix(target, string(p.scheme))}, nil
	}
	if target == "" {
		parseErr = errors.New("the target is empty: give HOST:PORT, such as localhost:8001")
	}
	if err := errors.Join(parseErr, err, s.fits(p.scheme)); err != nil {
		return nil, fmt.Errorf("new client: %w", err)
	}
	c := &core{
		settings: s, target: p, options: dialOptions(p.authority, s), log: s.logger,
		budget: newBudget(s.retry.withDefaults().Budget), hedges: newHedges(s.hedge), known: make(chan struct{}),
	}
	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	c.stop = stop
	client := &Client{core: c}
	if p.find != nil {
		c.background.Add(1)
		go c.discover(background, p.find, s.refresh)
		return client, nil
	}
	close(c.known)
	if err := c.setReplicas(p.list); err != nil {
		return nil, errors.Join(fmt.Errorf("new client for %s: %w", target, err), client.Close())
	}
	return client, nil
}

// dialOptions returns grpc-go's options for every connection.
func dialOptions(authority string, s settings) []grpc.DialOption {
	transport := insecure.NewCredentials()
	if s.tls != nil {
		transport = credentials.NewTLS(s.tls)
	}
	if s.files != nil {
		transport = newReloading(*s.files)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(s.maxMessage), grpc.MaxCallSendMsgSize(s.maxMessage),
			grpc.ForceCodecV2(message.NewCodec())),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: 20 * time.Second}),
		// A server that comes back is used again within a second or so; grpc-go's own limit is two minutes.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
	}
	if s.encoding == gzipEncoding {
		options = append(options, grpc.WithDefaultCallOptions(grpc.UseCompressor(gzip.Name)))
	}
	if authority != "" {
		options = append(options, grpc.WithAuthority(authority))
	}
	if s.dialer != nil {
		options = append(options, grpc.WithContextDialer(s.dialer))
	}
	return append(options, s.dial...)
}

// Close waits for the calls in flight, which end by their deadlines, and closes the connections. Calls after it fail
// with [ErrClosed]; closing again does nothing. Closing a client that [Client.ForEach] made does nothing either.
func (c *Client) Close() error {
	if c.pin != nil {
		return nil
	}
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.mu.Unlock()
	c.stop()
	c.calls.Wait()
	c.background.Wait()
	if again {
		return nil
	}
	errs := make([]error, 0, len(c.set))
	for _, r := range c.set {
		errs = append(errs, r.close())
	}
	return errors.Join(errs...)
}

// begin starts a call: it returns a context with a deadline and what to call at its end.
func (c *Client) begin(ctx context.Context, timeout time.Duration) (context.Context, func(), error) {
	if err := c.count(ctx); err != nil {
		return nil, nil, err
	}
	if _, ok := ctx.Deadline(); ok {
		return ctx, c.calls.Done, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	return ctx, func() {
		cancel()
		c.calls.Done()
	}, nil
}

// count counts a call, unless there is no time for it or the client is closed.
func (c *Client) count(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok {
		if left := time.Until(deadline); left < minRemaining {
			return fmt.Errorf("%w: %v left, a call needs %v", ErrDeadline, max(left, 0), minRemaining)
		}
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		return ErrClosed
	}
	c.calls.Add(1)
	return nil
}

// replicas returns those that this client may use.
func (c *Client) replicas() []*replica {
	if c.pin != nil {
		return []*replica{c.pin}
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	return slices.Clone(c.set)
}
