package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"recsys/gateway"
	"recsys/tensor"
)

func put(t *testing.T, s *stand, item, body string) int {
	t.Helper()
	return do(t, s.admin, http.MethodPut, "/v1/items/"+item+"/availability", body).Code
}

const (
	off = `{"available": false}`
	on  = `{"available": true}`
)

// A switch is effective in the next request, of every gateway on the store, and of one that starts later.
func TestAvailability(t *testing.T) {
	s := newStand(t, described(t))
	other := newStand(t, func(c *gateway.Config) { c.Store = s.store })
	steps := []struct{ item, body, want string }{
		{"c", off, "abdefg"},
		{"a", off, "bdefgh"},
		{"a", off, "bdefgh"},
		{"zz", off, "bdefgh"},
		{"c", on, "bcdefg"},
		{"a", on, "abcdef"},
	}
	for i, step := range steps {
		if status := put(t, s, step.item, step.body); status != http.StatusOK {
			t.Fatalf("step %d: status %d", i, status)
		}
		for name, g := range map[string]*stand{"this": s, "other": other} {
			if got := shown(t, g, ""); got != step.want {
				t.Errorf("step %d: %s gateway shows %s, want %s", i, name, got, step.want)
			}
		}
		later := newStand(t, func(c *gateway.Config) { c.Store = s.store })
		if got := shown(t, later, ""); got != step.want {
			t.Errorf("step %d: a later gateway shows %s, want %s", i, got, step.want)
		}
	}
}

func TestAvailabilityEverywhere(t *testing.T) {
	s := newStand(t, described(t))
	put(t, s, "b", off)
	put(t, s, "j", off)
	if got := shown(t, s, `, "candidate_item_ids": ["a", "b"]`); got != "a" {
		t.Errorf("candidates: got %s, want a", got)
	}
	if got := shown(t, s, `, "filter": "item_id in ('b', 'c')"`); got != "c" {
		t.Errorf("filter: got %s, want c", got)
	}
	w := do(t, s.public, http.MethodPost, "/v1/rankings", `{"user_id": 7, "item_ids": ["a", "b"]}`)
	if !strings.Contains(w.Body.String(), `"unranked_item_ids":["b"]`) {
		t.Errorf("ranking %s", w.Body)
	}
	w = do(t, s.public, http.MethodPost, batchPath, `{"requests": [{"user_id": 1, "num_results": 1}, {"user_id": 42, "num_results": 2}]}`)
	if !strings.Contains(w.Body.String(), `{"item_id":"c"`) || strings.Contains(w.Body.String(), `{"item_id":"b"`) {
		t.Errorf("batch %s", w.Body)
	}
	if w := do(t, s.public, http.MethodGet, "/v1/popular?num_results=1", ""); !strings.Contains(w.Body.String(), `{"item_id":"i"`) {
		t.Errorf("popular %s", w.Body)
	}
	s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) { return nil, "", errors.New("down") }
	if got := shown(t, s, ``); got != "ihg" {
		t.Errorf("fallback: got %s, want ihg", got)
	}
}

// While the store does not answer, the last known set counts; when it comes back with another one that cannot be read, the answer says so.
func TestAvailabilityWithoutStore(t *testing.T) {
	s := newStand(t, described(t))
	put(t, s, "a", off)
	if got := shown(t, s, ""); got != "bcdefg" {
		t.Fatalf("got %s, want bcdefg", got)
	}
	s.store.fail(errors.New("refused"))
	if got := shown(t, s, ""); got != "bcdefg" {
		t.Errorf("store down: got %s, want bcdefg", got)
	}
	if status := put(t, s, "b", off); status != http.StatusServiceUnavailable {
		t.Errorf("store down: status %d, want 503", status)
	}
	s.store.fail(nil)
	put(t, s, "b", off)
	s.store.failAvailability(errors.New("refused"))
	w := post(t, s, `{"user_id": 7, "num_results": 1}`)
	if body := w.Body.String(); !strings.Contains(body, `"degraded_reasons":["availability_unknown"]`) || !strings.Contains(body, `{"item_id":"b"`) {
		t.Errorf("set not read: %s", body)
	}
	s.store.failAvailability(nil)
	if got := shown(t, s, ""); got != "cdefgh" {
		t.Errorf("store up: got %s, want cdefgh", got)
	}
}

func TestAvailabilityAnswers(t *testing.T) {
	tests := []struct {
		name, method, path, body string
		set                      func(*stand)
	}{
		{name: "availability_put", method: "PUT", path: "/v1/items/a/availability", body: off},
		{name: "availability_unknown_item", method: "PUT", path: "/v1/items/a%2Fb%20c/availability", body: off},
		{name: "availability_get", method: "GET", path: "/v1/items/b/availability", set: func(s *stand) { put(t, s, "b", off) }},
		{name: "availability_faults", method: "PUT", path: "/v1/items/" + strings.Repeat("x", 257) + "/availability", body: `{"available": "no", "until": 1}`},
		{name: "availability_missing", method: "PUT", path: "/v1/items/a/availability", body: `{}`},
		{name: "availability_down", method: "GET", path: "/v1/items/a/availability", set: func(s *stand) { s.store.failAvailability(errors.New("refused")) }},
		{name: "availability_method", method: "POST", path: "/v1/items/a/availability", body: off},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, described(t))
			if tt.set != nil {
				tt.set(s)
			}
			golden(t, do(t, s.admin, tt.method, tt.path, tt.body))
		})
	}
	// It is the operators' alone.
	if w := do(t, newStand(t, nil).public, http.MethodPut, "/v1/items/a/availability", off); w.Code != http.StatusNotFound {
		t.Errorf("public status %d, want 404", w.Code)
	}
}
