package main

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"recsys/client"
	"recsys/internal/load"
	"recsys/internal/tune"
	"recsys/test/triton"
)

// TestOnTriton measures and tunes on a real Triton.
func TestOnTriton(t *testing.T) {
	if os.Getenv(triton.Env) == "" {
		t.Skip(triton.Env + " is not set: no real Triton to measure")
	}
	shared := makeShared(t)
	s := triton.Start(t, filepath.Join(shared, "repo"), triton.Options{LoadModels: []string{"shop"}})
	c, err := client.New(t.Context(), s.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	recsys := func(t *testing.T, args ...string) []byte {
		t.Helper()
		var out, log bytes.Buffer
		if code := run(t.Context(), args, output{&out, &log}); code != 0 {
			t.Fatalf("recsys %v ends with %d:\n%s", args, code, log.String())
		}
		return out.Bytes()
	}
	for _, model := range []string{"shop", "shop_score"} {
		t.Run("bench "+model, func(t *testing.T) {
			var r load.Report
			text := recsys(t, "bench", "--repository", filepath.Join(shared, "repo"), "--triton", s.GRPC, "--model", model,
				"--duration", "300ms", "--warmup", "100ms", "--timeout", "10s", "--rate", "50", "--json")
			if err := json.Unmarshal(text, &r); err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for _, p := range r.Budget {
				sum += p.Time
				if strings.HasSuffix(p.Name, " compute") && p.Time <= 0 {
					t.Errorf("Triton counted no time of %s", p.Name)
				}
			}
			// Sums of a dozen float64.
			if r.Answered == 0 || r.Failed > 0 || math.Abs(sum-r.Latency.Mean) > 1e-9*r.Latency.Mean {
				t.Errorf("%d answered, %d failed, the budget is %g ms of %g: %+v", r.Answered, r.Failed, sum, r.Latency.Mean, r.Budget)
			}
			for _, n := range r.Notes {
				t.Errorf("note: %s", n)
			}
		})
	}
	t.Run("tune", func(t *testing.T) {
		out := filepath.Join(t.TempDir(), "tune.yaml")
		var r tune.Record
		text := recsys(t, "tune", "--run", filepath.Join(shared, "run"), "--triton", s.GRPC, "--latency-budget", "10s", "--timeout", "10s",
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
		// The server's log names the instances that it starts: GROUP_INSTANCE, from 0.
		if log := s.Log(); !regexp.MustCompile(`shop_tune_\w+_0_1 \(`).MatchString(log) || strings.Contains(log, "_0_2 (") {
			t.Errorf("the candidate with two instances was not loaded with two:\n%s", log)
		}
		for _, name := range []string{"shop_tune", "shop_tune_all", "shop_tune_prep", "shop_tune_recall", "shop_tune_score"} {
			if ready, err := c.ModelReady(t.Context(), name, ""); err != nil || ready {
				t.Errorf("%s is still served: %v, %v", name, ready, err)
			}
		}
		if err := c.Ready(t.Context(), "shop"); err != nil {
			t.Error(err)
		}
	})
}
