//go:build !race

package exec_test

import (
	"testing"

	"recsys/graph/exec"
	"recsys/graph/kernel"
)

// The race detector makes pools forget, so allocations are counted without it.

func TestSessionAllocatesNothing(t *testing.T) {
	for _, set := range kernel.Sets() {
		plan := compile(t, build(t, ranker), exec.Options{Kernels: set})
		session, in := plan.NewSession(), rankerInputs(64)
		ctx := t.Context()
		run := func() {
			if _, err := session.Run(ctx, in); err != nil {
				t.Fatal(err)
			}
		}
		run()
		// Less than one in ten runs: the garbage collector may empty a pool of buffers in between.
		if n := testing.AllocsPerRun(200, run); n > 0.1 {
			t.Errorf("%s: %v allocations a run", set.Name, n)
		}
	}
}
