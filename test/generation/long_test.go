//go:build full

package generation_test

import (
	"testing"

	"recsys/test/triton"
)

// longRequests is how many requests the replicas of the long test answer together.
const longRequests = 100_000

// TestLong kills publishers before each of their steps on two replicas under load, until these have answered often enough.
func TestLong(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1)
	options := triton.Options{LoadModels: []string{"shop"}}
	first, second := triton.Start(t, dir, options), triton.Start(t, dir, options)
	export(t, dir, 2)
	loads := []*load{start(t, first.GRPC, "shop", longRequests/2), start(t, second.GRPC, "shop", longRequests/2)}
	newKiller(t, dir, first, second).all(t)
	for _, l := range loads {
		l.stop(t, 1, 2)
	}
}
