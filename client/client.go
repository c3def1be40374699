package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"

	"recsys/client/tritonpb"
)

// keepaliveTime is how long a connection may be silent during a call before it is probed. Triton closes a connection
// that probes more often than every 300 s (--grpc-http2-min-recv-ping-interval-without-data), after two strikes.
const keepaliveTime = 310 * time.Second

// Client is a connection to a server or its replicas. It is safe for concurrent use.
type Client struct {
	conns   []*conn
	timeout time.Duration
	log     *slog.Logger

	mu     sync.RWMutex // guards closed, and calls against growing after it was set
	closed bool
	calls  sync.WaitGroup
}

type conn struct {
	cc    *grpc.ClientConn
	stub  tritonpb.GRPCInferenceServiceClient
	calls atomic.Int64 // in flight
}

// New makes a client for a server: "HOST:PORT", "dns:///NAME:PORT" for all addresses of a name, "unix:PATH", or
// several replicas as "HOST:PORT,HOST:PORT", among which calls go in turn. It does not wait for the server, which may
// start later; see [Client.WaitReady]. The context bounds New alone. Close the client after use.
func New(ctx context.Context, target string, opts ...Option) (*Client, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("new client for %s: %w", target, err)
	}
	s := defaults()
	for _, opt := range opts {
		opt(&s)
	}
	err := s.validate()
	if target == "" {
		err = errors.Join(errors.New("the target is empty: give HOST:PORT, such as localhost:8001"), err)
	}
	if err != nil {
		return nil, fmt.Errorf("new client: %w", err)
	}
	c := &Client{timeout: s.timeout, log: s.logger}
	target, options := dialOptions(target, s)
	for range s.connections {
		cc, err := grpc.NewClient(target, options...)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("new client for %s: %w", target, err), c.Close())
		}
		c.conns = append(c.conns, &conn{cc: cc, stub: tritonpb.NewGRPCInferenceServiceClient(cc)})
	}
	return c, nil
}

// dialOptions returns grpc-go's own target and options.
func dialOptions(target string, s settings) (string, []grpc.DialOption) {
	transport := insecure.NewCredentials()
	if s.tls != nil {
		transport = credentials.NewTLS(s.tls)
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithDefaultServiceConfig(`{"loadBalancingConfig": [{"round_robin": {}}]}`),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(s.maxMessage), grpc.MaxCallSendMsgSize(s.maxMessage)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: keepaliveTime, Timeout: 20 * time.Second}),
		// A server that comes back is used again within a second or so; grpc-go's own limit is two minutes.
		grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
			MinConnectTimeout: 5 * time.Second,
		}),
	}
	if strings.Contains(target, ",") {
		replicas := manual.NewBuilderWithScheme("replicas")
		var state resolver.State
		for address := range strings.SplitSeq(target, ",") {
			address = strings.TrimSpace(address)
			state.Endpoints = append(state.Endpoints, resolver.Endpoint{
				Addresses: []resolver.Address{{Addr: address, ServerName: address}},
			})
		}
		replicas.InitialState(state)
		options = append(options, grpc.WithResolvers(replicas))
		first, _, _ := strings.Cut(target, ",") // stands for all where the protocol wants one name
		target = "replicas:///" + strings.TrimSpace(first)
	}
	return target, append(options, s.dial...)
}

// Close waits for the calls in flight, which end by their deadlines, and closes the connections. Calls after it fail
// with [ErrClosed]; closing again does nothing.
func (c *Client) Close() error {
	c.mu.Lock()
	again := c.closed
	c.closed = true
	c.mu.Unlock()
	c.calls.Wait()
	if again {
		return nil
	}
	errs := make([]error, 0, len(c.conns))
	for _, k := range c.conns {
		if err := k.cc.Close(); err != nil {
			errs = append(errs, fmt.Errorf("close connection: %w", err))
		}
	}
	return errors.Join(errs...)
}

// begin starts a call: it returns the least busy connection, a context with a deadline, and what to call at its end.
func (c *Client) begin(ctx context.Context, timeout time.Duration) (context.Context, *conn, func(), error) {
	if err := ctx.Err(); err != nil {
		return nil, nil, nil, err
	}
	cancel := func() {}
	deadline, ok := ctx.Deadline()
	if !ok {
		ctx, cancel = context.WithTimeout(ctx, timeout)
	} else if left := time.Until(deadline); left < minRemaining {
		return nil, nil, nil, fmt.Errorf("%w: %v left, a call needs %v", ErrDeadline, max(left, 0), minRemaining)
	}
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.closed {
		cancel()
		return nil, nil, nil, ErrClosed
	}
	c.calls.Add(1)
	k := c.conns[0]
	for _, other := range c.conns[1:] {
		if other.calls.Load() < k.calls.Load() {
			k = other
		}
	}
	k.calls.Add(1)
	return ctx, k, func() {
		cancel()
		k.calls.Add(-1)
		c.calls.Done()
	}, nil
}
