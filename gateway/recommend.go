package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"recsys/featurestore"
	"recsys/ordering"
	"recsys/tensor"
)

func (g *Gateway) postRecommendations(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	g.recommend(w, r, func(v *view) (*recommendation, error) { return v.readRecommendation(body) }, whole)
}

func (g *Gateway) getRecommendations(w http.ResponseWriter, r *http.Request) {
	g.recommend(w, r, func(v *view) (*recommendation, error) { return v.readShort(r) }, whole)
}

// whole answers with all of an answer.
func whole(e *asked) any { return e.answer }

// recommend answers one request; show makes the body.
func (g *Gateway) recommend(w http.ResponseWriter, r *http.Request, read func(*view) (*recommendation, error), show func(*asked) any) {
	ctx, cancel := context.WithTimeout(r.Context(), g.config.Timeout)
	defer cancel()
	all, err := g.follow(ctx, func(v *view) ([]*asked, error) {
		q, err := read(v)
		return []*asked{{q: q, err: err}}, nil
	})
	if r.Context().Err() != nil {
		return // The client has gone; see instrument.
	}
	if err == nil {
		err = all[0].err
	}
	if err != nil {
		g.fail(w, r, err)
		return
	}
	g.countAnswer(all[0].answer)
	g.write(w, r, http.StatusOK, show(all[0]))
}

func (g *Gateway) countAnswer(a *Answer) {
	g.metrics.items.Observe(float64(len(a.Items)))
	for _, reason := range a.DegradedReasons {
		g.metrics.degraded.WithLabelValues(reason).Inc()
	}
}

// asked is one request for recommendations and what becomes of it: an answer or an error.
type asked struct {
	q      *recommendation
	err    error
	answer *Answer

	// What the ensemble is asked, and why the answer will be degraded.
	in        tensor.Map
	selection selection
	reasons   []string
	// How the answer is ordered: nil as the ensemble does, the seed nil where nothing is drawn. known are the merged columns.
	rules *ordering.Rules
	seed  *int
	known tensor.Map
	why   reasons
	// What it said.
	items   []Item
	failure error
}

// attempts bounds how often a request is made anew because another generation answered than the one it was made for. While replicas
// switch one after the other, it may meet each of both.
const attempts = 3

// follow reads and answers requests by the generation that answers: where it turns out to be another one than was thought, all is done
// anew by that one's manifest. If that comes to nothing, the first answer is better than none, and says what it is.
func (g *Gateway) follow(ctx context.Context, read func(*view) ([]*asked, error)) ([]*asked, error) {
	v := g.views.now.Load()
	var first []*asked
	for attempt := 1; ; attempt++ {
		again := attempt < attempts
		all, err := read(v)
		var next *view
		if again && (err != nil || slices.ContainsFunc(all, func(e *asked) bool { return e.err != nil })) {
			next = g.views.other(ctx, v) // A new generation may take what this one does not.
		}
		if err == nil && next == nil {
			next, err = g.answer(ctx, v, all, again)
		}
		switch {
		case next == nil && first == nil:
			return all, err
		case next == nil:
			return better(first, all, err), nil
		case first == nil:
			first = all
		}
		v = next
	}
}

// better chooses between the first and the last answers to the same requests, or to the first and an error.
func better(first, last []*asked, err error) []*asked {
	for i, e := range first {
		switch {
		case err == nil && (e.answer == nil || last[i].answer != nil && !slices.Contains(last[i].answer.DegradedReasons, FallbackPopular)):
			first[i] = last[i]
		case e.answer != nil:
			e.answer.degrade(GenerationChanged)
		default:
			e.err = err
		}
	}
	return first
}

// answer answers requests by a view within the deadline of ctx, with less where something does not answer; those that have an error are
// left out. If it should be done by another view, and may, it returns that.
func (g *Gateway) answer(ctx context.Context, v *view, all []*asked, again bool) (*view, error) {
	ctx, cancel := g.within(ctx, all[0].q)
	defer cancel()
	g.prepare(ctx, v, all)
	if errors.Is(ctx.Err(), context.Canceled) {
		return nil, ctx.Err() // The client has gone: spare the ensemble.
	}
	ready := make([]*asked, 0, len(all))
	for _, e := range all {
		if e.err == nil {
			ready = append(ready, e)
		}
	}
	for users := range slices.Chunk(ready, v.manifest.Limits.MaxBatch) {
		generation := g.infer(ctx, v, users)
		answered, next := false, (*view)(nil)
		for _, e := range users {
			if e.failure == nil {
				answered = true
				g.finish(ctx, v, e, generation)
			}
		}
		if answered || generation != 0 && generation != v.manifest.Generation {
			next = g.answered(ctx, v, generation, again)
		}
		if next == nil && again && slices.ContainsFunc(users, func(e *asked) bool { return e.failure != nil }) {
			next = g.views.other(ctx, v)
		}
		if next != nil {
			return next, nil
		}
		for _, e := range users {
			switch {
			case e.failure != nil:
				g.fallBack(ctx, v, e)
			case generation != v.manifest.Generation:
				e.answer.degrade(GenerationChanged)
			}
		}
	}
	return nil, nil
}

