package main

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"recsys/pipeline"
)

// TestDrawUsers draws from the rows of 40 users.
func TestDrawUsers(t *testing.T) {
	path := pipeline.UserRows(filepath.Join(makeShared(t), "run"))
	draw := func(n int, seed uint64) []string {
		ids, err := drawUsers(path, n, seed)
		if err != nil {
			t.Fatal(err)
		}
		return ids
	}
	all := draw(100, 1)
	if len(all) != 40 || !slices.Equal(all, draw(40, 2)) {
		t.Errorf("more than there are gives %v, want all 40 in their order", all)
	}
	const n, seeds = 10, 400
	counts := map[string]int{}
	for seed := range uint64(seeds) {
		ids := draw(n, seed)
		if len(ids) != n || !slices.Equal(ids, draw(n, seed)) {
			t.Fatalf("seed %d draws %v and then others", seed, ids)
		}
		last := -1
		for _, id := range ids {
			at := slices.Index(all, id)
			if at <= last {
				t.Fatalf("seed %d: %v is not in the order of the rows", seed, ids)
			}
			last = at
			counts[id]++
		}
	}
	// Each is drawn with probability 1/4: a binomial count of 400, within five standard deviations.
	for _, id := range all {
		if d := math.Abs(float64(counts[id]) - seeds/4.0); d > 5*math.Sqrt(seeds*0.25*0.75) {
			t.Errorf("user %s was drawn %d times of %d, want about %d", id, counts[id], seeds, seeds/4)
		}
	}
}
