package gateway

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"recsys/ensemble"
)

// probeTimeout bounds what /readyz waits for.
const probeTimeout = time.Second

// health is the body of /healthz.
type health struct {
	Status string `json:"status"`
}

// readiness is the body of /readyz.
type readiness struct {
	Status   string `json:"status"` // "ready", "draining" or "not ready".
	Model    string `json:"model"`
	Features string `json:"features"`
}

// getHealth says that the process serves HTTP, and nothing else.
func (g *Gateway) getHealth(w http.ResponseWriter, r *http.Request) {
	g.write(w, r, http.StatusOK, health{"ok"})
}

// getReady answers 200 while the gateway takes requests and the ensemble is ready. The feature store counts only
// where the configuration requires it: without it, answers are degraded, not absent.
func (g *Gateway) getReady(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
	defer cancel()
	state := readiness{Status: "ready", Model: "ok", Features: "ok"}
	if g.draining.Load() {
		state.Status = "draining"
	}
	if err := g.modelReady(ctx); err != nil {
		state.Model = "unavailable"
		g.log.DebugContext(ctx, "model not ready", slog.Any("error", err))
	}
	if err := g.config.Store.Ping(ctx); err != nil {
		state.Features = "unavailable"
		g.log.DebugContext(ctx, "feature store not ready", slog.Any("error", err))
	}
	if state.Status == "ready" && (state.Model != "ok" || g.config.RequireStore && state.Features != "ok") {
		state.Status = "not ready"
	}
	status := http.StatusOK
	if state.Status != "ready" {
		status = http.StatusServiceUnavailable
	}
	g.write(w, r, status, state)
}

// modelReady asks for every ensemble of the generation.
func (g *Gateway) modelReady(ctx context.Context) error {
	err := g.config.Inferencer.Ready(ctx, g.config.Model)
	if err == nil && g.views.now.Load().ranking != nil {
		err = g.config.Inferencer.Ready(ctx, ensemble.RankingName(g.config.Model))
	}
	return err
}
