package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"recsys/featurestore"
	"recsys/tensor"
)

func (g *Gateway) postRecommendations(w http.ResponseWriter, r *http.Request) {
	q, err := g.readRecommendation(w, r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	g.recommend(w, r, q)
}

func (g *Gateway) getRecommendations(w http.ResponseWriter, r *http.Request) {
	q, err := g.readShort(r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	g.recommend(w, r, q)
}

func (g *Gateway) recommend(w http.ResponseWriter, r *http.Request, q *recommendation) {
	ctx, cancel := context.WithTimeout(r.Context(), g.config.Timeout)
	defer cancel()
	a, err := g.answer(ctx, q)
	if r.Context().Err() != nil {
		return // The client has gone; see instrument.
	}
	if err != nil {
		g.fail(w, r, err)
		return
	}
	g.metrics.items.Observe(float64(len(a.Items)))
	for _, reason := range a.DegradedReasons {
		g.metrics.degraded.WithLabelValues(reason).Inc()
	}
	g.write(w, r, http.StatusOK, a)
}

// answer makes the answer within the deadline of ctx, with less where something does not answer.
func (g *Gateway) answer(ctx context.Context, q *recommendation) (*Answer, error) {
	a := &Answer{
		RequestID: requestID(ctx), RecommendationID: g.newID(), DegradedReasons: []string{},
		Model: Model{Name: g.config.Model, Variant: g.config.Variant}, MissingItemIDs: g.missing(q),
	}
	user, storeErr := g.readUser(ctx, q.userID)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err() // The client has gone: spare the ensemble.
	}
	if err := storeErr; err != nil {
		g.warnings.warn(ctx, FeaturesUnavailable, slog.Any("error", err))
		a.degrade(FeaturesUnavailable)
	}
	blocked := g.blocked(g.seen(user), q.exclude)
	f := facts{userID: q.userID, row: user.Row, history: user.History, context: q.context, now: g.now().Unix()}
	if q.givenHistory {
		f.history = q.history
	}
	in, rowErr, err := g.merger.inputs(f)
	if err != nil {
		return nil, fmt.Errorf("merge features: %w", err)
	}
	if rowErr != nil {
		g.warnings.warn(ctx, FeaturesInvalid, slog.Any("error", rowErr))
		a.degrade(FeaturesInvalid)
	}
	if storeErr == nil {
		g.metrics.countUser(user.Row, rowErr)
	}
	if g.catalog.input != "" {
		in[g.catalog.input] = g.catalog.blocked(blocked)
	}
	if a.Items, a.Model.Generation, err = g.infer(ctx, in, q.results, blocked); err == nil {
		if a.Model.Generation != g.config.Manifest.Generation {
			a.degrade(GenerationChanged)
		}
		return a, nil
	}
	if g.config.NoFallback || len(g.config.Manifest.Fallback) == 0 {
		return nil, err
	}
	g.warnings.warn(ctx, FallbackPopular, slog.Any("error", err))
	a.degrade(FallbackPopular)
	a.Items, a.Model.Generation = g.popular(q.results, blocked), g.config.Manifest.Generation
	return a, nil
}

// blocked joins what must not be recommended. An ensemble without a bitmap does not leave seen items out.
func (g *Gateway) blocked(seen, exclude []string) map[string]bool {
	if g.catalog.input == "" {
		seen = nil
	}
	blocked := make(map[string]bool, len(seen)+len(exclude))
	for _, ids := range [][]string{seen, exclude} {
		for _, id := range ids {
			blocked[id] = true
		}
	}
	return blocked
}

// missing lists the ids of the request that are no items.
func (g *Gateway) missing(q *recommendation) []string {
	out := []string{}
	listed := map[string]bool{}
	for _, ids := range [][]string{q.history, q.exclude} {
		for _, id := range ids {
			if !g.catalog.known(id) && !listed[id] {
				listed[id] = true
				out = append(out, id)
			}
		}
	}
	return out
}

// readUser reads from the store within its part of the budget.
func (g *Gateway) readUser(ctx context.Context, id string) (featurestore.User, error) {
	ctx, cancel := context.WithTimeout(ctx, g.config.StoreTimeout)
	defer cancel()
	limit := 0
	if h := g.config.Manifest.History; h != nil {
		limit = h.Length
	}
	start := time.Now()
	user, err := g.config.Store.User(ctx, id, limit)
	g.metrics.fetch.Observe(time.Since(start).Seconds())
	if err != nil {
		g.metrics.features.WithLabelValues("user", "error").Inc()
		return featurestore.User{}, fmt.Errorf("%w: %w", errStore, err)
	}
	return user, nil
}

// infer calls the ensemble and reads its answer.
func (g *Gateway) infer(ctx context.Context, in tensor.Map, n int, blocked map[string]bool) ([]Item, int, error) {
	start := time.Now()
	items, generation, err := g.call(ctx, in, n, blocked)
	code := "ok"
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		code = "timeout"
	case errors.Is(err, errScore):
		code = "unusable"
	case err != nil:
		code = "error"
	}
	g.metrics.inference.WithLabelValues(g.config.Model, code).Observe(time.Since(start).Seconds())
	return items, generation, err
}

func (g *Gateway) call(ctx context.Context, in tensor.Map, n int, blocked map[string]bool) ([]Item, int, error) {
	out, version, err := g.config.Inferencer.Infer(ctx, g.config.Model, in, g.outputs)
	if err != nil {
		if errors.Is(ctx.Err(), context.DeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
			err = errors.Join(err, ctx.Err())
		}
		return nil, 0, fmt.Errorf("%w: %w", errModel, err)
	}
	generation, err := strconv.Atoi(version)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: version %q is no number", errScore, version)
	}
	items, err := g.items(out, n, blocked)
	return items, generation, err
}

// seen returns the items that the user has seen and must not be shown again.
func (g *Gateway) seen(user featurestore.User) []string {
	if g.config.Manifest.KeepSeen {
		return nil
	}
	return user.Seen
}
