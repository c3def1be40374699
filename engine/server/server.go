package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"google.golang.org/grpc"
	_ "google.golang.org/grpc/encoding/gzip" // takes what clients compress
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"recsys/client/tritonpb"
	"recsys/engine"
)

// DefaultMaxMessage bounds a request and an answer.
const DefaultMaxMessage = 64 << 20

// maxStreams bounds the calls at work on one connection.
const maxStreams = 1024

// grace is how long requests at work may take to end when a server stops.
const grace = 10 * time.Second

// Options are the settings of a server. The zero value is the default.
type Options struct {
	// Version is told to clients as the server's version.
	Version string
	// MaxMessage is the largest message in bytes, either way; 0 is DefaultMaxMessage.
	MaxMessage int
	// Control lets clients load and unload models, as Triton's --model-control-mode=explicit does.
	Control bool
}

// Server implements tritonpb.GRPCInferenceServiceServer and http.Handler. It is safe for concurrent use.
type Server struct {
	tritonpb.UnimplementedGRPCInferenceServiceServer
	engine  *engine.Engine
	options Options
}

// New makes the service. The engine stays the caller's to close.
func New(e *engine.Engine, o Options) *Server {
	if o.MaxMessage == 0 {
		o.MaxMessage = DefaultMaxMessage
	}
	return &Server{engine: e, options: o}
}

// Serve answers on the listener, which it closes, until ctx ends; then it takes no more requests, gives those at work ten seconds to
// end, and returns nil. Any other end is an error.
func Serve(ctx context.Context, l net.Listener, e *engine.Engine, o Options) error {
	s := New(e, o)
	g := grpc.NewServer(
		grpc.MaxRecvMsgSize(s.options.MaxMessage), grpc.MaxSendMsgSize(s.options.MaxMessage), grpc.MaxConcurrentStreams(maxStreams),
	)
	tritonpb.RegisterGRPCInferenceServiceServer(g, s)
	grpc_health_v1.RegisterHealthServer(g, health.NewServer())

	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		force := time.AfterFunc(grace, g.Stop)
		defer force.Stop()
		g.GracefulStop()
		close(stopped)
	})
	err := g.Serve(l)
	if !stop() {
		<-stopped
	}
	if err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve engine on %s: %w", l.Addr(), err)
	}
	return nil
}
