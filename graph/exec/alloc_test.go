//go:build !race

package exec_test

import (
	"testing"

	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// The race detector makes pools forget, so allocations are counted without it.

func TestSessionAllocatesNothing(t *testing.T) {
	for _, set := range kernel.Sets() {
		for _, threads := range []int{1, 3} {
			o := exec.Options{Kernels: set, Threads: threads, Frozen: true}
			small := compile(t, build(t, ranker), o)
			allocatesNothing(t, set.Name, small, rankerInputs(64))
			query := compile(t, build(t, models{testRows}.sequence), o)
			allocatesNothing(t, set.Name, query, stepInputs(query, 8, testRows))
			retrieval, _ := topPlans(t, topCases()["bitmap"], 12_000, 10, o)
			allocatesNothing(t, set.Name, retrieval, topInputs(retrieval, 3, 1))
		}
	}
}

func allocatesNothing(t *testing.T, name string, plan *exec.Plan, in tensor.Map) {
	t.Helper()
	session, ctx := plan.NewSession(), t.Context()
	run := func() {
		if _, err := session.Run(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	run()
	// Goroutines and their memory are used again, but not before some have ended.
	for range 10 {
		run()
	}
	// Less than one in ten runs: the garbage collector may empty a pool of buffers in between.
	if n := testing.AllocsPerRun(50, run); n > 0.1 {
		t.Errorf("%s: %v allocations a run", name, n)
	}
}
