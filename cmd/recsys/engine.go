package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"

	"recsys/engine"
	"recsys/engine/server"
	"recsys/pipeline"
)

// engineFlags are those of the verbs that run the embedded engine.
type engineFlags struct {
	Threads   int           `default:"0" placeholder:"N" help:"Threads that the embedded engine computes on; 0 means one for each processor."`
	CacheSize pipeline.Size `default:"0" placeholder:"SIZE" help:"Memory in which the embedded engine keeps answers of models with response_cache, such as 64MiB; 0 keeps none."`
}

func (f engineFlags) options() engine.Options {
	return engine.Options{Concurrency: f.Threads, Threads: f.Threads, CacheSize: int64(f.CacheSize)}
}

type engineCmd struct {
	engineFlags `embed:""`

	Repository string   `required:"" type:"existingdir" placeholder:"REPO" help:"Model repository."`
	GRPC       string   `name:"grpc" default:"127.0.0.1:8001" help:"Address of the KServe v2 gRPC service."`
	HTTP       string   `name:"http" default:"127.0.0.1:8000" help:"Address of the KServe v2 HTTP service; empty for none."`
	Metrics    string   `default:"127.0.0.1:8002" help:"Address of the metrics; empty for none."`
	Control    string   `name:"model-control-mode" default:"none" enum:"none,explicit" help:"none loads all models at the start; explicit loads those of --load-model, and clients may load and unload."`
	LoadModel  []string `placeholder:"NAME" sep:"none" help:"Model to load at the start, an ensemble with its stages; again for more, * for all. With --model-control-mode=explicit."`
}

// Help has examples.
func (engineCmd) Help() string {
	return "Examples:\n  recsys engine --repository model_repository\n" +
		"  recsys engine --repository model_repository --model-control-mode explicit --load-model shop"
}

// Validate refuses flags that do not go together.
func (c engineCmd) Validate() error {
	if c.Control != "explicit" && len(c.LoadModel) > 0 {
		return errors.New("--load-model needs --model-control-mode=explicit: without it all models are loaded")
	}
	if slices.Contains(c.LoadModel, "*") && len(c.LoadModel) > 1 {
		return errors.New("--load-model=* loads all models: give no other one beside it")
	}
	return nil
}

// models are those to load at the start; nil is all.
func (c engineCmd) models() []string {
	if c.Control != "explicit" || slices.Contains(c.LoadModel, "*") {
		return nil
	}
	return append([]string{}, c.LoadModel...)
}

// endpoint is something to serve and where.
type endpoint struct {
	flag, address string
	says          string // of the address
	serve         func(ctx context.Context, l net.Listener) error
}

// Run serves until a signal ends it.
func (c engineCmd) Run(ctx context.Context, o output) (err error) {
	options := c.options()
	options.Models = c.models()
	e, err := engine.Open(ctx, c.Repository, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	so := server.Options{Version: version, Control: c.Control == "explicit"}
	return serveAll(ctx, o, []endpoint{
		{"--http", c.HTTP, "KServe v2 HTTP on http://%s", func(ctx context.Context, l net.Listener) error { return server.ServeHTTP(ctx, l, e, so) }},
		{"--metrics", c.Metrics, "metrics on http://%s/metrics", func(ctx context.Context, l net.Listener) error { return server.ServeMetrics(ctx, l, e) }},
		{"--grpc", c.GRPC, "KServe v2 gRPC on %s", func(ctx context.Context, l net.Listener) error { return server.Serve(ctx, l, e, so) }},
	})
}

// serveAll listens on all addresses, those that are empty aside, and serves until ctx ends or one of them fails.
func serveAll(ctx context.Context, o output, all []endpoint) error {
	all = slices.DeleteFunc(all, func(p endpoint) bool { return p.address == "" })
	var lc net.ListenConfig
	listeners := make([]net.Listener, 0, len(all))
	for _, p := range all {
		l, err := lc.Listen(ctx, "tcp", p.address)
		if err != nil {
			for _, l := range listeners {
				err = errors.Join(err, l.Close())
			}
			return fmt.Errorf("%w; choose another address with %s", err, p.flag)
		}
		listeners = append(listeners, l)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, len(all))
	for i, p := range all {
		fmt.Fprintf(o.err, p.says+"\n", listeners[i].Addr())
		go func() { ended <- p.serve(ctx, listeners[i]) }()
	}
	var err error
	for range all {
		err = errors.Join(err, <-ended)
		cancel() // the others have no use without the one that ended
	}
	return err
}
