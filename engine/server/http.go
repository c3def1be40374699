package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"recsys/client/tritonpb"
	"recsys/engine"
)

const (
	// headerTimeout bounds how long a client may take to send a request's header, idleTimeout how long a connection may do nothing.
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	// maxHeader bounds a request's header in bytes.
	maxHeader = 64 << 10
)

// ServeHTTP answers on the listener, which it closes, until ctx ends, as [Serve] does over gRPC.
func ServeHTTP(ctx context.Context, l net.Listener, e *engine.Engine, o Options) error {
	return serveHTTP(ctx, l, New(e, o))
}

func serveHTTP(ctx context.Context, l net.Listener, handler http.Handler) error {
	s := &http.Server{Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader}
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		err := s.Shutdown(grace)
		stopped <- errors.Join(err, s.Close())
	})
	err := s.Serve(l)
	if !stop() {
		if stopErr := <-stopped; stopErr != nil && !errors.Is(stopErr, context.DeadlineExceeded) {
			return fmt.Errorf("stop serving on %s: %w", l.Addr(), stopErr)
		}
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve engine on %s: %w", l.Addr(), err)
	}
	return nil
}

// route is a place below /v2: a model, its version, and what is asked of it.
type route struct {
	model, version, verb string
}

// ServeHTTP answers a request of the KServe v2 protocol with Triton's extensions of binary tensors, statistics, configurations and the
// repository.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), "/v2")
	if !ok || path != "" && path[0] != '/' {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, part := range parts {
		text, err := url.PathUnescape(part)
		if err != nil || text == "" && path != "" {
			fail(w, http.StatusNotFound, "Not Found")
			return
		}
		parts[i] = text
	}
	method, handle := s.find(parts)
	switch {
	case handle == nil:
		fail(w, http.StatusNotFound, "Not Found")
	case method != "" && r.Method != method:
		w.Header().Set("Allow", method)
		fail(w, http.StatusMethodNotAllowed, "Method Not Allowed")
	default:
		r.Body = http.MaxBytesReader(w, r.Body, int64(s.options.MaxMessage))
		handle(w, r)
	}
}

// find returns the method, empty for any, and the handler of a path; nil if there is none.
func (s *Server) find(parts []string) (string, http.HandlerFunc) {
	switch parts[0] {
	case "":
		return http.MethodGet, get(s.ServerMetadata, &tritonpb.ServerMetadataRequest{})
	case "health":
		return http.MethodGet, s.health(parts[1:])
	case "models":
		if len(parts) == 2 && parts[1] == "stats" {
			return http.MethodGet, get(s.ModelStatistics, &tritonpb.ModelStatisticsRequest{})
		}
		return s.findModel(parts[1:])
	case "repository":
		return http.MethodPost, s.findRepository(parts[1:])
	case "trace", "logging":
		reason := map[string]string{"trace": noTrace, "logging": noLog}[parts[0]]
		return anyMethod(reason)
	case "systemsharedmemory", "cudasharedmemory":
		return anyMethod(noSharedMemory)
	}
	return "", nil
}

// anyMethod refuses what is not supported, whatever the method.
func anyMethod(reason string) (string, http.HandlerFunc) {
	return "", func(w http.ResponseWriter, _ *http.Request) { failStatus(w, unsupported(reason)) }
}

func (s *Server) health(parts []string) http.HandlerFunc {
	if len(parts) != 1 || parts[0] != "live" && parts[0] != "ready" {
		return nil
	}
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		if s.engine.Ready(r.Context(), "") != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}
}

// findModel takes NAME[/versions/N][/VERB] apart.
func (s *Server) findModel(parts []string) (string, http.HandlerFunc) {
	if len(parts) == 0 {
		return "", nil
	}
	at := route{model: parts[0]}
	parts = parts[1:]
	if len(parts) > 1 && parts[0] == "versions" {
		if strings.Trim(parts[1], "0123456789") != "" {
			return "", nil
		}
		at.version, parts = parts[1], parts[2:]
	}
	if len(parts) > 1 {
		if len(parts) == 2 && parts[0] == "trace" && parts[1] == "setting" {
			return anyMethod(noTrace)
		}
		return "", nil
	}
	if len(parts) == 1 {
		at.verb = parts[0]
	}
	switch at.verb {
	case "":
		return http.MethodGet, get(s.ModelMetadata, &tritonpb.ModelMetadataRequest{Name: at.model, Version: at.version})
	case "ready":
		return http.MethodGet, s.modelReady(at)
	case "config":
		return http.MethodGet, s.modelConfig(at)
	case "stats":
		return http.MethodGet, get(s.ModelStatistics, &tritonpb.ModelStatisticsRequest{Name: at.model, Version: at.version})
	case "infer":
		return http.MethodPost, func(w http.ResponseWriter, r *http.Request) { s.httpInfer(w, r, at) }
	}
	return "", nil
}

func (s *Server) modelReady(at route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, err := s.ModelReady(r.Context(), &tritonpb.ModelReadyRequest{Name: at.model, Version: at.version})
		switch {
		case err != nil:
			failStatus(w, err)
		case !a.GetReady():
			fail(w, http.StatusBadRequest, "Model version not ready")
		default:
			w.Header().Set("Content-Type", "text/plain")
		}
	}
}

func (s *Server) modelConfig(at route) http.HandlerFunc {
	return get(func(ctx context.Context, r *tritonpb.ModelConfigRequest) (*tritonpb.ModelConfig, error) {
		a, err := s.ModelConfig(ctx, r)
		return a.GetConfig(), err
	}, &tritonpb.ModelConfigRequest{Name: at.model, Version: at.version})
}

// get answers with what a method of the gRPC service does.
func get[Q any, A proto.Message](method func(context.Context, Q) (A, error), q Q) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a, err := method(r.Context(), q)
		if err != nil {
			failStatus(w, err)
			return
		}
		reply(w, appendJSON(nil, a.ProtoReflect()))
	}
}

func reply(w http.ResponseWriter, body []byte) { send(w, http.StatusOK, body) }

func fail(w http.ResponseWriter, code int, text string) {
	send(w, code, append(appendString([]byte(`{"error":`), text), '}'))
}

// send answers with JSON.
func send(w http.ResponseWriter, code int, body []byte) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(body) //nolint:gosec,nolintlint // It is JSON, and said to be; a client that left needs no answer.
}

func failStatus(w http.ResponseWriter, err error) {
	s := status.Convert(err)
	fail(w, httpStatus(s.Code()), s.Message())
}

// clientGone is nginx's status of a request whose caller did not wait for the answer, which Triton uses too.
const clientGone = 499

// httpStatus translates a code.
func httpStatus(code codes.Code) int {
	switch code {
	case codes.OK:
		return http.StatusOK
	case codes.InvalidArgument, codes.Unknown:
		return http.StatusBadRequest
	case codes.NotFound:
		return http.StatusNotFound
	case codes.AlreadyExists:
		return http.StatusConflict
	case codes.Canceled:
		return clientGone
	case codes.Unimplemented:
		return http.StatusNotImplemented
	case codes.Unavailable:
		return http.StatusServiceUnavailable
	case codes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	default:
		return http.StatusInternalServerError
	}
}
