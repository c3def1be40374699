package rest

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

const (
	// brokenFor is how long a server that could not be reached is taken for broken, before it is asked again.
	brokenFor = time.Second
	// probeTimeout bounds the question by which a connection begins.
	probeTimeout = 5 * time.Second
	// idle connections are kept, for the calls that are in flight at once, and as long as below.
	idle     = 64
	idleTime = 90 * time.Second
)

// Settings are those of a [Conn].
type Settings struct {
	// Address is HOST:PORT, with a path where the server is behind one: HOST:PORT/PATH.
	Address string
	// Host is the name by which the server is known, where it is not the address's.
	Host string
	// TLS makes the settings of a new connection; nil does not encrypt.
	TLS func() (*tls.Config, error)
	// Dial connects to HOST:PORT.
	Dial       func(ctx context.Context, address string) (net.Conn, error)
	MaxMessage int    // bytes, in either direction
	Encoding   string // "gzip" or "deflate" compresses requests, and takes compressed answers; "" does not
}

// Conn is a server's HTTP endpoint. It is safe for concurrent use.
type Conn struct {
	settings  Settings
	base      string // URL without what follows /v2
	transport *http.Transport
	ctx       context.Context //nolint:containedctx // ends the probes when the connection is closed
	cancel    context.CancelFunc
	probes    sync.WaitGroup

	mu    sync.Mutex // guards the rest
	state connectivity.State
	since time.Time
}

var _ grpc.ClientConnInterface = (*Conn)(nil)

// New makes a Conn, which connects by its first call.
func New(s Settings) *Conn {
	c := &Conn{settings: s, state: connectivity.Idle}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	c.transport = &http.Transport{
		DisableCompression:  true, // or it would ask for and undo gzip by itself
		MaxIdleConnsPerHost: idle,
		IdleConnTimeout:     idleTime,
		DialContext:         func(ctx context.Context, _, address string) (net.Conn, error) { return s.Dial(ctx, address) },
	}
	scheme := "http"
	if s.TLS != nil {
		scheme = "https"
		c.transport.DialTLSContext = c.dialTLS
	}
	c.base = scheme + "://" + strings.TrimSuffix(s.Address, "/")
	return c
}

func (c *Conn) dialTLS(ctx context.Context, _, address string) (net.Conn, error) {
	config, err := c.settings.TLS()
	if err != nil {
		return nil, err
	}
	config = config.Clone()
	if config.ServerName == "" {
		name := c.settings.Host
		if name == "" {
			name = address
		}
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
		config.ServerName = name
	}
	conn, err := c.settings.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // the handshake says what is wrong
		return nil, err
	}
	return secure, nil
}

// GetState tells whether the last call reached the server.
func (c *Conn) GetState() connectivity.State {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == connectivity.TransientFailure && time.Since(c.since) >= brokenFor {
		c.state = connectivity.Idle
	}
	return c.state
}

func (c *Conn) set(state connectivity.State) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != connectivity.Shutdown {
		c.state, c.since = state, time.Now()
	}
}

// Connect asks an idle server whether it lives, and does not wait for the answer.
func (c *Conn) Connect() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != connectivity.Idle {
		return
	}
	c.state = connectivity.Connecting
	c.probes.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, probeTimeout)
		defer cancel()
		if answer, err := c.send(ctx, http.MethodGet, "health/live", nil); err == nil {
			answer.close()
		}
	})
}

// Close ends the connections. No call may be in flight.
func (c *Conn) Close() error {
	c.set(connectivity.Shutdown)
	c.cancel()
	c.probes.Wait()
	c.transport.CloseIdleConnections()
	return nil
}

// NewStream is refused: the HTTP endpoint has no streams.
func (c *Conn) NewStream(context.Context, *grpc.StreamDesc, string, ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, status.Error(codes.Unimplemented, "the HTTP endpoint has no streams: use the server's gRPC port")
}

// send makes a request for what is at path under /v2, and returns the answer whatever its status code.
func (c *Conn) send(ctx context.Context, method, path string, body *body) (*answer, error) {
	url := c.base + "/v2"
	if path != "" {
		url += "/" + path
	}
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		body.release()
		return nil, status.Errorf(codes.InvalidArgument, "make request: %v", err)
	}
	request.Host = c.settings.Host
	if headers, ok := metadata.FromOutgoingContext(ctx); ok {
		for name, values := range headers {
			request.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	if c.settings.Encoding != "" {
		request.Header.Set("Accept-Encoding", "gzip, deflate")
	}
	if body != nil {
		if err := body.attach(request, c.settings); err != nil {
			return nil, err
		}
	}
	response, err := c.transport.RoundTrip(request) //nolint:bodyclose // the answer is closed by who reads it
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	c.set(connectivity.Ready)
	return newAnswer(ctx, response, c.settings.MaxMessage)
}

// broken makes the error of a request that was not answered.
func (c *Conn) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return status.FromContextError(ctx.Err()).Err()
	}
	c.set(connectivity.TransientFailure)
	return status.Error(codes.Unavailable, err.Error())
}

// statusOf makes the error of an answer that is none: with the code that Triton's gRPC endpoint has for the error of
// which its HTTP endpoint made the number.
func statusOf(number int, text string) error {
	if text == "" {
		text = fmt.Sprintf("HTTP status %d", number)
	}
	code := codes.Unknown
	switch number {
	case http.StatusBadRequest:
		code = codes.InvalidArgument
	case http.StatusUnauthorized:
		code = codes.Unauthenticated
	case http.StatusForbidden:
		code = codes.PermissionDenied
	case http.StatusNotFound:
		code = codes.NotFound
	case http.StatusConflict:
		code = codes.AlreadyExists
	case http.StatusRequestEntityTooLarge:
		code = codes.ResourceExhausted
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable:
		code = codes.Unavailable
	case http.StatusGatewayTimeout:
		code = codes.DeadlineExceeded
	case http.StatusNotImplemented, http.StatusMethodNotAllowed:
		code = codes.Unimplemented
	case http.StatusInternalServerError:
		code = codes.Internal
	}
	return status.Error(code, text)
}