// within gives a request, or a batch by its first one, the time that its caller waits, if that is less than the gateway's budget.
func (g *Gateway) within(ctx context.Context, q *recommendation) (context.Context, context.CancelFunc) {
	end, ok := ctx.Deadline()
	if !ok || q == nil || q.timeout == 0 || q.timeout >= g.config.Timeout {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, end.Add(q.timeout-g.config.Timeout))
}

// storeTimeout is the part of a request's time that reading the user may take.
func (g *Gateway) storeTimeout(q *recommendation) time.Duration {
	if q.timeout == 0 || q.timeout >= g.config.Timeout {
		return g.config.StoreTimeout
	}
	return time.Duration(float64(g.config.StoreTimeout) * float64(q.timeout) / float64(g.config.Timeout))
}

// maxReads bounds the users that one request reads from the store at the same time.
const maxReads = 8

// prepare makes the ensemble's inputs of every request that has no error.
func (g *Gateway) prepare(ctx context.Context, v *view, all []*asked) {
	if len(all) == 1 {
		if all[0].err == nil {
			all[0].err = g.ready(ctx, v, all[0])
		}
		return
	}
	var wait sync.WaitGroup
	var next atomic.Int64
	for range min(maxReads, len(all)) {
		wait.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(all)); i = next.Add(1) - 1 {
				if e := all[i]; e.err == nil {
					e.err = g.ready(ctx, v, e)
				}
			}
		})
	}
	wait.Wait()
}

// ready reads the user and makes the ensemble's inputs of a request.
func (g *Gateway) ready(ctx context.Context, v *view, e *asked) error {
	q := e.q
	user, storeErr := g.readUser(ctx, v, q)
	if storeErr != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return ctx.Err()
		}
		g.warnings.warn(ctx, FeaturesUnavailable, slog.Any("error", storeErr))
		e.reasons = append(e.reasons, FeaturesUnavailable)
	}
	row := v.merger.codec.Pick(user.Rows)
	f := facts{userID: q.userID, row: row, history: user.History, context: q.context, now: g.now().Unix()}
	if q.givenHistory {
		f.history = q.history
	}
	in, rowErr, err := v.merger.inputs(f)
	if err != nil {
		return fmt.Errorf("merge features: %w", err)
	}
	if rowErr != nil {
		g.warnings.warn(ctx, FeaturesInvalid, slog.Any("error", rowErr))
		e.reasons = append(e.reasons, FeaturesInvalid)
	}
	if storeErr == nil {
		g.metrics.countRow("user", row, rowErr)
	}
	if e.selection, err = v.selection(ctx, q, user, g.stockFor(ctx, e, user, storeErr), in); err != nil {
		return err
	}
	g.choose(v, e, in)
	if e.why.view = v; e.q.explained {
		e.known = maps.Clone(in)
	}
	for _, c := range v.manifest.Attributes {
		delete(in, c.Name)
	}
	if v.catalog.input != "" {
		in[v.catalog.input] = tensor.Of(e.selection.bits, 1, len(e.selection.bits))
	}
	e.in = in
	return nil
}

// finish makes the answer of a request's items.
func (g *Gateway) finish(ctx context.Context, v *view, e *asked, generation int) {
	e.answer = &Answer{
		RequestID: requestID(ctx), RecommendationID: g.newID(), Items: e.items, DegradedReasons: []string{},
		Model: Model{g.config.Model, generation, g.config.Variant}, MissingItemIDs: v.missing(e.q), Seed: e.seed,
	}
	for _, reason := range e.reasons {
		e.answer.degrade(reason)
	}
	v.describe(e.items, e.q.fields)
}

// fallBack answers a request that the ensemble has not answered with popular items, if it may.
func (g *Gateway) fallBack(ctx context.Context, v *view, e *asked) {
	if g.config.NoFallback || len(v.manifest.Fallback) == 0 {
		e.err = e.failure
		return
	}
	g.warnings.warn(ctx, FallbackPopular, slog.Any("error", e.failure))
	e.reasons = append(e.reasons, FallbackPopular)
	e.items, e.seed, e.why.out = v.popular(e.q.results, e.selection, e.q.candidates), nil, nil
	g.finish(ctx, v, e, v.manifest.Generation)
}

