package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"time"

	"recsys/client"
	"recsys/engine"
	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/featurestore/redis"
	"recsys/gateway"
	"recsys/pipeline"
)

// serveFlags are those of serve and, in part, demo.
type serveFlags struct {
	Listen     string        `default:"127.0.0.1:8080" help:"Address of the public API."`
	Admin      string        `default:"127.0.0.1:9090" help:"Address of metrics and health; empty for none."`
	Timeout    time.Duration `default:"150ms" help:"Budget of a request."`
	DrainDelay time.Duration `default:"0s" help:"Time between readyz turning 503 and the last new connection."`
}

type serveCmd struct {
	serveFlags  `embed:""`
	engineFlags `embed:""`
	accessFlags `embed:""`

	Repository string `required:"" type:"existingdir" placeholder:"REPO" help:"Model repository."`
	Triton     string `placeholder:"HOST:PORT" help:"gRPC address of Triton; without it the embedded engine serves."`
	Redis      string `env:"RECSYS_REDIS" placeholder:"URL" help:"Feature store; without it users are kept in memory and events are lost at the end."`
	Model      string `placeholder:"NAME" help:"Ensemble, if the repository holds several."`
}

// Help has examples.
func (serveCmd) Help() string {
	return "Examples:\n  recsys serve --repository model_repository\n" +
		"  recsys serve --repository model_repository --triton 127.0.0.1:8001 --redis redis://:secret@127.0.0.1:6379/0"
}

// inferencer is a gateway.Inferencer to be closed.
type inferencer interface {
	gateway.Inferencer
	Close() error
}

// Run serves until a signal ends it.
func (c serveCmd) Run(ctx context.Context, o output) (err error) {
	s, err := openServed(c.Repository, c.Model)
	if err != nil {
		return err
	}
	var backend inferencer
	if c.Triton != "" {
		backend, err = client.New(ctx, c.Triton)
	} else {
		backend, err = engine.Open(ctx, c.Repository, c.options())
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, backend.Close()) }()
	store, err := openStore(ctx, c.Redis, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	later := &generations{dir: c.Repository, name: s.manifest.Name}
	if c.Redis == "" {
		later.store = store
	}
	config := gateway.Config{Timeout: c.Timeout, Generations: later}
	if err := c.guard(&config); err != nil {
		return err
	}
	g, err := newGateway(s, backend, store, config, gateway.WithLogger(logger(o))) //nolint:contextcheck // What it reads is the repository's own, and little.
	if err != nil {
		return err
	}
	return c.serve(ctx, o, g)
}

// openStore opens Redis, or a store in memory that holds the repository's rows.
func openStore(ctx context.Context, url string, s *served) (featurestore.Store, error) {
	if url != "" {
		return redis.Open(url, s.manifest.Name)
	}
	store := featurestore.NewMemory()
	return store, loadRows(ctx, store, s.dir, s.manifest)
}

// loadRows puts the users of a generation's version folder into a store, and the items whose rows the gateway reads.
func loadRows(ctx context.Context, store featurestore.Store, dir string, m *ensemble.Manifest) error {
	_, records, err := featurestore.ReadRows(pipeline.UserRows(dir))
	if err == nil {
		_, err = store.Load(ctx, records)
	}
	if err != nil {
		return exportAgain(err)
	}
	if m.Ranking == nil {
		return nil
	}
	return loadItemRows(ctx, store, dir)
}

// loadItemRows puts the items of a generation's version folder into a store.
func loadItemRows(ctx context.Context, store featurestore.Store, dir string) error {
	_, records, err := featurestore.ReadRows(pipeline.ItemRows(dir))
	if err != nil {
		return exportAgain(err)
	}
	_, err = store.LoadItems(ctx, records)
	return err
}

// generations are those that a repository has of an ensemble.
type generations struct {
	dir, name string
	store     featurestore.Store // in memory, which is to know a generation's users; nil for one that others fill
}

// Served reads the ensemble's configuration.
func (g *generations) Served(context.Context) (int, error) {
	c, err := ensemble.ReadConfig(filepath.Join(g.dir, g.name, ensemble.ConfigFile))
	if err != nil {
		return 0, err
	}
	if v := c.VersionPolicy.Specific; len(v) == 1 {
		return int(v[0]), nil
	}
	return 0, fmt.Errorf("%s does not say which generation it serves", g.name)
}

// Open reads a generation's version folder.
func (g *generations) Open(ctx context.Context, generation int) (gateway.Generation, error) {
	dir := filepath.Join(g.dir, g.name, strconv.Itoa(generation))
	m, err := ensemble.ReadManifest(filepath.Join(dir, ensemble.ManifestFile))
	if err != nil {
		return gateway.Generation{}, exportAgain(err)
	}
	header, items, err := featurestore.ReadRows(pipeline.ItemRows(dir))
	if err != nil {
		return gateway.Generation{}, exportAgain(err)
	}
	if g.store != nil {
		err = loadRows(ctx, g.store, dir, m)
	}
	return gateway.Generation{Manifest: m, Items: items, ItemRow: header.Schema}, err
}

// newGateway wires a gateway for the served generation. config holds what differs from the defaults.
func newGateway(
	s *served, backend gateway.Inferencer, store featurestore.Store, config gateway.Config, options ...gateway.Option,
) (*gateway.Gateway, error) {
	header, items, err := featurestore.ReadRows(pipeline.ItemRows(s.dir))
	if err != nil {
		return nil, exportAgain(err)
	}
	config.Manifest, config.Items, config.ItemRow = s.manifest, items, header.Schema
	config.Inferencer, config.Store = backend, store
	config.Version, config.Ranker = version, rankerOf(backend)
	return gateway.New(config, options...)
}

// listen opens the listeners.
func (f serveFlags) listen(ctx context.Context) (gateway.Listeners, error) {
	var lc net.ListenConfig
	l := gateway.Listeners{DrainDelay: f.DrainDelay}
	var err error
	if l.Public, err = lc.Listen(ctx, "tcp", f.Listen); err != nil {
		return l, fmt.Errorf("%w; choose another address with --listen", err)
	}
	if f.Admin == "" {
		return l, nil
	}
	if l.Admin, err = lc.Listen(ctx, "tcp", f.Admin); err != nil {
		return l, errors.Join(fmt.Errorf("%w; choose another address with --admin", err), l.Public.Close())
	}
	return l, nil
}

// probe tells whether the addresses are free, before work whose end would be that they are not.
func (f serveFlags) probe(ctx context.Context) error {
	l, err := f.listen(ctx)
	if err != nil {
		return err
	}
	err = l.Public.Close()
	if l.Admin != nil {
		err = errors.Join(err, l.Admin.Close())
	}
	return err
}

// serve listens and serves until ctx ends.
func (f serveFlags) serve(ctx context.Context, o output, g *gateway.Gateway) error {
	l, err := f.listen(ctx)
	if err != nil {
		return err
	}
	if l.Admin != nil {
		fmt.Fprintf(o.err, "metrics on http://%s/metrics\n", l.Admin.Addr())
	}
	fmt.Fprintf(o.err, "serving on http://%s\n", l.Public.Addr())
	return g.Serve(ctx, l)
}

func logger(o output) *slog.Logger { return slog.New(slog.NewTextHandler(o.err, nil)) }

type healthcheckCmd struct {
	URL string `arg:"" optional:"" default:"http://127.0.0.1:8080/readyz" help:"Address to ask."`
}

// Run asks once.
func (c healthcheckCmd) Run(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL, nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	if err := answer.Body.Close(); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", c.URL, answer.Status)
	}
	return nil
}
