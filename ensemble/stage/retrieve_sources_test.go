package stage_test

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"

	"recsys/ensemble/stage"
	"recsys/internal/portable"
	"recsys/tensor"
)

// TestRetrieveSources compares three sources, one of which scores all items itself, with plain loops.
func TestRetrieveSources(t *testing.T) {
	const v, d, first, users = 30, 3, 3, 3
	rng := portable.New(1, "sources")
	near, far := random(rng, v, d), random(rng, v, d)
	query, own, all := random(rng, users, d), random(rng, users, d), random(rng, users, v)
	sources := []stage.Source{
		{Name: "near", Retrieval: stage.Retrieval{Items: near, First: first, Candidates: 4}},
		{Name: "all", Retrieval: stage.Retrieval{Count: v, First: first, Candidates: 5}},
		{Name: "far", Retrieval: stage.Retrieval{Items: far, First: first, Candidates: 3}},
	}
	s, err := stage.RetrieveSources(sources)
	if err != nil {
		t.Fatal(err)
	}
	// The second user has 11 items left for 12 places, the third none.
	blocked := [][]int{{3, 7, 12}, nil, nil}
	for i := range v {
		if i >= 14 {
			blocked[1] = append(blocked[1], i)
		}
		blocked[2] = append(blocked[2], i)
	}
	got := run(t, s, tensor.Map{
		stage.Query: query, stage.SourceQuery("all"): all, stage.SourceQuery("far"): own, stage.Blocked: bitmap(v, blocked...),
	})
	score := []func(u, i int) float32{
		func(u, i int) float32 { return product(query, near, u, i) },
		func(u, i int) float32 { return tensor.MustData[float32](all)[u*v+i] },
		func(u, i int) float32 { return product(own, far, u, i) },
	}
	for u := range users {
		ids := tensor.MustData[int64](got[stage.Candidates].Rows(u, u+1))
		scores := tensor.MustData[float32](got[stage.CandidateScores].Rows(u, u+1))
		origins := tensor.MustData[int64](got[stage.CandidateSources].Rows(u, u+1))
		taken, at := map[int]bool{}, 0
		for k, source := range sources {
			var left []int
			for i := first; i < v; i++ {
				if !taken[i] && !slices.Contains(blocked[u], i) {
					left = append(left, i)
				}
			}
			slices.SortStableFunc(left, func(a, b int) int { return cmp.Compare(score[k](u, b), score[k](u, a)) })
			for j := range source.Retrieval.Candidates {
				if origins[at] != int64(k) {
					t.Errorf("user %d, place %d: source %d, want %d", u, at, origins[at], k)
				}
				switch {
				case j >= len(left):
					if scores[at] != -inf {
						t.Errorf("user %d, place %d: score %g of an item too many, want -inf", u, at, scores[at])
					}
				case ids[at] != int64(left[j]) || math.Abs(float64(scores[at]-score[k](u, left[j]))) > 1e-5:
					t.Errorf("user %d, place %d: item %d with %g, want %d with %g", u, at, ids[at], scores[at], left[j], score[k](u, left[j]))
				default:
					taken[left[j]] = true
				}
				at++
			}
		}
	}
}

// product is the score of item i for user u.
func product(query, items *tensor.Tensor, u, i int) float32 {
	d := query.Dim(1)
	sum := float32(0)
	for j := range d {
		sum += tensor.MustData[float32](query)[u*d+j] * tensor.MustData[float32](items)[i*d+j]
	}
	return sum
}

func TestRetrieveSourcesRefuses(t *testing.T) {
	items := random(portable.New(1, "refused"), 10, 2)
	source := func(name string, first, quota int) stage.Source {
		return stage.Source{Name: name, Retrieval: stage.Retrieval{Items: items, First: first, Candidates: quota}}
	}
	for want, sources := range map[string][]stage.Source{
		"there are no sources": nil,
		`source "b": the quotas add up to more than the 7 items`: {source("a", 3, 4), source("b", 3, 4)},
		`source "b" has the items 2 to 10`:                       {source("a", 3, 4), source("b", 2, 4)},
		`source "b": 0 candidates`:                               {source("a", 3, 4), source("b", 3, 0)},
	} {
		if _, err := stage.RetrieveSources(sources); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
