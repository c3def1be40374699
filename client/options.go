package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"google.golang.org/grpc"
)

const (
	defaultTimeout     = 10 * time.Second
	defaultMaxMessage  = 64 << 20
	defaultConnections = 2
)

// Option changes a setting of [New].
type Option func(*settings)

type settings struct {
	logger      *slog.Logger
	tls         *tls.Config
	dial        []grpc.DialOption
	maxMessage  int
	timeout     time.Duration
	connections int
	retry       Retry
	breaker     Breaker
	hedge       *Hedge // nil for none
	maxInFlight int    // 0 for no limit
	leastBusy   bool
	dialer      func(ctx context.Context, address string) (net.Conn, error)
	find        func(context.Context) ([]string, error)
	refresh     time.Duration
	observer    func(context.Context, Attempt)
	tracer      func(context.Context, Attempt) (context.Context, func(Attempt))
	callTracer  func(context.Context, Call) (context.Context, func(Call))
	checked     bool
	files       *TLSFiles
	headers     func(context.Context) (map[string]string, error)
	encoding    string // of requests: "", "gzip" or, over HTTP, "deflate"
}

func defaults() settings {
	return settings{
		logger:      slog.New(slog.DiscardHandler),
		maxMessage:  defaultMaxMessage,
		timeout:     defaultTimeout,
		connections: defaultConnections,
		leastBusy:   true,
		refresh:     defaultRefresh,
	}
}

// WithLogger has the client log, at debug level, what it waits for. The default is not to log.
func WithLogger(logger *slog.Logger) Option {
	return func(s *settings) { s.logger = logger }
}

// WithTLS encrypts the connections. The default is not to, but for "https://": Triton's gRPC port speaks plain HTTP/2
// unless it was started with --grpc-use-ssl.
func WithTLS(config *tls.Config) Option {
	return func(s *settings) { s.tls = config }
}

// WithTLSFiles encrypts the connections by certificates in files, which may be renewed while the client runs.
func WithTLSFiles(files TLSFiles) Option {
	return func(s *settings) { s.files = &files }
}

// WithHeaders sends headers with each try of a call, as headers returns them: a token
// ("authorization": "Bearer ..."), a restricted protocol's key ("triton-grpc-protocol-NAME"), a trace's parent. An error
// of headers fails the call as [ErrDenied]. Without TLS they travel in clear.
func WithHeaders(headers func(context.Context) (map[string]string, error)) Option {
	return func(s *settings) { s.headers = headers }
}

// WithGzip compresses requests, and takes compressed answers, which a server sends over HTTP, and over gRPC if it runs
// with --grpc-infer-response-compression-level: where the network is slower than the compression. The default is not to.
func WithGzip() Option {
	return func(s *settings) { s.encoding = gzipEncoding }
}

// WithDeflate is [WithGzip] with the other compression that Triton's HTTP endpoint takes, for a proxy that lets no gzip pass. gRPC
// refuses it. The last of the two counts.
func WithDeflate() Option {
	return func(s *settings) { s.encoding = deflateEncoding }
}

const (
	gzipEncoding    = "gzip"
	deflateEncoding = "deflate"
)

// WithDialOptions adds options of grpc-go's, such as interceptors, a stats handler, credentials for each call or a
// dialer. They come last, so they win over what the client sets itself. An interceptor sees inferences as values that
// are no protobuf messages. HTTP has no use for them, and refuses them.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) { s.dial = append(s.dial, options...) }
}

// WithDialer has dial make the connections, of either protocol, to an address as the target has it. The default is
// TCP, or a socket for "unix:PATH".
func WithDialer(dial func(ctx context.Context, address string) (net.Conn, error)) Option {
	return func(s *settings) { s.dialer = dial }
}

// WithMaxMessageSize bounds a message in either direction, in bytes. The default is 64 MiB; grpc-go's own 4 MiB is
// less than one batch of wide tensors.
func WithMaxMessageSize(bytes int) Option {
	return func(s *settings) { s.maxMessage = bytes }
}

// WithTimeout sets the deadline of calls whose context has none. The default is 10 s. [Client.Load] takes at least
// 5 minutes instead, because a large model needs them.
func WithTimeout(timeout time.Duration) Option {
	return func(s *settings) { s.timeout = timeout }
}

// WithConnections sets the number of connections to each server; a call takes the least busy. The default is 2. One
// connection's traffic passes through one goroutine on either side, which many large concurrent calls fill. With HTTP
// each call in flight has a connection, whatever this says.
func WithConnections(n int) Option {
	return func(s *settings) { s.connections = n }
}

