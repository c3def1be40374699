package tritontest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"recsys/client"
	"recsys/client/tritonpb"
)

// buffer is what a connection holds before its writer waits, in bytes.
const buffer = 256 << 10

// maxMessage bounds messages as the client's default does, in bytes.
const maxMessage = 64 << 20

// Server is a fake Triton.
type Server struct {
	service *service
	network network
	options []grpc.ServerOption

	mu       sync.Mutex // guards the rest
	running  *running   // nil while it is stopped
	draining []*running
}

// running is a server from a start to its stop.
type running struct {
	listener *bufconn.Listener
	grpc     *grpc.Server
	web      *bufconn.Listener
	http     *http.Server
	calls    sync.WaitGroup // over HTTP
	served   sync.WaitGroup // both servers
}

func (s *Server) run() *running {
	r := &running{listener: bufconn.Listen(buffer), grpc: grpc.NewServer(s.options...), web: bufconn.Listen(buffer)}
	tritonpb.RegisterGRPCInferenceServiceServer(r.grpc, s.service)
	handler := s.Handler()
	r.http = &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.calls.Add(1)
		defer r.calls.Done()
		handler.ServeHTTP(w, request)
	})}
	r.served.Go(func() { _ = r.grpc.Serve(r.listener) }) // both end with stop, and only then
	r.served.Go(func() { _ = r.http.Serve(r.web) })
	return r
}

func (r *running) stop() {
	r.grpc.Stop()
	_ = r.http.Close() // of listeners in memory
	r.served.Wait()
	r.calls.Wait()
}

// drain refuses new calls.
func (r *running) drain() {
	go r.grpc.GracefulStop()                                  // ends with stop at the latest
	go func() { _ = r.http.Shutdown(context.Background()) }() // likewise
}

// Start serves models, all of them loaded and ready, until the test ends.
func Start(tb testing.TB, models ...Model) *Server {
	tb.Helper()
	return StartWith(tb, nil, models...)
}

// StartWith is [Start] with options for the gRPC server, such as a keepalive policy, credentials or interceptors.
func StartWith(tb testing.TB, options []grpc.ServerOption, models ...Model) *Server {
	tb.Helper()
	s := start(options, models)
	tb.Cleanup(s.Stop)
	return s
}

// New is [Start] where there is no test, as in an example: the caller stops the server.
func New(models ...Model) *Server { return start(nil, models) }

func start(options []grpc.ServerOption, models []Model) *Server {
	s := &Server{service: newService(models)}
	s.options = append([]grpc.ServerOption{grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage)}, options...)
	s.Restart()
	return s
}

// Restart brings a stopped server back, with the state that it had. On a running one it does nothing.
func (s *Server) Restart() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		s.running = s.run()
	}
}

// Drain restarts a running server as a rolling update does: connections are told to go away (GOAWAY), calls that are in
// flight on them are answered, and new connections reach the new server.
func (s *Server) Drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running == nil {
		return
	}
	old := s.running
	s.running, s.draining = s.run(), append(s.draining, old)
	old.drain()
}

// Stop ends the server as a crash would: calls in flight fail as unavailable, and so do later ones until a
// [Server.Restart]. It returns when every call has ended.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.draining {
		r.stop()
	}
	s.draining = nil
	if s.running != nil {
		s.running.stop()
		s.running = nil
	}
}

// Target is the address to give to a gRPC client together with [Server.DialOption].
func (s *Server) Target() string { return "passthrough:///tritontest" }

// DialOption connects a gRPC client to the server.
func (s *Server) DialOption() grpc.DialOption {
	return grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return s.Dial(ctx) })
}

// Dial makes a connection to the server, for dialers that choose among several.
func (s *Server) Dial(ctx context.Context) (net.Conn, error) {
	return s.dial(ctx, func(r *running) *bufconn.Listener { return r.listener })
}

// HTTPTarget is the address to give to a client together with [Server.DialHTTP], for HTTP.
func (s *Server) HTTPTarget() string { return "http://tritontest" }

// DialHTTP makes a connection to the server's HTTP endpoint, whatever the address.
func (s *Server) DialHTTP(ctx context.Context, _ string) (net.Conn, error) {
	return s.dial(ctx, func(r *running) *bufconn.Listener { return r.web })
}

func (s *Server) dial(ctx context.Context, port func(*running) *bufconn.Listener) (net.Conn, error) {
	s.mu.Lock()
	running := s.running
	s.mu.Unlock()
	if running == nil {
		return nil, errors.New("the fake server is stopped")
	}
	conn, err := port(running).DialContext(ctx)
	if err != nil {
		return nil, err
	}
	return s.network.wrap(conn), nil
}

// Dialer connects a gRPC client to several servers by their addresses, as replicas; other addresses fail.
func Dialer(servers map[string]*Server) grpc.DialOption {
	return grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
		s := servers[address]
		if s == nil {
			return nil, errors.New("no fake server is at " + address)
		}
		return s.Dial(ctx)
	})
}

// HTTPDialer is [Dialer] for HTTP and [client.WithDialer].
func HTTPDialer(servers map[string]*Server) func(context.Context, string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		s := servers[address]
		if s == nil {
			return nil, errors.New("no fake server is at " + address)
		}
		return s.DialHTTP(ctx, address)
	}
}

// Client makes a client of the server, which is closed when the test ends.
func (s *Server) Client(tb testing.TB, opts ...client.Option) *client.Client {
	tb.Helper()
	return connect(tb, s.Target(), append(opts, client.WithDialOptions(s.DialOption())))
}

// HTTPClient is [Server.Client] over HTTP.
func (s *Server) HTTPClient(tb testing.TB, opts ...client.Option) *client.Client {
	tb.Helper()
	return connect(tb, s.HTTPTarget(), append(opts, client.WithDialer(s.DialHTTP)))
}

func connect(tb testing.TB, target string, opts []client.Option) *client.Client {
	tb.Helper()
	c, err := client.New(context.Background(), target, opts...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}

// Requests returns the inferences that have arrived, oldest first, as they came. They must not be changed.
func (s *Server) Requests() []*tritonpb.ModelInferRequest { return s.service.arrived() }

// SetReady makes a model ready or not, as loading and unloading it would; it panics on a model that Start was not
// given, which is a slip in the test.
func (s *Server) SetReady(model string, ready bool) { s.service.setReady(model, ready) }

// Inject makes the next inferences of model go wrong. Faults are used up in the order of their injection.
func (s *Server) Inject(model string, fault Fault) { s.service.inject(model, fault) }

// Heal forgets the faults of model.
func (s *Server) Heal(model string) { s.service.heal(model) }
