package gateway_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"testing"

	"recsys/ensemble"
	"recsys/gateway"
	"recsys/tensor"
)

func score(values ...float32) func(context.Context, tensor.Map) (tensor.Map, string, error) {
	return func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
		copy(tensor.MustData[float32](out["scores"]), values)
		return out, "7", nil
	}
}

// The whole answers, byte by byte.
func TestGolden(t *testing.T) {
	down := errors.New("connection refused")
	inf, nan := float32(math.Inf(-1)), float32(math.NaN())
	const recommendations, events = "/v1/recommendations", "/v1/events"
	tests := []struct {
		name, method, path, body string
		change                   func(*gateway.Config)
		setUp                    func(*stand)
	}{
		{name: "known_user", path: recommendations, body: `{"user_id": "42", "num_results": 3}`},
		{name: "known_user_integer", path: recommendations, body: `{"user_id": 42, "num_results": 3}`},
		{name: "short_form", method: "GET", path: "/v1/users/42/recommendations?num_results=3"},
		{name: "unknown_user", path: recommendations, body: `{"user_id": 7}`},
		{
			name: "missing_items", path: recommendations,
			body: `{"user_id": 42, "num_results": 2, "history": ["a", "zz"], "exclude_item_ids": ["a", "yy", "zz"]}`,
		},
		{name: "empty_slots", path: recommendations, body: `{"user_id": 42}`, setUp: func(s *stand) { s.ranker.infer = score(1, inf, .5, inf, inf, inf) }},
		{name: "store_down", path: recommendations, body: `{"user_id": 42, "num_results": 2}`, setUp: func(s *stand) { s.store.fail(down) }},
		{
			name: "model_down", path: recommendations, body: `{"user_id": 42, "exclude_item_ids": ["i"]}`,
			setUp: func(s *stand) {
				s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) { return nil, "", down }
			},
		},
		{name: "nan", path: recommendations, body: `{"user_id": 42, "num_results": 1}`, setUp: func(s *stand) { s.ranker.infer = score(1, .5, nan) }},
		{
			name: "all_down", path: recommendations, body: `{"user_id": 42}`,
			setUp: func(s *stand) {
				s.store.fail(down)
				s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) { return nil, "", down }
			},
		},
		{
			name: "model_down_without_fallback", path: recommendations, body: `{"user_id": 42}`,
			change: func(c *gateway.Config) { c.NoFallback = true },
			setUp: func(s *stand) {
				s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) { return nil, "", down }
			},
		},
		{
			name: "model_late_without_fallback", path: recommendations, body: `{"user_id": 42}`,
			change: func(c *gateway.Config) { c.NoFallback = true },
			setUp: func(s *stand) {
				s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) {
					return nil, "", context.DeadlineExceeded
				}
			},
		},
		{
			name: "generation_changed", path: recommendations, body: `{"user_id": 42, "num_results": 1}`,
			setUp: func(s *stand) {
				s.ranker.infer = func(_ context.Context, out tensor.Map) (tensor.Map, string, error) { return out, "8", nil }
			},
		},
		{name: "num_results_zero", path: recommendations, body: `{"user_id": 42, "num_results": 0}`},
		{name: "malformed", path: recommendations, body: `{"user_id": 42,}`},
		{name: "many_faults", path: recommendations, body: `{"num_results": 7, "seat": 1, "context": {"hour": 300, "a/b~": 1}, "exclude_item_ids": [1, true]}`},
		{name: "panic", path: recommendations, body: `{"user_id": 42}`, setUp: func(s *stand) {
			s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) { panic("secret") }
		}},
		{name: "events", path: events, body: `{"events": [{"event_id": "1", "user_id": 42, "item_id": "a", "type": "view", "timestamp": 1}]}`},
		{name: "event_alone", path: events, body: `{"event_id": "1", "user_id": "42", "item_id": "a", "type": "view", "timestamp": "2026-01-31T12:00:00Z"}`},
		{name: "events_store_down", path: events, body: `{"user_id": 42, "item_id": "a"}`, setUp: func(s *stand) { s.store.fail(down) }},
		{name: "events_faults", path: events, body: `{"events": [{"user_id": "x", "item_id": "a"}, {"timestamp": "noon", "colour": 1}]}`},
		{name: "batch", path: batchPath, body: `{"requests": [{"user_id": 42, "num_results": 1}, {"num_results": 0}]}`},
		{name: "ranking", path: "/v1/rankings", body: `{"user_id": 42, "item_ids": ["j", "zz", "b"]}`},
		{name: "popular", method: "GET", path: "/v1/popular?num_results=2"},
		{
			name: "ranking_not_supported", path: "/v1/rankings", body: `{"user_id": 42, "item_ids": ["a"]}`,
			change: func(c *gateway.Config) { c.Manifest.Blocked = ensemble.ManifestBlocked{} },
		},
		{name: "openapi", method: "GET", path: "/openapi.json"},
		{name: "not_found", method: "GET", path: "/v2"},
		{name: "method", method: "GET", path: recommendations},
		{name: "healthz", method: "GET", path: "/healthz"},
		{name: "readyz", method: "GET", path: "/readyz"},
		{name: "readyz_model", method: "GET", path: "/readyz", setUp: func(s *stand) { s.ranker.ready = down }},
		{name: "readyz_store", method: "GET", path: "/readyz", setUp: func(s *stand) { s.store.fail(down) }},
		{
			name: "readyz_store_required", method: "GET", path: "/readyz",
			change: func(c *gateway.Config) { c.RequireStore = true }, setUp: func(s *stand) { s.store.fail(down) },
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, tt.change)
			if tt.setUp != nil {
				tt.setUp(s)
			}
			method := tt.method
			if method == "" {
				method = http.MethodPost
			}
			golden(t, do(t, s.public, method, tt.path, tt.body))
		})
	}
}
