package gateway_test

import (
	"context"
	"errors"
	"math"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/featurestore"
	"recsys/gateway"
	"recsys/tensor"
)

// defaults are the inputs for an unknown user: nobody blocked but indices 0 to 2 and 13 to 15.
func defaults() tensor.Map {
	null := int64(tensor.NullInt64)
	return tensor.Map{
		"user_id":   tensor.Of([]int64{7}, 1, 1),
		"history":   tensor.Of([]string{"", "", "", ""}, 1, 4),
		"timestamp": tensor.Of([]int64{1_700_000_000}, 1, 1),
		"device":    tensor.Of([]string{""}, 1, 1),
		"hour":      tensor.Of([]int8{0}, 1, 1),
		"new":       tensor.Of([]bool{false}, 1, 1),
		"age":       tensor.Of([]float32{30.5}, 1, 1),
		"gender":    tensor.Of([]string{""}, 1, 1),
		"likes":     tensor.Of([]int64{9, null, null}, 1, 3),
		"blocked":   tensor.Of([]uint8{0b0000_0111, 0b1110_0000}, 1, 2),
	}
}

func TestMerge(t *testing.T) {
	null, nan := int64(tensor.NullInt64), float32(math.NaN())
	known := func() tensor.Map {
		m := defaults()
		m["user_id"] = tensor.Of([]int64{42}, 1, 1)
		m["history"] = tensor.Of([]string{"b", "d", "", ""}, 1, 4)
		m["age"] = tensor.Of([]float32{55}, 1, 1)
		m["gender"] = tensor.Of([]string{"F"}, 1, 1)
		m["likes"] = tensor.Of([]int64{1, 2, null}, 1, 3)
		m["blocked"] = tensor.Of([]uint8{0b0101_0111, 0b1110_0000}, 1, 2) // b is index 4, d is 6.
		return m
	}
	tests := []struct {
		name, body string
		want       func() tensor.Map
		change     func(tensor.Map)
	}{
		{"unknown user", `{"user_id": 7}`, defaults, nil},
		{"known user", `{"user_id": 42}`, known, nil},
		{"null is absent", `{"user_id": 42, "num_results": null, "history": null, "exclude_item_ids": null, "context": null}`, known, nil},
		{"id with another spelling", `{"user_id": "+042"}`, known, nil},
		{"id with an empty fraction", `{"user_id": 4.2e1}`, known, nil},
		{"empty history", `{"user_id": 42, "history": []}`, known, func(m tensor.Map) {
			m["history"] = defaults()["history"]
		}},
		{"newest of a long history", `{"user_id": 42, "history": ["a","b","c","d","e","zz"]}`, known, func(m tensor.Map) {
			m["history"] = tensor.Of([]string{"c", "d", "e", "zz"}, 1, 4)
		}},
		{"exclusions", `{"user_id": 42, "exclude_item_ids": ["j", "a", "b", "zz"]}`, known, func(m tensor.Map) {
			m["blocked"] = tensor.Of([]uint8{0b0101_1111, 0b1111_0000}, 1, 2) // a is index 3, j is 12.
		}},
		{"context over the row", `{"user_id": 42, "context": {"age": 20, "gender": null, "likes": [5, null, 6], "device": "tv", "hour": -3, "new": true, "timestamp": 5}}`, known, func(m tensor.Map) {
			m["age"] = tensor.Of([]float32{20}, 1, 1)
			m["gender"] = tensor.Of([]string{""}, 1, 1)
			m["likes"] = tensor.Of([]int64{5, null, 6}, 1, 3)
			m["device"] = tensor.Of([]string{"tv"}, 1, 1)
			m["hour"] = tensor.Of([]int8{-3}, 1, 1)
			m["new"] = tensor.Of([]bool{true}, 1, 1)
			m["timestamp"] = tensor.Of([]int64{5}, 1, 1)
		}},
		{"null over the default", `{"user_id": 7, "context": {"age": null, "likes": null}}`, defaults, func(m tensor.Map) {
			m["age"] = tensor.Of([]float32{nan}, 1, 1)
			m["likes"] = tensor.Of([]int64{null, null, null}, 1, 3)
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, nil)
			if w := post(t, s, tt.body); w.Code != http.StatusOK {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			want := tt.want()
			if tt.change != nil {
				tt.change(want)
			}
			if diff := cmp.Diff(s.ranker.last(), want); diff != "" {
				t.Errorf("inputs (-got +want):\n%s", diff)
			}
			if diff := cmp.Diff(s.ranker.outputs, []string{"item_ids", "scores"}); diff != "" || s.ranker.model != "shop" {
				t.Errorf("called model %q with outputs (-got +want):\n%s", s.ranker.model, diff)
			}
		})
	}
}

// Two requests must not see each other's values through the shared defaults.
func TestMergeDoesNotChangeDefaults(t *testing.T) {
	s := newStand(t, nil)
	post(t, s, `{"user_id": 42, "context": {"age": 20, "likes": [5, 6]}, "exclude_item_ids": ["a"]}`)
	post(t, s, `{"user_id": 7}`)
	if diff := cmp.Diff(s.ranker.last(), defaults()); diff != "" {
		t.Errorf("inputs (-got +want):\n%s", diff)
	}
}

