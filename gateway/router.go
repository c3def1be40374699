package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"
)

// Handler returns the public interface. It adds no listener limits; Serve does.
func (g *Gateway) Handler() http.Handler {
	r := g.router()
	r.Use(g.crossOrigin)
	for _, o := range g.operations() {
		h := http.Handler(o.handler)
		if strings.HasPrefix(o.path, "/v1/") {
			h = g.bound(h)
		}
		if !o.open {
			h = g.authenticate(g.limit(h))
		}
		r.Method(o.method, o.path, h)
	}
	return r
}

// AdminHandler returns the interface for operators: /metrics, /healthz and /readyz, the availability of items, and explanations.
func (g *Gateway) AdminHandler() http.Handler {
	r := g.router()
	r.Get("/healthz", g.getHealth)
	r.Get("/readyz", g.getReady)
	r.Method(http.MethodGet, "/metrics", g.metrics.handler())
	g.routeOperators(r)
	return r
}

// router makes a router with what both interfaces have.
func (g *Gateway) router() *chi.Mux {
	r := chi.NewRouter()
	r.Use(g.instrument, g.rescue)
	r.NotFound(func(w http.ResponseWriter, r *http.Request) {
		g.fail(w, r, &problemError{kind: notFound, detail: "no such path"})
	})
	r.MethodNotAllowed(func(w http.ResponseWriter, req *http.Request) {
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
			if r.Match(chi.NewRouteContext(), m, req.URL.Path) {
				w.Header().Add("Allow", m)
			}
		}
		g.fail(w, req, &problemError{kind: method, detail: "see the Allow header"})
	})
	return r
}

// recorder remembers what an http.ResponseWriter was told.
type recorder struct {
	http.ResponseWriter
	status int
	key    string // The name of the caller's, if it has one.
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

type requestKey struct{}

// requestID returns the id of the request that ctx belongs to.
func requestID(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

var goodRequestID = regexp.MustCompile(`^[A-Za-z0-9._:/+=@-]{1,128}$`)

// clientGone stands in metrics and logs for an answer that nobody waited for, as nginx has it.
const clientGone = 499

// instrument gives the request its id, and counts and logs it.
func (g *Gateway) instrument(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		g.metrics.inFlight.Inc()
		defer g.metrics.inFlight.Dec()
		id := r.Header.Get("X-Request-ID")
		if !goodRequestID.MatchString(id) {
			id = g.newID()
		}
		w.Header().Set("X-Request-ID", id)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		rec := &recorder{ResponseWriter: w}
		ctx := context.WithValue(r.Context(), requestKey{}, id)
		next.ServeHTTP(rec, r.WithContext(ctx))
		status := rec.status
		switch {
		case status == 0 && ctx.Err() != nil:
			status = clientGone
		case status == 0:
			status = http.StatusOK
		}
		route := chi.RouteContext(ctx).RoutePattern()
		if route == "" || strings.HasSuffix(route, "*") {
			route = "other"
		}
		took := time.Since(start)
		g.metrics.requests.WithLabelValues(route, methodLabel(r.Method), strconv.Itoa(status)).Inc()
		g.metrics.duration.WithLabelValues(route).Observe(took.Seconds())
		g.log.DebugContext(ctx, "request", slog.String("request_id", id), slog.String("route", route), slog.String("key", rec.key),
			slog.String("method", methodLabel(r.Method)), slog.Int("status", status), slog.Duration("took", took))
	})
}

// rescue turns a panic into a problem, or into a broken connection where the answer has begun.
func (g *Gateway) rescue(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer g.recovered(w, r)
		next.ServeHTTP(w, r)
	})
}

func (g *Gateway) recovered(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if err, ok := cause.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(cause)
	}
	g.log.ErrorContext(r.Context(), "panic", slog.String("request_id", requestID(r.Context())),
		slog.Any("cause", cause), slog.String("stack", string(debug.Stack())))
	if rec, ok := w.(*recorder); ok && rec.status != 0 {
		panic(http.ErrAbortHandler)
	}
	g.fail(w, r, fmt.Errorf("panic: %v", cause))
}

// bound refuses requests beyond the limit at once: waiting would only make all of them late.
func (g *Gateway) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case g.slots <- struct{}{}:
			defer func() { <-g.slots }()
			next.ServeHTTP(w, r)
		default:
			g.metrics.shed.WithLabelValues("in_flight").Inc()
			g.fail(w, r, &problemError{kind: overloaded, detail: fmt.Sprintf("%d requests are being served", cap(g.slots))})
		}
	})
}
