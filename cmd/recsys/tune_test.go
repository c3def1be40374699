package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"testing"

	"recsys/client"
	"recsys/engine"
	"recsys/engine/server"
	"recsys/internal/tune"
)

// recsysOutput runs the command, which has to succeed, and returns what it prints.
func recsysOutput(t *testing.T, args ...string) []byte {
	t.Helper()
	var out, log bytes.Buffer
	if code := run(t.Context(), args, output{&out, &log}); code != 0 {
		t.Fatalf("recsys %v ends with %d:\n%s", args, code, log.String())
	}
	return out.Bytes()
}

// tuneOn tunes on a server that serves the shop, and looks that nothing of it stays.
func tuneOn(t *testing.T, shared, address string) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "tune.yaml")
	var r tune.Record
	text := recsysOutput(t, "tune", "--run", filepath.Join(shared, "run"), "--triton", address, "--latency-budget", "10s", "--timeout", "10s",
		"--duration", "100ms", "--fuse", "all,groups", "--instances", "1,2", "--threads", "1", "--batch", "8", "--out", out, "--json")
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Evidence) != 3 || r.Chosen < 0 || !r.Within {
		t.Errorf("chosen %d of %d, within the budget: %v", r.Chosen, len(r.Evidence), r.Within)
	}
	for _, e := range r.Evidence {
		if e.Error != "" || len(e.Levels) == 0 {
			t.Errorf("%s: %s, %+v", e.Candidate, e.Error, e.Levels)
		}
	}
	if _, err := os.Stat(out); err != nil {
		t.Error(err)
	}
	c, err := client.New(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	for _, name := range []string{"shop_tune", "shop_tune_all", "shop_tune_prep", "shop_tune_recall", "shop_tune_score"} {
		if ready, err := c.ModelReady(t.Context(), name, ""); err != nil || ready {
			t.Errorf("%s is still served: %v, %v", name, ready, err)
		}
	}
	if err := c.Ready(t.Context(), "shop"); err != nil {
		t.Error(err)
	}
}

// TestTuneOnEngine: recsys engine takes the candidates as Triton does.
func TestTuneOnEngine(t *testing.T) {
	shared := makeShared(t)
	e, err := engine.Open(t.Context(), filepath.Join(shared, "repo"), engine.Options{Models: []string{"shop"}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, l, e, server.Options{Control: true}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	tuneOn(t, shared, l.Addr().String())
}