// WithRetry changes when failed calls are tried again; the zero [Retry] is the default.
func WithRetry(retry Retry) Option {
	return func(s *settings) { s.retry = retry }
}

// WithBreaker changes when a replica that fails is left out; the zero [Breaker] is the default.
func WithBreaker(breaker Breaker) Option {
	return func(s *settings) { s.breaker = breaker }
}

// WithHedge sends inferences that take long to a second replica. The default is not to: a model that is slow because it
// has too much to do would get more.
func WithHedge(hedge Hedge) Option {
	return func(s *settings) { s.hedge = &hedge }
}

// WithMaxInFlight bounds the inferences that are in flight at once: further ones fail at once with [ErrOverloaded]
// instead of waiting where nobody sees them. The default is no limit.
func WithMaxInFlight(n int) Option {
	return func(s *settings) { s.maxInFlight = n }
}

// WithRoundRobin sends calls to the replicas in turn, however busy they are. The default is to the least busy one, in
// turn among equals, which spares a slow replica.
func WithRoundRobin() Option {
	return func(s *settings) { s.leastBusy = false }
}

// WithDiscovery has find say which addresses are the servers, at the start and then at each interval, in place of the
// target, which remains the name by which TLS knows them. An error, or no addresses, leaves those known so far.
func WithDiscovery(find func(context.Context) ([]string, error), every time.Duration) Option {
	return func(s *settings) { s.find, s.refresh = find, every }
}

// WithChecks holds inferences to the model's metadata and configuration before they are sent: names, types, shapes and
// batch sizes, with all that is wrong in one error, an [ErrInvalidArgument]. A model's description is asked for once a
// minute, and again before a request is refused. The default is to leave it to the server.
func WithChecks() Option {
	return func(s *settings) { s.checked = true }
}

// WithObserver calls observe after each try of a call, such as to count it for Prometheus; a stream is one, from its
// start to its end. It is called concurrently, and the time that it takes is added to the call.
func WithObserver(observe func(context.Context, Attempt)) Option {
	return func(s *settings) { s.observer = observe }
}

// fits says which settings are not for the target's scheme.
func (s settings) fits(to scheme) error {
	encrypted := s.tls != nil || s.files != nil
	switch {
	case to != schemeGRPC && len(s.dial) > 0:
		return errors.New("WithDialOptions has options of grpc-go, and the target is for HTTP: leave them out")
	case to == schemeGRPC && s.encoding == deflateEncoding:
		return errors.New("WithDeflate is for HTTP, and the target is for gRPC: give WithGzip")
	case to == schemeHTTP && encrypted:
		return errors.New("TLS is set up, and the target is http://: give https://")
	}
	return nil
}

// WithTracer calls start before each try of a call, with what is known of it then, such as to begin a span. The try, and
// [WithHeaders] with it, has the context that start returns; end is called after the try. Both are called concurrently.
func WithTracer(start func(context.Context, Attempt) (traced context.Context, end func(Attempt))) Option {
	return func(s *settings) { s.tracer = start }
}

func (s settings) validate() error {
	var errs []error
	if s.logger == nil {
		errs = append(errs, errors.New("the logger is nil: leave WithLogger out to have none"))
	}
	if s.maxMessage <= 0 {
		errs = append(errs, fmt.Errorf("maximum message size %d: must be positive", s.maxMessage))
	}
	if s.timeout <= minRemaining {
		errs = append(errs, fmt.Errorf("timeout %v: must be above %v", s.timeout, minRemaining))
	}
	if s.maxInFlight < 0 {
		errs = append(errs, fmt.Errorf("%d inferences in flight: must be positive", s.maxInFlight))
	}
	if s.refresh <= 0 {
		errs = append(errs, fmt.Errorf("discovery each %v: must be positive", s.refresh))
	}
	errs = append(errs, s.retry.validate(), s.breaker.validate())
	if s.hedge != nil {
		errs = append(errs, s.hedge.validate())
	}
	if s.files != nil {
		_, err := s.files.load()
		errs = append(errs, err)
		if s.tls != nil {
			errs = append(errs, errors.New("TLS is given twice: leave WithTLS or WithTLSFiles out"))
		}
	}
	if s.connections <= 0 {
		errs = append(errs, fmt.Errorf("%d connections: must be positive", s.connections))
	}
	return errors.Join(errs...)
}
