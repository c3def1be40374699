package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"

	"recsys/featurestore"
)

// availabilityTimeout bounds reading the set of unavailable items, for which a request waits no longer than it waits for its user.
const availabilityTimeout = 10 * time.Second

// stock is a set of unavailable items. It is immutable.
type stock struct {
	state string
	items map[string]bool
}

// stocks keep the newest set that was read, so that requests read it anew only when the state that came with their user is another one.
type stocks struct {
	store featurestore.Availability
	now   atomic.Pointer[stock]
	reads sync.WaitGroup // goroutines that read the set; each ends after availabilityTimeout

	mu   sync.Mutex
	read *reading // nil when nobody reads
}

// reading is a read of the set that is under way; done is closed when it ends.
type reading struct {
	done chan struct{}
	got  *stock
	err  error
}

func newStocks(store featurestore.Availability) *stocks {
	s := &stocks{store: store}
	s.now.Store(&stock{})
	return s
}

// at returns the set of a state, or a newer one. Where it cannot be read before ctx ends, it returns the last one that was, and an error.
func (s *stocks) at(ctx context.Context, state string) (*stock, error) {
	for attempt := 1; ; attempt++ {
		now := s.now.Load()
		if now.state == state {
			return now, nil
		}
		r, own := s.begin(ctx)
		select {
		case <-r.done:
		case <-ctx.Done():
			return now, ctx.Err()
		}
		// A read that had begun before this request knew the state may be of an older set.
		if r.err == nil && (own || r.got.state == state || attempt > 1) {
			return r.got, nil
		}
		if r.err != nil {
			return now, r.err
		}
	}
}

// begin reads the set, once for all who ask. It goes on when the one who asked first has gone.
func (s *stocks) begin(ctx context.Context) (r *reading, own bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.read != nil {
		return s.read, false
	}
	r = &reading{done: make(chan struct{})}
	s.read = r
	ctx = context.WithoutCancel(ctx)
	s.reads.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, availabilityTimeout)
		defer cancel()
		set, err := s.store.Unavailable(ctx)
		if r.err = err; err == nil {
			r.got = &stock{state: set.State, items: make(map[string]bool, len(set.Items))}
			for _, item := range set.Items {
				r.got.items[item] = true
			}
			s.now.Store(r.got)
		}
		s.mu.Lock()
		s.read = nil
		s.mu.Unlock()
		close(r.done)
	})
	return r, true
}

// shelved is the bitmap of a set over a catalog.
type shelved struct {
	stock *stock
	bits  []byte
}

// missing returns the bitmap of the catalog's items in a set; it keeps the last one.
func (c *catalog) missing(s *stock) []byte {
	if last := c.shelved.Load(); last != nil && last.stock == s {
		return last.bits
	}
	bits := make([]byte, len(c.base))
	for id := range s.items {
		if i, ok := c.index[id]; ok {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	c.shelved.Store(&shelved{s, bits})
	return bits
}

// stockFor returns the set of unavailable items that counts for a request: where the store has not answered, the last one that is known.
func (g *Gateway) stockFor(ctx context.Context, e *asked, user featurestore.User, storeErr error) *stock {
	if storeErr != nil {
		return g.stocks.now.Load()
	}
	ctx, cancel := context.WithTimeout(ctx, g.storeTimeout(e.q))
	defer cancel()
	set, err := g.stocks.at(ctx, user.Availability)
	if err != nil {
		g.warnings.warn(ctx, AvailabilityUnknown, slog.Any("error", err))
		e.reasons = append(e.reasons, AvailabilityUnknown)
	}
	return set
}

// availability is the body of an answer about an item.
type availability struct {
	ItemID    string `json:"item_id"`
	Available bool   `json:"available"`
	// Known says that the ensemble can recommend the item; Durable that the store keeps its availability beyond the end of its process.
	Known   bool `json:"known"`
	Durable bool `json:"durable"`
}

// putAvailability makes an item available or not, from the next answer on. An item that the ensemble does not know may be one of a later
// generation.
func (g *Gateway) putAvailability(w http.ResponseWriter, r *http.Request) {
	body, err := readBody(w, r)
	if err != nil {
		g.fail(w, r, err)
		return
	}
	v := g.views.now.Load()
	reader := newStrictReader(body)
	available := true
	readFields(reader, "", &available, []field[bool]{{
		name: "available", required: true,
		read: func(r *strictReader, at string, to *bool) {
			tok := r.token()
			given, ok := tok.(bool)
			if !ok {
				r.wrong(at, tok, "true or false")
			}
			*to = given
		},
	}})
	id := v.pathItem(reader, r)
	if err := reader.end(); err != nil {
		g.fail(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.config.Timeout)
	defer cancel()
	err = g.config.Store.SetAvailable(ctx, id, available)
	switch {
	case r.Context().Err() != nil:
		return // The client has gone; see instrument.
	case errors.Is(err, featurestore.ErrUnavailableFull):
		g.fail(w, r, err)
	case err != nil:
		g.fail(w, r, fmt.Errorf("%w: %w", errStore, err))
	default:
		g.write(w, r, http.StatusOK, availability{id, available, v.catalog.known(id), g.config.Store.Durable()})
	}
}

// getAvailability says whether an item is available.
func (g *Gateway) getAvailability(w http.ResponseWriter, r *http.Request) {
	v := g.views.now.Load()
	reader := newStrictReader(nil)
	id := v.pathItem(reader, r)
	if err := invalidRequest(reader.faults); err != nil {
		g.fail(w, r, err)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.config.Timeout)
	defer cancel()
	set, err := g.config.Store.Unavailable(ctx)
	if err != nil {
		g.fail(w, r, fmt.Errorf("%w: %w", errStore, err))
		return
	}
	g.write(w, r, http.StatusOK, availability{id, !slices.Contains(set.Items, id), v.catalog.known(id), g.config.Store.Durable()})
}

// pathItem reads the item's id in the path; "" after a fault.
func (v *view) pathItem(r *strictReader, req *http.Request) string {
	id, err := pathID(req, v.manifest.ItemKey.DType.DType)
	if err != nil {
		r.fault("/item_id", "%v", err)
	}
	return id
}

// routeOperators adds the routes of operators beside those of health and metrics.
func (g *Gateway) routeOperators(r chi.Router) {
	r.Method(http.MethodPost, "/v1/explanations", g.bound(http.HandlerFunc(g.postExplanations)))
	const path = "/v1/items/{id}/availability"
	r.Method(http.MethodPut, path, g.bound(http.HandlerFunc(g.putAvailability)))
	r.Method(http.MethodGet, path, g.bound(http.HandlerFunc(g.getAvailability)))
}
