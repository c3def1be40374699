package ivf_test

import (
	"math"
	"slices"
	"testing"

	"recsys/internal/ivf"
	"recsys/internal/portable"
	"recsys/tensor"
)

// clouds draws n vectors around centres; the first cloud has half of them, so that its list would be far too long.
func clouds(n, d, centres int, spread float32) *tensor.Tensor {
	rng := portable.New(1, "clouds")
	at := make([]float32, centres*d)
	for i := range at {
		at[i] = float32(rng.Normal())
	}
	out := make([]float32, 0, n*d)
	for i := range n {
		c := 0
		if i%2 == 1 {
			c = rng.IntN(centres)
		}
		for j := range d {
			out = append(out, at[c*d+j]+spread*float32(rng.Normal()))
		}
	}
	return tensor.Of(out, n, d)
}

func build(t *testing.T, items *tensor.Tensor, first int, s ivf.Settings) *ivf.Index {
	t.Helper()
	x, err := ivf.Build(t.Context(), items, first, s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestListsAreBounded: every item is in one list, and no list is longer than Slack times the mean though the data is lopsided.
func TestListsAreBounded(t *testing.T) {
	const n, first, lists = 3000, 3, 24
	x := build(t, clouds(n, 8, 10, 0.1), first, ivf.Settings{Lists: lists, Seed: 1})
	if most := int(math.Ceil(ivf.Slack * (n - first) / lists)); x.Longest() > most {
		t.Errorf("the longest list has %d items, want at most %d", x.Longest(), most)
	}
	if x.Moved == 0 || x.Moved > n/2 {
		t.Errorf("%d items moved: with half of them in one cloud some have to, and the others not", x.Moved)
	}
	all := slices.Sorted(slices.Values(slices.Concat(x.Lists...)))
	if len(all) != n-first || all[0] != first || all[len(all)-1] != n-1 || len(slices.Compact(all)) != n-first {
		t.Errorf("the lists hold %d items from %d to %d, want each of %d to %d once", len(all), all[0], all[len(all)-1], first, n-1)
	}
	for _, l := range x.Lists {
		if !slices.IsSorted(l) {
			t.Fatal("a list is not in ascending order")
		}
	}
}

// TestClusters: clouds that are far apart are the lists, where the lists have room for them.
func TestClusters(t *testing.T) {
	const d = 4
	var data []float32
	for i := range 400 {
		for j := range d {
			x := float32(i%7) * 1e-3
			if j == i%d {
				x += 10
			}
			data = append(data, x)
		}
	}
	x := build(t, tensor.Of(data, 400, d), 0, ivf.Settings{Lists: d, Seed: 2})
	for _, l := range x.Lists {
		if len(l) != 100 {
			t.Fatalf("a list has %d items, want the 100 of a cloud", len(l))
		}
		for _, i := range l {
			if i%d != l[0]%d {
				t.Fatalf("items %d and %d of different clouds are in one list", l[0], i)
			}
		}
	}
	if x.Moved != 0 {
		t.Errorf("%d items moved, want none", x.Moved)
	}
}

// TestThreadsDoNotMatter makes the same lists with any number of threads, and others from another seed.
func TestThreadsDoNotMatter(t *testing.T) {
	items := clouds(5000, 16, 30, 0.5)
	want := build(t, items, 1, ivf.Settings{Seed: 3})
	if got := len(want.Lists); got != 70 { // the square root of 4999
		t.Errorf("%d lists by default, want 70", got)
	}
	for _, threads := range []int{2, 5} {
		got := build(t, items, 1, ivf.Settings{Seed: 3, Threads: threads})
		if !got.Centroids.Equal(want.Centroids) || !slices.EqualFunc(got.Lists, want.Lists, slices.Equal) {
			t.Errorf("%d threads make other lists than one", threads)
		}
	}
	if other := build(t, items, 1, ivf.Settings{Seed: 4}); other.Centroids.Equal(want.Centroids) {
		t.Error("another seed makes the same centroids")
	}
}

// TestFewOrEqualItems: fewer items than lists, and items that are all the same.
func TestFewOrEqualItems(t *testing.T) {
	x := build(t, clouds(5, 3, 2, 1), 2, ivf.Settings{Lists: 50, Seed: 1})
	if len(x.Lists) != 3 || x.Longest() > 2 {
		t.Errorf("3 items are in %v", x.Lists)
	}
	x = build(t, tensor.Zeros(tensor.Float32, 100, 3), 0, ivf.Settings{Lists: 10, Seed: 1})
	if most := 13; x.Longest() > most {
		t.Errorf("of 100 equal items a list has %d, want at most %d", x.Longest(), most)
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct {
		items *tensor.Tensor
		first int
		lists int
	}{{nil, 0, 1}, {tensor.Zeros(tensor.Int64, 3, 2), 0, 1}, {tensor.Zeros(tensor.Float32, 3, 2), 3, 1}, {tensor.Zeros(tensor.Float32, 3, 2), 0, -1}} {
		if _, err := ivf.Build(t.Context(), tt.items, tt.first, ivf.Settings{Lists: tt.lists}); err == nil {
			t.Errorf("%v from %d on in %d lists: no error", tt.items, tt.first, tt.lists)
		}
	}
}