func TestRowOfAnotherExportGivesDefaults(t *testing.T) {
	s := newStand(t, nil)
	other, err := featurestore.NewCodec(userRow()[:1])
	if err != nil {
		t.Fatal(err)
	}
	stale, err := other.Encode(tensor.Map{"age": tensor.Of([]float32{55}, 1)}, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range [][]byte{stale, []byte("garbage")} {
		_, err := s.store.Load(t.Context(), func(yield func(featurestore.Record, error) bool) {
			yield(featurestore.Record{UserID: "7", Row: row}, nil)
		})
		if err != nil {
			t.Fatal(err)
		}
		a := answerOf(t, post(t, s, `{"user_id": 7}`))
		if diff := cmp.Diff(a.DegradedReasons, []string{gateway.FeaturesInvalid}); diff != "" {
			t.Errorf("reasons (-got +want):\n%s", diff)
		}
		if diff := cmp.Diff(s.ranker.last(), defaults()); diff != "" {
			t.Errorf("inputs (-got +want):\n%s", diff)
		}
	}
}

func TestEventsChangeTheNextAnswer(t *testing.T) {
	s := newStand(t, nil)
	before := answerOf(t, post(t, s, `{"user_id": 42, "num_results": 1}`))
	if before.Items[0].ItemID != "a" {
		t.Fatalf("first item %q, want a", before.Items[0].ItemID)
	}
	const event = `{"event_id": "e", "user_id": 42, "item_id": "a", "type": "view"}`
	for range 2 { // The second time it is known.
		if w := do(t, s.public, http.MethodPost, "/v1/events", event); w.Code != http.StatusAccepted {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
	}
	after := answerOf(t, post(t, s, `{"user_id": 42, "num_results": 1}`))
	if after.Items[0].ItemID != "c" {
		t.Errorf("first item %q, want c", after.Items[0].ItemID)
	}
	if diff := cmp.Diff(s.ranker.last()["history"], tensor.Of([]string{"b", "d", "a", ""}, 1, 4)); diff != "" {
		t.Errorf("history (-got +want):\n%s", diff)
	}
}

// TestKeepSeen asks an ensemble whose pipeline does not filter seen items: user 42 has seen b.
func TestKeepSeen(t *testing.T) {
	for keep, want := range map[bool]string{false: "c", true: "b"} {
		s := newStand(t, func(c *gateway.Config) { c.Manifest.KeepSeen = keep })
		a := answerOf(t, post(t, s, `{"user_id": 42, "num_results": 2}`))
		if got := a.Items[1].ItemID; got != want {
			t.Errorf("keep_seen %v: the second item is %q, want %q", keep, got, want)
		}
	}
}

func TestStoreRecovers(t *testing.T) {
	s := newStand(t, nil)
	s.store.fail(errors.New("down"))
	if a := answerOf(t, post(t, s, `{"user_id": 42}`)); !a.Degraded {
		t.Error("not degraded while the store is down")
	}
	s.store.fail(nil)
	if a := answerOf(t, post(t, s, `{"user_id": 42}`)); a.Degraded {
		t.Errorf("degraded for %q after the store came back", a.DegradedReasons)
	}
}

// The store has 3/10 of the budget, the ensemble what is left.
func TestBudgets(t *testing.T) {
	store := &timed{}
	s := newStand(t, func(c *gateway.Config) {
		store.Store, c.Store = c.Store, store
	})
	var left time.Duration
	s.ranker.infer = func(ctx context.Context, out tensor.Map) (tensor.Map, string, error) {
		deadline, _ := ctx.Deadline()
		left = time.Until(deadline)
		return out, "7", nil
	}
	answerOf(t, post(t, s, `{"user_id": 42}`))
	if store.left <= 0 || store.left > 3*time.Second || left <= 3*time.Second || left > 10*time.Second {
		t.Errorf("of 10 s, the store had %s and the ensemble %s", store.left, left)
	}
}

type timed struct {
	featurestore.Store
	left time.Duration
}

func (s *timed) User(ctx context.Context, id string, limit int) (featurestore.User, error) {
	deadline, _ := ctx.Deadline()
	s.left = time.Until(deadline)
	return s.Store.User(ctx, id, limit)
}

// A store and an ensemble that hang cost the budget and no more.
func TestHangs(t *testing.T) {
	s := newStand(t, func(c *gateway.Config) {
		c.Timeout = 60 * time.Millisecond
		c.Store = hanging{c.Store}
	})
	s.ranker.infer = func(ctx context.Context, _ tensor.Map) (tensor.Map, string, error) {
		<-ctx.Done()
		return nil, "", errors.New("cancelled")
	}
	start := time.Now()
	a := answerOf(t, post(t, s, `{"user_id": 42}`))
	if diff := cmp.Diff(a.DegradedReasons, []string{gateway.FeaturesUnavailable, gateway.FallbackPopular}); diff != "" {
		t.Errorf("reasons (-got +want):\n%s", diff)
	}
	if took := time.Since(start); took < 60*time.Millisecond || took > 5*time.Second { // Busy machines are late, never early.
		t.Errorf("took %s, want 60 ms", took)
	}
}

type hanging struct{ featurestore.Store }

func (hanging) User(ctx context.Context, _ string, _ int) (featurestore.User, error) {
	<-ctx.Done()
	return featurestore.User{}, ctx.Err()
}
