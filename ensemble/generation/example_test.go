package generation_test

import (
	"context"
	"fmt"
	"os"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/ensemble/generation"
)

// A server is anything that loads models and answers; package main of cmd/recsys makes one of a client of Triton. Here it is a fake.
func ExamplePublisher() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "repository")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }() // as a temporary folder may stay
	for seed := range uint64(2) {
		e, m, err := ensembletest.Shop(seed)
		if err == nil {
			_, err = ensemble.Write(ctx, dir, e, m, ensemble.Options{})
		}
		if err != nil {
			fmt.Println(err)
			return
		}
	}
	server := newFake(dir)
	if err := server.Load(ctx, "shop"); err != nil {
		fmt.Println(err)
		return
	}

	p := &generation.Publisher{Folders: []string{dir}, Servers: []generation.Server{server}}
	if r, err := p.Publish(ctx, "shop", 2); err == nil {
		fmt.Printf("generation %d in place of %d\n", r.Generation, r.Previous)
	}
	if r, err := p.Rollback(ctx, "shop"); err == nil {
		fmt.Printf("back to generation %d\n", r.Generation)
	}
	list, err := generation.List(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, s := range list {
		fmt.Println(s.Ensemble, s.Generation, s.State)
	}
	// Output:
	// generation 2 in place of 1
	// back to generation 1
	// shop 1 served
	// shop 2 exported
}