// answered looks at the generation that has answered requests of a view, and returns the view to make them anew by, if it may.
func (g *Gateway) answered(ctx context.Context, v *view, generation int, again bool) *view {
	switch {
	case generation == v.manifest.Generation:
		g.views.serve(ctx, v)
	case again:
		return g.views.get(ctx, generation)
	}
	return nil
}

// everything drops what is recommended to nobody.
func (v *view) everything(s *stock) selection {
	bits := slices.Clone(v.catalog.base)
	for i, b := range v.catalog.missing(s) {
		bits[i] |= b
	}
	return selection{catalog: v.catalog, bits: bits, stock: s}
}

// selection joins what must not be recommended, given the merged columns of the request. An ensemble without a bitmap does not leave
// seen items out, nor does a ranking.
func (v *view) selection(ctx context.Context, q *recommendation, user featurestore.User, set *stock, in tensor.Map) (selection, error) {
	seen := user.Seen
	if v.catalog.input == "" || v.manifest.KeepSeen || q.ranking {
		seen = nil
	}
	s := v.everything(set)
	s.blocked = make(map[string]bool, len(seen)+len(q.exclude))
	for _, ids := range [][]string{seen, q.exclude} {
		for _, id := range ids {
			s.blocked[id] = true
		}
	}
	if q.givenCandidates {
		s.only = make(map[string]bool, len(q.candidates))
		for _, id := range q.candidates {
			s.only[id] = true
		}
	}
	v.catalog.block(s.bits, s)
	return s, v.filters.apply(ctx, s.bits, q.filter, in)
}

// missing lists the ids of the request that are no items.
func (v *view) missing(q *recommendation) []string {
	out := []string{}
	listed := map[string]bool{}
	for _, ids := range [][]string{q.history, q.exclude, q.candidates} {
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
func (g *Gateway) readUser(ctx context.Context, v *view, q *recommendation) (featurestore.User, error) {
	ctx, cancel := context.WithTimeout(ctx, g.storeTimeout(q))
	defer cancel()
	limit := 0
	if h := v.manifest.History; h != nil {
		limit = h.Length
	}
	start := time.Now()
	user, err := g.config.Store.User(ctx, q.userID, limit)
	g.metrics.fetch.Observe(time.Since(start).Seconds())
	if err != nil {
		g.metrics.features.WithLabelValues("user", "error").Inc()
		return featurestore.User{}, fmt.Errorf("%w: %w", errStore, err)
	}
	return user, nil
}

// infer asks the ensemble for all users in one call, gives each its items or a failure, and returns the generation that has answered.
func (g *Gateway) infer(ctx context.Context, v *view, users []*asked) int {
	start := time.Now()
	out, generation, err := g.call(ctx, v, users)
	called := err == nil
	for i, e := range users {
		if !called {
			e.failure = err
			continue
		}
		if e.q.explained {
			e.why.out = out
		}
		if e.items, e.failure = v.items(out, i, e.results(out[v.manifest.Outputs.Scores].Dim(1)), e.selection); e.failure == nil && e.rules != nil {
			e.items, e.failure = v.order(ctx, e, e.items)
		}
		if e.failure != nil {
			err = e.failure // For the metric.
		}
	}
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
	return generation
}

func (g *Gateway) call(ctx context.Context, v *view, users []*asked) (tensor.Map, int, error) {
	in, err := stack(users)
	if err != nil {
		return nil, 0, fmt.Errorf("join requests: %w", err)
	}
	if v.ranking != nil {
		return g.callBoth(ctx, v, users, in)
	}
	out, generation, err := g.ask(ctx, in, with(v.outputs, v.manifest.Outputs.Explain, users))
	if err != nil {
		return nil, generation, err
	}
	return out, generation, v.checkOutputs(out, len(users))
}

// ask asks the ensemble, and returns the generation that has answered.
func (g *Gateway) ask(ctx context.Context, in tensor.Map, outputs []string) (tensor.Map, int, error) {
	out, version, err := g.config.Inferencer.Infer(ctx, g.config.Model, in, outputs)
	if err != nil {
		return nil, 0, modelError(ctx, err)
	}
	generation, err := strconv.Atoi(version)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: version %q is no number", errScore, version)
	}
	return out, generation, nil
}

// modelError says that an ensemble has not answered, and whether that is because the time is over.
func modelError(ctx context.Context, err error) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
		err = errors.Join(err, ctx.Err())
	}
	return fmt.Errorf("%w: %w", errModel, err)
}
