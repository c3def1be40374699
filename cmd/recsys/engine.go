package main

import (
	"context"
	"errors"
	"fmt"
	"net"

	"recsys/engine"
	"recsys/engine/server"
)

// engineFlags are those of the verbs that run the embedded engine.
type engineFlags struct {
	Threads int `default:"0" placeholder:"N" help:"Threads that the embedded engine computes on; 0 means one for each processor."`
}

func (f engineFlags) options() engine.Options {
	return engine.Options{Concurrency: f.Threads, Threads: f.Threads}
}

type engineCmd struct {
	engineFlags `embed:""`

	Repository string `required:"" type:"existingdir" placeholder:"REPO" help:"Model repository."`
	GRPC       string `name:"grpc" default:"127.0.0.1:8001" help:"Address of the KServe v2 gRPC service."`
}

// Help has an example.
func (engineCmd) Help() string {
	return "Example:\n  recsys engine --repository model_repository --grpc 127.0.0.1:8001"
}

// Run serves until a signal ends it.
func (c engineCmd) Run(ctx context.Context, o output) (err error) {
	e, err := engine.Open(ctx, c.Repository, c.options())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.GRPC)
	if err != nil {
		return fmt.Errorf("%w; choose another address with --grpc", err)
	}
	fmt.Fprintf(o.err, "KServe v2 gRPC on %s\n", l.Addr())
	return server.Serve(ctx, l, e, server.Options{Version: version})
}
