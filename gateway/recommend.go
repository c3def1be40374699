package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"time"

	"recsys/featurestore"
	"recsys/tensor"
)

func (g *Gateway) postRecommendations(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	g.recommend(w, r, func(v *view) (*recommendation, error) { return v.readRecommendation(body) })
}

func (g *Gateway) getRecommendations(w http.ResponseWriter, r *http.Request) {
	g.recommend(w, r, func(v *view) (*recommendation, error) { return v.readShort(r) })
}

func (g *Gateway) recommend(w http.ResponseWriter, r *http.Request, read func(*view) (*recommendation, error)) {
	ctx, cancel := context.WithTimeout(r.Context(), g.config.Timeout)
	defer cancel()
	a, err := g.follow(ctx, read)
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

// attempts bounds how often a request is made anew because another generation answered than the one it was made for. While replicas
// switch one after the other, it may meet each of both.
const attempts = 3

// follow reads and answers a request by the generation that answers: where it turns out to be another one than was thought, all is done
// anew by that one's manifest. If that comes to nothing, the first answer is better than none, and says what it is.
func (g *Gateway) follow(ctx context.Context, read func(*view) (*recommendation, error)) (*Answer, error) {
	v := g.views.now.Load()
	var first *Answer
	for attempt := 1; ; attempt++ {
		q, err := read(v)
		var a *Answer
		var next *view
		if err == nil {
			a, next, err = g.answer(ctx, v, q, attempt < attempts)
		} else if attempt < attempts {
			next = g.views.other(ctx, v) // A new generation may take what this one does not.
		}
		if next == nil {
			if first == nil || err == nil && !slices.Contains(a.DegradedReasons, FallbackPopular) {
				return a, err
			}
			first.degrade(GenerationChanged)
			return first, nil
		}
		if first == nil {
			first = a
		}
		v = next
	}
}

// answer makes the answer by a view within the deadline of ctx, with less where something does not answer. If it should be made by
// another view, and may, it returns that.
func (g *Gateway) answer(ctx context.Context, v *view, q *recommendation, again bool) (*Answer, *view, error) {
	a := &Answer{
		RequestID: requestID(ctx), RecommendationID: g.newID(), DegradedReasons: []string{},
		Model: Model{Name: g.config.Model, Variant: g.config.Variant}, MissingItemIDs: v.missing(q),
	}
	user, storeErr := g.readUser(ctx, v, q.userID)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, nil, ctx.Err() // The client has gone: spare the ensemble.
	}
	if err := storeErr; err != nil {
		g.warnings.warn(ctx, FeaturesUnavailable, slog.Any("error", err))
		a.degrade(FeaturesUnavailable)
	}
	blocked := v.blocked(v.seen(user), q.exclude)
	f := facts{userID: q.userID, row: user.Row, history: user.History, context: q.context, now: g.now().Unix()}
	if q.givenHistory {
		f.history = q.history
	}
	in, rowErr, err := v.merger.inputs(f)
	if err != nil {
		return nil, nil, fmt.Errorf("merge features: %w", err)
	}
	if rowErr != nil {
		g.warnings.warn(ctx, FeaturesInvalid, slog.Any("error", rowErr))
		a.degrade(FeaturesInvalid)
	}
	if storeErr == nil {
		g.metrics.countUser(user.Row, rowErr)
	}
	if v.catalog.input != "" {
		in[v.catalog.input] = v.catalog.blocked(blocked)
	}
	if a.Items, a.Model.Generation, err = g.infer(ctx, v, in, q.results, blocked); err == nil {
		return a, g.answered(ctx, v, a, again), nil
	}
	if again {
		if next := g.views.other(ctx, v); next != nil {
			return nil, next, nil
		}
	}
	if g.config.NoFallback || len(v.manifest.Fallback) == 0 {
		return nil, nil, err
	}
	g.warnings.warn(ctx, FallbackPopular, slog.Any("error", err))
	a.degrade(FallbackPopular)
	a.Items, a.Model.Generation = v.popular(q.results, blocked), v.manifest.Generation
	return a, nil, nil
}

// answered looks at the generation that has answered a request of a view, and returns the view to make it anew by, if it may.
func (g *Gateway) answered(ctx context.Context, v *view, a *Answer, again bool) *view {
	if a.Model.Generation == v.manifest.Generation {
		g.views.serve(ctx, v)
		return nil
	}
	if again {
		if next := g.views.get(ctx, a.Model.Generation); next != nil {
			return next
		}
	}
	a.degrade(GenerationChanged)
	return nil
}

// blocked joins what must not be recommended. An ensemble without a bitmap does not leave seen items out.
func (v *view) blocked(seen, exclude []string) map[string]bool {
	if v.catalog.input == "" {
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
func (v *view) missing(q *recommendation) []string {
	out := []string{}
	listed := map[string]bool{}
	for _, ids := range [][]string{q.history, q.exclude} {
		for _, id := range ids {
			if !v.catalog.known(id) && !listed[id] {
				listed[id] = true
				out = append(out, id)
			}
		}
	}
	return out
}

// readUser reads from the store within its part of the budget.
func (g *Gateway) readUser(ctx context.Context, v *view, id string) (featurestore.User, error) {
	ctx, cancel := context.WithTimeout(ctx, g.config.StoreTimeout)
	defer cancel()
	limit := 0
	if h := v.manifest.History; h != nil {
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
func (g *Gateway) infer(ctx context.Context, v *view, in tensor.Map, n int, blocked map[string]bool) ([]Item, int, error) {
	start := time.Now()
	items, generation, err := g.call(ctx, v, in, n, blocked)
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

func (g *Gateway) call(ctx context.Context, v *view, in tensor.Map, n int, blocked map[string]bool) ([]Item, int, error) {
	out, version, err := g.config.Inferencer.Infer(ctx, g.config.Model, in, v.outputs)
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
	items, err := v.items(out, n, blocked)
	return items, generation, err
}

// seen returns the items that the user has seen and must not be shown again.
func (v *view) seen(user featurestore.User) []string {
	if v.manifest.KeepSeen {
		return nil
	}
	return user.Seen
}
