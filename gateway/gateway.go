package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/schema"
	"recsys/tensor"
)

// The defaults of Config.
const (
	DefaultTimeout     = 150 * time.Millisecond
	DefaultMaxInFlight = 512
	DefaultVariant     = "default"
)

// DefaultResults is the number of items of an answer where the request names none, or the ensemble's maximum
// if that is less.
const DefaultResults = 10

// Inferencer runs ensembles. Implementations are safe for concurrent use, stop when ctx ends, and neither change
// nor keep the inputs.
type Inferencer interface {
	// Infer runs the newest version of a model that serves, and returns the named outputs and that version.
	Infer(ctx context.Context, model string, inputs tensor.Map, outputs []string) (out tensor.Map, version string, err error)
	// Ready returns nil when the model would answer Infer.
	Ready(ctx context.Context, model string) error
}

// Config holds what a Gateway serves. Manifest, Items, Inferencer and Store are required.
type Config struct {
	// Manifest describes the ensemble's generation that is served at the start; the gateway keeps it and never changes it.
	Manifest *ensemble.Manifest
	// Items gives the item keys by item index, as the records of features/items.rows: the first has index
	// Manifest.Items.First. New reads it once.
	Items iter.Seq2[featurestore.Record, error]
	// ItemRow are the columns of the items' packed rows, which filters read; none where the records have no rows.
	ItemRow schema.Schema
	// Generations gives the manifests of later generations; without it the answers of others than that of Manifest are degraded.
	Generations Generations
	// Inferencer runs the ensemble, Store knows the users. Both stay the caller's to close.
	Inferencer Inferencer
	// Ranker runs versions of the second ensemble; only manifests with a Ranking need it.
	Ranker Ranker
	Store  featurestore.Store
	// Model is the name to call, Manifest.Name if empty. A canary is another name.
	Model string
	// Variant labels the answers, DefaultVariant if empty.
	Variant string
	// Timeout is the budget of a request from its arrival to its answer, DefaultTimeout if 0.
	Timeout time.Duration
	// StoreTimeout is the part of it that reading the user may take, 3/10 of Timeout if 0.
	StoreTimeout time.Duration
	// NoFallback answers 503 or 504, instead of with popular items, when the ensemble does not answer.
	NoFallback bool
	// RequireStore makes /readyz fail while the feature store does not answer.
	RequireStore bool
	// MaxInFlight bounds the requests under /v1 that are served at once, DefaultMaxInFlight if 0; others get
	// 503 at once.
	MaxInFlight int
	// Keys are those that requests need on the public interface, health apart; nil lets everybody in.
	Keys *Keys
	// RateLimit is how many requests a caller may do on the public interface, health apart; a caller is a key's
	// name, or without Keys an address. A batch counts as all its requests.
	RateLimit Rate
	// Origins are those whose pages may use the public interface from a browser, such as https://shop.example. Without
	// any, browsers keep all pages but the gateway's own from it.
	Origins []string
	// Version is shown in the metric recsys_build_info.
	Version string
}

// Validate reports what is missing or contradictory, all of it.
func (c *Config) Validate() error {
	var errs []error
	if c.Manifest == nil {
		errs = append(errs, errors.New("no manifest"))
	} else if err := c.Manifest.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("manifest: %w", err))
	}
	if c.Items == nil {
		errs = append(errs, errors.New("no items"))
	}
	if c.Inferencer == nil {
		errs = append(errs, errors.New("no inferencer"))
	}
	if c.Manifest != nil && c.Manifest.Ranking != nil && c.Ranker == nil {
		errs = append(errs, errNoRanker)
	}
	if c.Store == nil {
		errs = append(errs, errors.New("no feature store"))
	}
	if c.Timeout < 0 || c.StoreTimeout < 0 || c.MaxInFlight < 0 {
		errs = append(errs, errors.New("a timeout or max in flight below zero"))
	}
	if c.RateLimit != (Rate{}) {
		errs = append(errs, c.RateLimit.validate())
	}
	for _, origin := range c.Origins {
		errs = append(errs, checkOrigin(origin))
	}
	return errors.Join(errs...)
}

// Option replaces a collaborator of a Gateway.
type Option func(*Gateway)

// WithLogger sets the logger, slog.Default() without it.
func WithLogger(l *slog.Logger) Option { return func(g *Gateway) { g.log = l } }

// WithClock replaces time.Now as the source of request times; deadlines follow the real clock.
func WithClock(now func() time.Time) Option { return func(g *Gateway) { g.now = now } }

// WithIDs replaces the source of request, recommendation and event IDs, which are random without it.
func WithIDs(id func() string) Option { return func(g *Gateway) { g.newID = id } }

// Gateway answers HTTP requests. It is safe for concurrent use; make it with New.
type Gateway struct {
	config   Config
	views    *views
	stocks   *stocks
	slots    chan struct{}
	limits   *limiter // nil for no limit
	draining atomic.Bool
	metrics  *metrics
	log      *slog.Logger
	warnings *throttle
	now      func() time.Time
	newID    func() string
}

// New checks the configuration, reads the items and prepares the merge. It does not call the Inferencer or the
// Store: either may come up later.
func New(config Config, options ...Option) (*Gateway, error) {
	if err := config.Validate(); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if config.Model == "" {
		config.Model = config.Manifest.Name
	}
	if config.Variant == "" {
		config.Variant = DefaultVariant
	}
	if config.Timeout == 0 {
		config.Timeout = DefaultTimeout
	}
	if config.StoreTimeout == 0 {
		config.StoreTimeout = config.Timeout * 3 / 10
	}
	if config.MaxInFlight == 0 {
		config.MaxInFlight = DefaultMaxInFlight
	}
	first, err := newView(context.Background(), Generation{config.Manifest, config.Items, config.ItemRow})
	if err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	g := &Gateway{
		config:  config,
		slots:   make(chan struct{}, config.MaxInFlight),
		metrics: newMetrics(config.Version),
		log:     slog.Default(), now: time.Now, newID: rand.Text,
	}
	for _, o := range options {
		o(g)
	}
	if config.RateLimit != (Rate{}) {
		g.limits = newLimiter(config.RateLimit)
	}
	g.warnings = newThrottle(g.log)
	g.stocks = newStocks(config.Store)
	g.views = newViews(first, config.Generations, config.Ranker != nil, g.log)
	return g, nil
}
