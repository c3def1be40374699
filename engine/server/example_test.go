package server_test

import (
	"context"
	"fmt"
	"net"
	"os"

	"recsys/client"
	"recsys/engine"
	"recsys/engine/server"
	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
)

// Example serves a repository and asks it over gRPC, as a client of Triton would.
func Example() {
	if err := serveShop(); err != nil {
		fmt.Println(err)
	}
	// Output: shop is ready
}

func serveShop() error {
	dir, err := os.MkdirTemp("", "repository")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // A temporary folder.
	e, manifest, err := ensembletest.Shop(1)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if _, err := ensemble.Write(ctx, dir, e, manifest, ensemble.Options{}); err != nil {
		return err
	}
	models, err := engine.Open(ctx, dir, engine.Options{})
	if err != nil {
		return err
	}
	defer models.Close() //nolint:errcheck // It never fails.
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l, models, server.Options{}) }()
	c, err := client.New(ctx, l.Addr().String())
	if err != nil {
		return err
	}
	if err := c.Ready(ctx, "shop"); err != nil {
		return err
	}
	fmt.Println("shop is ready")
	if err := c.Close(); err != nil {
		return err
	}
	stop()
	return <-ended
}
