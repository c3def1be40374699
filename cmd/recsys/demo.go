package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"

	"recsys/data/synthetic"
	"recsys/ensemble"
	"recsys/examples/shop"
	"recsys/gateway"
	"recsys/pipeline"
)

type demoCmd struct {
	serveFlags `embed:""`

	Once bool   `help:"Answer one request through the gateway on standard output and exit."`
	Dir  string `placeholder:"DIR" help:"Where to put everything; the default is recsys/demo in your cache folder."`
	User string `default:"42" help:"User of the request."`
	Seed uint64 `default:"1" help:"Another shop for each value."`
}

// Help has examples.
func (demoCmd) Help() string {
	return "Examples:\n  recsys demo\n  recsys demo --once\n  recsys demo --dir /tmp/shop --listen 127.0.0.1:8081"
}

// Run makes, trains, exports and serves the shop.
func (c demoCmd) Run(ctx context.Context, o output) (err error) {
	if c.Dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return fmt.Errorf("%w; name a folder with --dir", err)
		}
		c.Dir = filepath.Join(cache, "recsys", "demo")
	}
	if !c.Once {
		if err := c.probe(ctx); err != nil {
			return err
		}
	}
	repository, err := c.build(ctx, o)
	if err != nil {
		return err
	}
	l, err := openLocal(ctx, repository, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	g, err := newGateway(l.served, l.engine, l.store, gateway.Config{Timeout: c.Timeout}, gateway.WithLogger(logger(o))) //nolint:contextcheck // What it reads is the repository's own, and little.
	if err != nil {
		return err
	}
	if c.Once {
		return c.once(ctx, o, g)
	}
	fmt.Fprintf(o.err, "\nTry:\n  curl -s http://%s/v1/recommendations -d '{\"user_id\": \"%s\", \"num_results\": 3}'\n\n", c.Listen, c.User)
	return c.serve(ctx, o, g)
}

// build makes the shop below Dir, trains and exports it, and returns the repository.
func (c demoCmd) build(ctx context.Context, o output) (string, error) {
	r := newReporter(o.err)
	r.Phase("make the shop in " + c.Dir)
	tables, err := synthetic.Shop(synthetic.Config{Seed: c.Seed})
	if err != nil {
		return "", err
	}
	data := filepath.Join(c.Dir, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return "", fmt.Errorf("%w; name another folder with --dir", err)
	}
	if err := tables.Write(data); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(data, "recsys.yaml"), shop.Pipeline(), 0o644); err != nil {
		return "", err
	}
	run := filepath.Join(c.Dir, "run")
	p, err := pipeline.New(shop.Pipeline(), data, run, c.Seed, pipeline.Options{Reporter: r, Version: version, Restart: true})
	if err != nil {
		return "", err
	}
	m, err := p.Run(ctx)
	if err != nil {
		return "", err
	}
	if err := printMetrics(o.err, m); err != nil {
		return "", err
	}
	r.Phase("export")
	repository := filepath.Join(c.Dir, "model_repository")
	// A demo begins anew: generations of earlier ones are of no use.
	if err := os.RemoveAll(repository); err != nil {
		return "", err
	}
	_, err = pipeline.Export(ctx, run, repository, pipeline.ExportOptions{Options: ensemble.Options{Profile: ensemble.ProfileCPU}})
	r.Phase("done")
	return repository, err
}

// once answers one request through the gateway's handler as one JSON document.
func (c demoCmd) once(ctx context.Context, o output, g *gateway.Gateway) error {
	body, err := json.Marshal(map[string]any{"user_id": c.User, "num_results": 3})
	if err != nil {
		return err
	}
	server := httptest.NewServer(g.Handler())
	defer server.Close()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/v1/recommendations", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := server.Client().Do(r)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer.Body)
	if err := errors.Join(err, answer.Body.Close()); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("the gateway answers %s: %s", answer.Status, strings.TrimSpace(string(text)))
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", "  "); err != nil {
		return err
	}
	_, err = fmt.Fprintln(o.out, strings.TrimSpace(indented.String()))
	return err
}

func printJSON(w io.Writer, v any) error { return json.NewEncoder(w).Encode(v) }
