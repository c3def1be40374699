package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of the listeners.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 60 * time.Second
	maxHeaderBytes    = 16 << 10
)

// DefaultShutdownTimeout is how long requests in flight may take to finish.
const DefaultShutdownTimeout = 10 * time.Second

// Listeners says where a gateway serves and how it stops.
type Listeners struct {
	// Public serves Handler; Admin serves AdminHandler, and may be nil. Serve closes both.
	Public, Admin net.Listener
	// DrainDelay is the time between /readyz turning 503 and the end of new connections, in which load
	// balancers notice. 0 is none.
	DrainDelay time.Duration
	// ShutdownTimeout bounds the wait for requests in flight, DefaultShutdownTimeout if 0.
	ShutdownTimeout time.Duration
}

// Serve serves until ctx ends, then drains: /readyz answers 503, after the delay no new connection is taken,
// and requests in flight finish. It returns nil after a clean end. Call it once.
func (g *Gateway) Serve(ctx context.Context, l Listeners) error {
	if l.Public == nil {
		return errors.New("serve: no public listener")
	}
	if l.ShutdownTimeout == 0 {
		l.ShutdownTimeout = DefaultShutdownTimeout
	}
	servers := []*http.Server{g.server(ctx, g.Handler())}
	listeners := []net.Listener{l.Public}
	if l.Admin != nil {
		servers, listeners = append(servers, g.server(ctx, g.AdminHandler())), append(listeners, l.Admin)
	}
	ended := make(chan error, len(servers))
	for i, s := range servers {
		go func() { ended <- s.Serve(listeners[i]) }()
	}
	var errs []error
	running := len(servers)
	select {
	case <-ctx.Done():
		g.draining.Store(true)
		g.log.InfoContext(ctx, "draining", slog.Duration("delay", l.DrainDelay))
		wait(l.DrainDelay)
	case err := <-ended:
		errs = append(errs, fmt.Errorf("serve: %w", err)) // A listener has failed: stop the other, too.
		running--
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.ShutdownTimeout)
	defer cancel()
	for _, s := range servers { // The public one first: operators watch the end.
		if err := s.Shutdown(stop); err != nil {
			errs = append(errs, fmt.Errorf("requests were cut off: %w", err), s.Close())
		}
	}
	for range running {
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, fmt.Errorf("serve: %w", err))
		}
	}
	g.views.open.Wait()
	g.stocks.reads.Wait()
	return errors.Join(errs...)
}

func (g *Gateway) server(ctx context.Context, h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:    slog.NewLogLogger(g.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
}

func wait(d time.Duration) {
	if d > 0 {
		<-time.After(d)
	}
}
