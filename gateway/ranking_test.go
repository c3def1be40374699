package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/featurestore"
	"recsys/gateway"
	"recsys/tensor"
)

func rank(t *testing.T, s *stand, body string) gateway.Ranking {
	t.Helper()
	w := do(t, s.public, http.MethodPost, "/v1/rankings", body)
	var r gateway.Ranking
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return r
}

func itemIDs(items []gateway.Item) string {
	var b strings.Builder
	for _, item := range items {
		b.WriteString(item.ItemID)
	}
	return b.String()
}

// TestRanking has the ensemble order the given items: those that user 42 has seen (b, d) too, and no others.
func TestRanking(t *testing.T) {
	s := newStand(t, nil)
	r := rank(t, s, `{"user_id": 42, "item_ids": ["j", "b", "zz", "b", "e"], "history": ["yy"], "context": {"age": 3}}`)
	if got := itemIDs(r.Items); got != "bej" || r.Items[0].Score != .8 || r.Items[2].Rank != 3 {
		t.Errorf("got %+v, want b, e, j", r.Items)
	}
	if diff := cmp.Diff(r.MissingItemIDs, []string{"yy", "zz"}); diff != "" {
		t.Errorf("missing (-got +want):\n%s", diff)
	}
	if len(r.UnrankedItemIDs) != 0 || r.Degraded {
		t.Errorf("got %+v, want all ranked", r)
	}
	// b is index 4, e is 7, j is 12: all else is blocked.
	if diff := cmp.Diff(s.ranker.last()["blocked"], tensor.Of([]uint8{0b0110_1111, 0b1110_1111}, 1, 2)); diff != "" {
		t.Errorf("blocked (-got +want):\n%s", diff)
	}
	if age := tensor.MustData[float32](s.ranker.last()["age"])[0]; age != 3 {
		t.Errorf("age %v, want that of the context", age)
	}
}

// TestUnranked has an ensemble that misses items, as an approximate index may, and returns others.
func TestUnranked(t *testing.T) {
	s := newStand(t, nil)
	s.ranker.infer = func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
		out["item_ids"] = tensor.Of([]string{"a", "e", "c", "d", "f", "g"}, 1, 6)
		out["scores"] = tensor.Of([]float32{6, 5, 4, 3, 2, 1}, 1, 6)
		return out, "7", nil
	}
	r := rank(t, s, `{"user_id": 42, "item_ids": ["j", "e", "b", "zz"]}`)
	if got := itemIDs(r.Items); got != "e" {
		t.Errorf("got %s, want e", got)
	}
	if diff := cmp.Diff(r.UnrankedItemIDs, []string{"j", "b"}); diff != "" {
		t.Errorf("unranked (-got +want):\n%s", diff)
	}
}

// TestRankingFallsBack orders by popularity (j, i, h, g), and what is not popular as it was given.
func TestRankingFallsBack(t *testing.T) {
	s := newStand(t, nil)
	s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) { return nil, "", errors.New("down") }
	r := rank(t, s, `{"user_id": 42, "item_ids": ["b", "h", "zz", "a", "i"]}`)
	if got := itemIDs(r.Items); got != "ihba" || r.Items[0].Score != 0 || len(r.UnrankedItemIDs) != 0 {
		t.Errorf("got %+v, want i, h, b, a", r)
	}
	if diff := cmp.Diff(r.DegradedReasons, []string{gateway.FallbackPopular}); diff != "" {
		t.Errorf("reasons (-got +want):\n%s", diff)
	}
}

func TestBadRankings(t *testing.T) {
	tests := []struct {
		name, body string
		status     int
		want       string
	}{
		{"no items", `{"user_id": 42}`, 422, `"/item_ids"`},
		{"null", `{"user_id": 42, "item_ids": null}`, 422, `"/item_ids"`},
		{"empty", `{"user_id": 42, "item_ids": []}`, 422, "at least one"},
		{"no user", `{"item_ids": ["a"]}`, 422, `"/user_id"`},
		{"bad item", `{"user_id": 42, "item_ids": ["a", 1.5]}`, 422, `"/item_ids/1"`},
		{"too many", `{"user_id": 42, "item_ids": ["a", "b", "c", "d", "e", "f", "g"]}`, 422, "7 elements, at most 6"},
		{"number of results", `{"user_id": 42, "item_ids": ["a"], "num_results": 1}`, 422, `"/num_results"`},
		{"time", `{"user_id": 42, "item_ids": ["a"], "timeout_ms": 0}`, 422, `"/timeout_ms"`},
		{"cut", `{"user_id": 42, "item_ids": ["a"`, 400, "ends too early"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, nil)
			w := do(t, s.public, http.MethodPost, "/v1/rankings", tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) || s.ranker.calls != 0 {
				t.Errorf("status %d, want %d with %s: %s", w.Code, tt.status, tt.want, w.Body)
			}
		})
	}
}

// TestWithoutBitmap asks an ensemble that cannot be held to given items.
func TestWithoutBitmap(t *testing.T) {
	s := newStand(t, func(c *gateway.Config) { c.Manifest.Blocked.Input, c.Manifest.Blocked.Bytes = "", 0 })
	w := do(t, s.public, http.MethodPost, "/v1/rankings", `{"user_id": 42, "item_ids": ["a"]}`)
	if w.Code != http.StatusNotImplemented || !strings.Contains(w.Body.String(), "not-supported") || !strings.Contains(w.Body.String(), "bitmap") {
		t.Errorf("status %d, want 501: %s", w.Code, w.Body)
	}
	w = post(t, s, `{"user_id": 42, "candidate_item_ids": ["a"]}`)
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `"/candidate_item_ids"`) {
		t.Errorf("status %d, want 422: %s", w.Code, w.Body)
	}
}

