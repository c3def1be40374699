package generation_test

import (
	"errors"
	"testing"

	"recsys/ensemble/generation"
	"recsys/test/triton"
)

// TestReplicaDies has one of two replicas die after the other one has switched. The other goes back without a failed request, the dead
// one starts with what the others serve, and then both publish.
func TestReplicaDies(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1)
	options := triton.Options{LoadModels: []string{"shop"}}
	first, second := triton.Start(t, dir, options), triton.Start(t, dir, options)
	export(t, dir, 2)
	survivor := connect(t, first)
	l := start(t, first.GRPC, "shop", 0)
	l.await(t, 100)
	dying := &saboteur{connect(t, second), "shop", func() error {
		second.Kill()
		return nil
	}}
	p := &generation.Publisher{Folders: []string{dir}, Servers: []generation.Server{survivor, dying}, Probes: probes(2)}
	if r, err := p.Publish(t.Context(), "shop", 2); err == nil || r.Generation != 1 {
		t.Fatalf("got %+v, %v; want an error and generation 1", r, err)
	}
	answers(t, survivor, 1)
	// What could not be cleaned up on the dead one is kept in mind until it is back.
	if _, err := p.Publish(t.Context(), "shop", 2); err == nil {
		t.Error("a publish without one of its servers went through")
	}
	again := triton.Start(t, dir, options)
	back := connect(t, again)
	answers(t, back, 1)
	p.Servers = []generation.Server{survivor, back}
	if _, err := p.Publish(t.Context(), "shop", 2); err != nil {
		t.Fatal(err)
	}
	answers(t, survivor, 2)
	answers(t, back, 2)
	leftovers(t, dir)
	l.stop(t, 1, 2)
}

// TestOneAtATime has a second publisher find the first one at work.
func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1)
	s := triton.Start(t, dir, triton.Options{LoadModels: []string{"shop"}})
	export(t, dir, 2)
	var inner error
	c := connect(t, s)
	second := &generation.Publisher{Folders: []string{dir}, Servers: []generation.Server{c}}
	first := &generation.Publisher{Folders: []string{dir}, Servers: []generation.Server{c}, Probes: probes(2), Step: func(string) {
		if inner == nil {
			_, inner = second.Rollback(t.Context(), "shop")
		}
	}}
	if _, err := first.Publish(t.Context(), "shop", 2); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(inner, generation.ErrLocked) {
		t.Errorf("the second one got %v, want ErrLocked", inner)
	}
}
