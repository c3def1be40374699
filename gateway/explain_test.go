package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble"
	"recsys/gateway"
	"recsys/ordering"
	"recsys/tensor"
)

// explaining is a stand whose ensemble has six candidates of two sources, tells two stages of them, and takes the fifth one out in the second.
func explaining(t *testing.T, p *ordering.Policy, conditions ...string) *stand {
	t.Helper()
	s := newStand(t, both(described(t), where(conditions...), func(c *gateway.Config) {
		c.Manifest.Ordering = p
		c.Manifest.Sources = []ensemble.ManifestSource{{Name: "mf", Quota: 8}, {Name: "ease", Quota: 2}}
		c.Manifest.Outputs.Explain = []string{
			"explain_candidates", "explain_candidate_sources", "explain_candidate_scores", "explain_masked_scores", "explain_query",
		}
	}))
	s.ranker.infer = func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
		ids, inf := tensor.MustData[string](out["item_ids"]), float32(math.Inf(-1))
		candidates, scores, masked := make([]int64, 6), make([]float32, 6), make([]float32, 6)
		for i := range candidates {
			candidates[i] = int64(3 + max(0, slices.Index(itemKeys(), ids[i])))
			scores[i] = 3 - float32(i)/2
			if ids[i] == "" {
				candidates[i], scores[i] = 0, inf
			}
			masked[i] = scores[i]
		}
		masked[4], tensor.MustData[float32](out["scores"])[4] = inf, inf
		out["explain_candidates"] = tensor.Of(candidates, 1, 6)
		out["explain_candidate_sources"] = tensor.Of([]int64{0, 0, 0, 0, 1, 1}, 1, 6)
		out["explain_candidate_scores"], out["explain_masked_scores"] = tensor.Of(scores, 1, 6), tensor.Of(masked, 1, 6)
		out["explain_query"] = tensor.Of(make([]float32, 6), 1, 6)
		return out, "7", nil
	}
	return s
}

func explain(t *testing.T, s *stand, body string) map[string]gateway.Explained {
	t.Helper()
	w := do(t, s.admin, http.MethodPost, "/v1/explanations", body)
	var x gateway.Explanation
	if err := json.Unmarshal(w.Body.Bytes(), &x); err != nil || w.Code != http.StatusOK {
		t.Fatalf("explanation %d %s", w.Code, w.Body)
	}
	out := map[string]gateway.Explained{}
	for _, e := range x.Explained {
		out[e.ItemID] = e
	}
	return out
}

func TestExplain(t *testing.T) {
	p := &ordering.Policy{Boosts: []ordering.Boost{{Where: "item_id == 'c'", Times: 3}}}
	s := explaining(t, p, "item_id != 'e'", "is_null(available_in) or available_in has context.country")
	if status := put(t, s, "g", off); status != http.StatusOK {
		t.Fatal(status)
	}
	// User 42 has seen b and d. Left are a, c and j.
	got := explain(t, s, `{"user_id": 42, "num_results": 2, "exclude_item_ids": ["i"], "filter": "year != 1997 or is_null(year)",
		"item_ids": ["a", "b", "e", "f", "g", "h", "i", "j", "zz"]}`)
	stages := func(score float32) map[string]float32 {
		return map[string]float32{"candidate_scores": score, "masked_scores": score}
	}
	want := map[string]gateway.Explained{
		"c":  {ItemID: "c", Rank: 1, Candidate: 2, Source: "mf", Stages: stages(2.5), Boosted: 3 * float64(float32(0.7))},
		"a":  {ItemID: "a", Rank: 2, Candidate: 1, Source: "mf", Stages: stages(3), Boosted: float64(float32(0.9))},
		"b":  {ItemID: "b", DroppedBy: gateway.DroppedSeen},
		"e":  {ItemID: "e", DroppedBy: gateway.DroppedFilter, Condition: "item_id != 'e'"},
		"f":  {ItemID: "f", DroppedBy: gateway.DroppedFilter, Condition: "is_null(available_in) or available_in has context.country"},
		"g":  {ItemID: "g", DroppedBy: gateway.DroppedUnavailable},
		"h":  {ItemID: "h", DroppedBy: gateway.DroppedFilter, Condition: "year != 1997 or is_null(year)"},
		"i":  {ItemID: "i", DroppedBy: gateway.DroppedExcluded},
		"j":  {ItemID: "j", Candidate: 3, Source: "mf", Stages: stages(2), DroppedBy: gateway.DroppedOrdering},
		"zz": {ItemID: "zz", DroppedBy: gateway.DroppedUnknown},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("explained (-got +want):\n%s", diff)
	}
}

// The other causes: what a further filter takes out, what is not among six candidates, what is not given, and an ensemble that is down.
func TestExplainOtherCauses(t *testing.T) {
	s := explaining(t, nil)
	got := explain(t, s, `{"user_id": 7, "num_results": 1, "item_ids": ["e", "f", "g"]}`)
	if e := got["e"]; e.DroppedBy != gateway.DroppedStage || e.Source != "ease" || !cmp.Equal(e.Stages, map[string]float32{"candidate_scores": 1}) {
		t.Errorf("e: %+v", e)
	}
	if got["f"].DroppedBy != gateway.DroppedOrdering || got["g"].DroppedBy != gateway.DroppedRetrieval {
		t.Errorf("f: %+v, g: %+v", got["f"], got["g"])
	}
	if got := explain(t, s, `{"user_id": 7, "candidate_item_ids": ["a"], "item_ids": ["b"]}`); got["b"].DroppedBy != gateway.DroppedNotGiven {
		t.Errorf("b: %+v", got["b"])
	}
	s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) { return nil, "", errors.New("down") }
	if got := explain(t, s, `{"user_id": 7, "num_results": 1, "item_ids": ["b"]}`); got["b"].DroppedBy != gateway.DroppedEnsemble || got["j"].Rank != 1 {
		t.Errorf("without the ensemble: %+v", got)
	}
}

func TestExplainAsksForMore(t *testing.T) {
	s := explaining(t, nil)
	explain(t, s, `{"user_id": 7}`)
	if len(s.ranker.outputs) != 7 {
		t.Errorf("explanations ask for %v", s.ranker.outputs)
	}
	if post(t, s, `{"user_id": 7}`); len(s.ranker.outputs) != 2 {
		t.Errorf("recommendations ask for %v", s.ranker.outputs)
	}
	// It is the operators' alone, and of an ensemble that can tell.
	if w := do(t, s.public, http.MethodPost, "/v1/explanations", `{"user_id": 7}`); w.Code != http.StatusNotFound {
		t.Errorf("public status %d, want 404", w.Code)
	}
	if w := do(t, s.admin, http.MethodPost, "/v1/explanations", `{"user_id": 7, "item_ids": [true]}`); !strings.Contains(w.Body.String(), `"pointer":"/item_ids/0"`) {
		t.Errorf("faults: %s", w.Body)
	}
	s = newStand(t, func(c *gateway.Config) { c.Manifest.Outputs.Explain = nil })
	w := do(t, s.admin, http.MethodPost, "/v1/explanations", `{"user_id": 7}`)
	if w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), "--fuse groups or none") {
		t.Errorf("fused into one: %d %s", w.Code, w.Body)
	}
}
