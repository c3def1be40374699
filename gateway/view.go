package gateway

import (
	"context"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/ordering"
	"recsys/schema"
)

// Generations gives a gateway the other generations of its ensemble, which answer after a publish. Implementations are safe for
// concurrent use.
type Generations interface {
	// Served returns the generation that the ensemble serves, as far as is known where the gateway runs.
	Served(ctx context.Context) (int, error)
	// Open returns a generation when the store can give what it wants to know of users.
	Open(ctx context.Context, generation int) (Generation, error)
}

// Generation is what a gateway reads of one generation, as Config has it.
type Generation struct {
	Manifest *ensemble.Manifest
	Items    iter.Seq2[featurestore.Record, error]
	ItemRow  schema.Schema
}

// view is what a request needs to know of one generation. It is immutable: a request is read, merged and answered with one view.
type view struct {
	manifest *ensemble.Manifest
	merger   *merger
	catalog  *catalog
	filters  *filters
	rules    *ordering.Rules // nil where the ensemble orders answers
	outputs  []string        // the wanted ones
	explain  []string        // those that explain answers, of both ensembles where there are two; none where they cannot be explained
	ranking  *ranking        // nil for one ensemble
}

func newView(ctx context.Context, g Generation) (*view, error) {
	m := g.Manifest
	merger, err := newMerger(m)
	if err != nil {
		return nil, err
	}
	catalog, attributes, err := newCatalog(m, g.Items, g.ItemRow)
	if err != nil {
		return nil, err
	}
	filters, err := newFilters(ctx, m, attributes, catalog.base)
	if err != nil {
		return nil, err
	}
	rules, err := newRules(m, filters)
	if err != nil {
		return nil, err
	}
	ranking, err := newRanking(m)
	if err != nil {
		return nil, err
	}
	return &view{m, merger, catalog, filters, rules, []string{m.Outputs.ItemIDs, m.Outputs.Scores}, explanations(m), ranking}, nil
}

const (
	// maxViews bounds the views that are kept: what is served, and what is served by replicas that have not switched yet, or again.
	maxViews = 3
	// openTimeout bounds opening a generation, openPause is the time until one that could not be opened is tried again.
	openTimeout = 30 * time.Second
	openPause   = time.Second
)

// views are the generations that a gateway knows.
type views struct {
	source Generations // nil for a gateway that stays with its generation
	ranks  bool        // two ensembles can be asked
	now    atomic.Pointer[view]
	log    *slog.Logger
	open   sync.WaitGroup // goroutines that open generations; each ends after openTimeout

	mu      sync.Mutex
	known   []*view // the newest last
	opening map[int]*opening
	refused map[int]time.Time // when one could not be opened
}

type opening struct {
	done chan struct{}
	view *view // when done; nil if it could not be opened
}

func newViews(first *view, source Generations, ranks bool, log *slog.Logger) *views {
	v := &views{source: source, ranks: ranks, log: log, known: []*view{first}, opening: map[int]*opening{}, refused: map[int]time.Time{}}
	v.now.Store(first)
	return v
}

// get returns the view of a generation, nil if there is none within the context's time.
func (v *views) get(ctx context.Context, generation int) *view {
	if v.source == nil {
		return nil
	}
	o := v.begin(ctx, generation)
	select {
	case <-o.done:
		return o.view
	case <-ctx.Done():
		return nil
	}
}

// begin opens a generation that is not known, once for all who ask. It goes on when the one who asked first has gone.
func (v *views) begin(ctx context.Context, generation int) *opening {
	v.mu.Lock()
	defer v.mu.Unlock()
	if o := v.opening[generation]; o != nil {
		return o
	}
	o := &opening{done: make(chan struct{})}
	for _, known := range v.known {
		if known.manifest.Generation == generation {
			o.view = known
		}
	}
	if o.view != nil || time.Since(v.refused[generation]) < openPause {
		close(o.done)
		return o
	}
	v.opening[generation] = o
	ctx = context.WithoutCancel(ctx)
	v.open.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, openTimeout)
		defer cancel()
		fresh, err := v.read(ctx, generation)
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.opening, generation)
		clear(v.refused)
		if err != nil {
			v.refused[generation] = time.Now()
			v.log.WarnContext(ctx, "another generation answers than the gateway can read", slog.Int("generation", generation), slog.Any("error", err))
		} else {
			v.known = append(v.known, fresh)
			v.known = v.known[max(0, len(v.known)-maxViews):]
			o.view = fresh
		}
		close(o.done)
	})
	return o
}

func (v *views) read(ctx context.Context, generation int) (*view, error) {
	g, err := v.source.Open(ctx, generation)
	if err != nil {
		return nil, err
	}
	if g.Manifest.Generation != generation {
		return nil, fmt.Errorf("the manifest of generation %d is that of %d", generation, g.Manifest.Generation)
	}
	if g.Manifest.Ranking != nil && !v.ranks {
		return nil, errNoRanker
	}
	return newView(ctx, g)
}

// other returns the view of what is served, nil if that is the given one or cannot be told.
func (v *views) other(ctx context.Context, than *view) *view {
	if v.source == nil || ctx.Err() != nil {
		return nil
	}
	generation, err := v.source.Served(ctx)
	if err != nil || generation == than.manifest.Generation {
		return nil
	}
	return v.get(ctx, generation)
}

// serve notes that a view is that of the generation which answers.
func (v *views) serve(ctx context.Context, w *view) {
	if before := v.now.Swap(w); before != w {
		v.log.InfoContext(ctx, "another generation answers", slog.Int("generation", w.manifest.Generation), slog.Int("before", before.manifest.Generation))
	}
}
