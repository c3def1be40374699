package main

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/internal/load"
	"recsys/test/triton"
)

// TestSplitOnTriton has a real Triton run two ensembles with several sources, columns of users and items together, a condition and a policy. verify
// compares them with the run's own stages.
func TestSplitOnTriton(t *testing.T) {
	if os.Getenv(triton.Env) == "" {
		t.Skip(triton.Env + " is not set: no real Triton to run two ensembles")
	}
	run, repository := filepath.Join(makeShop(t, "testdata/split.yaml"), "run"), filepath.Join(t.TempDir(), "repository")
	recsysOutput(t, "export", "--run", run, "--to", repository, "--layout", "split", "--profile", "cpu")
	s := triton.Start(t, repository, triton.Options{LoadModels: []string{"shop", ensemble.RankingName("shop")}})
	text := recsysOutput(t, "verify", "--run", run, "--repository", repository, "--triton", s.GRPC, "--results", "10")
	if !regexp.MustCompile(`(?m)^triton +40 users, \d+ with ties in another order, 0 different`).Match(text) {
		t.Errorf("verify says:\n%s", text)
	}
}

// TestOnTriton measures and tunes on a real Triton.
func TestOnTriton(t *testing.T) {
	if os.Getenv(triton.Env) == "" {
		t.Skip(triton.Env + " is not set: no real Triton to measure")
	}
	shared := makeShared(t)
	s := triton.Start(t, filepath.Join(shared, "repo"), triton.Options{LoadModels: []string{"shop"}})
	for _, model := range []string{"shop", "shop_score"} {
		t.Run("bench "+model, func(t *testing.T) {
			var r load.Report
			text := recsysOutput(t, "bench", "--repository", filepath.Join(shared, "repo"), "--triton", s.GRPC, "--model", model,
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
		tuneOn(t, shared, s.GRPC)
		// The server's log names the instances that it starts: GROUP_INSTANCE, from 0.
		if log := s.Log(); !regexp.MustCompile(`shop_tune_\w+_0_1 \(`).MatchString(log) || strings.Contains(log, "_0_2 (") {
			t.Errorf("the candidate with two instances was not loaded with two:\n%s", log)
		}
	})
}