// TestCandidates recommends from given items, without what user 42 has seen (b, d) or the request excludes.
func TestCandidates(t *testing.T) {
	for body, want := range map[string]string{
		`{"user_id": 42, "candidate_item_ids": ["j", "b", "e", "g", "zz"], "exclude_item_ids": ["g"]}`: "ej",
		`{"user_id": 42, "candidate_item_ids": ["j", "h", "g"], "num_results": 2}`:                     "gh",
		`{"user_id": 42, "candidate_item_ids": []}`:                                                    "",
		`{"user_id": 42, "candidate_item_ids": null}`:                                                  "acefgh",
	} {
		s := newStand(t, nil)
		if a := answerOf(t, post(t, s, body)); itemIDs(a.Items) != want {
			t.Errorf("%s: got %v, want %s", body, a.Items, want)
		}
	}
	w := post(t, newStand(t, nil), `{"user_id": 42, "candidate_item_ids": [`+strings.Repeat(`"a",`, 10)+`"a"]}`)
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "11 elements, at most 10") {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

// slow is a store that takes as long as it may.
type slow struct{ featurestore.Store }

func (slow) User(ctx context.Context, _ string, _ int) (featurestore.User, error) {
	<-ctx.Done()
	return featurestore.User{}, ctx.Err()
}

// TestTimeout has a store and an ensemble that hang: the caller waits as long as it said, and not beyond the gateway's 10 seconds. The
// clock is the bubble's, so that times are exact.
func TestTimeout(t *testing.T) {
	const user = `"user_id": 42`
	tests := []struct {
		name, path, body string
		took             time.Duration
	}{
		{name: "none", path: "/v1/recommendations", body: `{` + user + `}`, took: 10 * time.Second},
		{name: "shorter", path: "/v1/recommendations", body: `{` + user + `, "timeout_ms": 200}`, took: 200 * time.Millisecond},
		{name: "longer", path: "/v1/recommendations", body: `{` + user + `, "timeout_ms": 60000}`, took: 10 * time.Second},
		{name: "null", path: "/v1/recommendations", body: `{` + user + `, "timeout_ms": null}`, took: 10 * time.Second},
		{name: "ranking", path: "/v1/rankings", body: `{` + user + `, "item_ids": ["a"], "timeout_ms": 100}`, took: 100 * time.Millisecond},
		{name: "batch", path: batchPath, body: `{"requests": [{` + user + `}, {` + user + `}], "timeout_ms": 100}`, took: 100 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newStand(t, func(c *gateway.Config) { c.Store = slow{c.Store} })
				start := time.Now()
				var read time.Duration
				s.ranker.infer = func(ctx context.Context, _ tensor.Map) (tensor.Map, string, error) {
					read = time.Since(start)
					<-ctx.Done()
					return nil, "", ctx.Err()
				}
				w := do(t, s.public, http.MethodPost, tt.path, tt.body)
				if took := time.Since(start); took != tt.took || read != tt.took*3/10 {
					t.Errorf("took %s and %s for the store, want %s and 3/10 of it", took, read, tt.took)
				}
				if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), gateway.FallbackPopular) {
					t.Errorf("status %d: %s", w.Code, w.Body)
				}
			})
		})
	}
	for _, value := range []string{"0", "-1", "60001", "1.5", `"1"`} {
		w := post(t, newStand(t, nil), `{`+user+`, "timeout_ms": `+value+`}`)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `"/timeout_ms"`) {
			t.Errorf("%s: status %d: %s", value, w.Code, w.Body)
		}
	}
	w := do(t, newStand(t, nil).public, http.MethodPost, batchPath, `{"requests": [{"user_id": 42, "timeout_ms": 5}]}`)
	if !strings.Contains(w.Body.String(), `"/requests/0/timeout_ms"`) {
		t.Errorf("a request of a batch has a time of its own: %s", w.Body)
	}
}

// TestPopular needs neither the ensemble nor the store.
func TestPopular(t *testing.T) {
	tests := []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/popular", 200, "jihg"},
		{"/v1/popular?num_results=2", 200, "ji"},
		{"/v1/popular?num_results=0", 422, `"?num_results"`},
		{"/v1/popular?num_results=7", 422, "from 1 to 6"},
		{"/v1/popular?user_id=1", 422, `"?user_id"`},
	}
	for _, tt := range tests {
		s := newStand(t, nil)
		s.store.fail(errors.New("down"))
		w := do(t, s.public, http.MethodGet, tt.path, "")
		if w.Code != tt.status {
			t.Errorf("%s: status %d, want %d", tt.path, w.Code, tt.status)
			continue
		}
		if tt.status != http.StatusOK {
			if !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%s: %s, want %s", tt.path, w.Body, tt.want)
			}
			continue
		}
		if a := answerOf(t, w); itemIDs(a.Items) != tt.want || a.Model.Generation != 7 || a.Degraded || s.ranker.calls != 0 {
			t.Errorf("%s: %+v, want %s", tt.path, a, tt.want)
		}
	}
	s := newStand(t, func(c *gateway.Config) { c.Manifest.Fallback = nil })
	if w := do(t, s.public, http.MethodGet, "/v1/popular", ""); w.Code != http.StatusNotImplemented {
		t.Errorf("without a list: status %d", w.Code)
	}
}
