package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/featurestore"
	"recsys/gateway"
	"recsys/tensor"
)

const batchPath = "/v1/recommendations:batch"

func batchOf(t *testing.T, w *httptest.ResponseRecorder) gateway.Batch {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var b gateway.Batch
	if err := json.Unmarshal(w.Body.Bytes(), &b); err != nil {
		t.Fatal(err)
	}
	return b
}

func batchBody(requests ...string) string {
	return `{"requests": [` + strings.Join(requests, ", ") + `]}`
}

// TestBatch compares a batch's answers, in batches of the ensemble of several sizes, with those to the same requests one by one, and
// the rows that the ensemble gets with the inputs of single requests.
func TestBatch(t *testing.T) {
	requests := []string{
		`{"user_id": 42}`, `{"user_id": "7", "num_results": 2}`, `{"user_id": 42, "history": ["a", "zz"], "exclude_item_ids": ["c"]}`,
		`{"user_id": 8, "context": {"age": 20, "likes": [5]}}`, `{"user_id": 42}`,
	}
	for maxBatch, calls := range map[int]int{1: 5, 2: 3, 16: 1} {
		t.Run(fmt.Sprint(maxBatch), func(t *testing.T) {
			s := newStand(t, func(c *gateway.Config) { c.Manifest.Limits.MaxBatch = maxBatch })
			b := batchOf(t, do(t, s.public, http.MethodPost, batchPath, batchBody(requests...)))
			if s.ranker.calls != calls {
				t.Errorf("%d calls of the ensemble, want %d", s.ranker.calls, calls)
			}
			if len(b.Responses) != len(requests) {
				t.Fatalf("%d responses, want %d", len(b.Responses), len(requests))
			}
			got := s.ranker.last()
			ids := map[string]bool{}
			for i, request := range requests {
				want := answerOf(t, post(t, s, request))
				r := b.Responses[i]
				if r.Status != http.StatusOK || r.Problem != nil || r.Answer == nil {
					t.Fatalf("response %d is %+v", i, r)
				}
				if diff := cmp.Diff(*r.Answer, want, cmpopts.IgnoreFields(gateway.Answer{}, "RequestID", "RecommendationID")); diff != "" {
					t.Errorf("response %d (-batch +single):\n%s", i, diff)
				}
				if r.Answer.RequestID != b.RequestID || ids[r.Answer.RecommendationID] {
					t.Errorf("response %d has request id %q and recommendation id %q", i, r.Answer.RequestID, r.Answer.RecommendationID)
				}
				ids[r.Answer.RecommendationID] = true
				if maxBatch < len(requests) {
					continue
				}
				for name, value := range s.ranker.last() {
					if diff := cmp.Diff(got[name].Rows(i, i+1), value); diff != "" {
						t.Errorf("input %q of request %d (-batch +single):\n%s", name, i, diff)
					}
				}
			}
		})
	}
}

// TestBatchElements has requests of which some have no answer: the others do not notice.
func TestBatchElements(t *testing.T) {
	s := newStand(t, nil)
	b := batchOf(t, do(t, s.public, http.MethodPost, batchPath, batchBody(
		`{"user_id": 42, "num_results": 1}`, `{"user_id": "x", "num_results": 99, "colour": 1}`, `[[{}]]`, `{}`, `{"user_id": 7, "num_results": 1}`)))
	pointers := []string{"", "/requests/1/user_id /requests/1/num_results /requests/1/colour", "/requests/2", "/requests/3/user_id", ""}
	for i, want := range pointers {
		r := b.Responses[i]
		if want == "" {
			if r.Status != http.StatusOK || r.Answer == nil || len(r.Answer.Items) != 1 {
				t.Errorf("response %d is %+v, want an answer", i, r)
			}
			continue
		}
		if r.Status != http.StatusUnprocessableEntity || r.Answer != nil || r.Problem == nil || r.Problem.Status != r.Status {
			t.Errorf("response %d is %+v, want a problem", i, r)
			continue
		}
		var got []string
		for _, f := range r.Problem.Errors {
			got = append(got, f.Pointer)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("response %d points to %v, want %s", i, got, want)
		}
	}
}

func TestBadBatches(t *testing.T) {
	const valid = `{"user_id": 42}`
	tests := []struct {
		name, body string
		status     int
		want       string
	}{
		{"cut", `{"requests": [` + valid, 400, "ends too early"},
		{"fault and cut", `{"requests": [{"user_id": true}, {`, 400, "ends too early"},
		{"no object", `[` + valid + `]`, 422, `"pointer":""`},
		{"no list", `{"requests": ` + valid + `}`, 422, `"/requests"`},
		{"absent", `{}`, 422, `"/requests"`},
		{"null", `{"requests": null}`, 422, `"/requests"`},
		{"empty", `{"requests": []}`, 422, "at least one"},
		{"unknown field", `{"requests": [` + valid + `], "user_id": 42}`, 422, `"/user_id"`},
		{"twice", `{"requests": [` + valid + `], "requests": [` + valid + `]}`, 422, "twice"},
		{"too many", batchBody(strings.Split(strings.Repeat(valid+";", 101), ";")[:101]...), 422, "101 elements, at most 100"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, nil)
			w := do(t, s.public, http.MethodPost, batchPath, tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("status %d, want %d with %s: %s", w.Code, tt.status, tt.want, w.Body)
			}
			if s.ranker.calls != 0 {
				t.Error("the ensemble was called")
			}
		})
	}
}

// TestBatchUnusableRow has the ensemble give one user a NaN: that one falls back, or fails where that is not allowed.
func TestBatchUnusableRow(t *testing.T) {
	for _, noFallback := range []bool{false, true} {
		s := newStand(t, func(c *gateway.Config) { c.NoFallback = noFallback })
		s.ranker.infer = func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
			tensor.MustData[float32](out["scores"])[6+2] = float32(math.NaN())
			return out, "7", nil
		}
		b := batchOf(t, do(t, s.public, http.MethodPost, batchPath, batchBody(`{"user_id": 1}`, `{"user_id": 2}`, `{"user_id": 3}`)))
		for _, i := range []int{0, 2} {
			if a := b.Responses[i].Answer; a == nil || a.Degraded || a.Items[0].ItemID != "a" {
				t.Errorf("response %d is %+v", i, b.Responses[i])
			}
		}
		switch r := b.Responses[1]; {
		case noFallback && (r.Status != http.StatusServiceUnavailable || r.Problem == nil):
			t.Errorf("got %+v, want 503", r)
		case !noFallback && (r.Answer == nil || r.Answer.Items[0].ItemID != "j" || r.Answer.DegradedReasons[0] != gateway.FallbackPopular):
			t.Errorf("got %+v, want popular items", r)
		}
	}
}

func TestBatchWithoutStoreAndEnsemble(t *testing.T) {
	s := newStand(t, nil)
	s.store.fail(errors.New("down"))
	s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) { return nil, "", errors.New("down") }
	b := batchOf(t, do(t, s.public, http.MethodPost, batchPath, batchBody(`{"user_id": 1}`, `{"user_id": 42, "num_results": 2}`)))
	for i, n := range []int{4, 2} {
		a := b.Responses[i].Answer
		if diff := cmp.Diff(a.DegradedReasons, []string{gateway.FeaturesUnavailable, gateway.FallbackPopular}); diff != "" || len(a.Items) != n {
			t.Errorf("response %d: %d items, reasons (-got +want):\n%s", i, len(a.Items), diff)
		}
	}
	if s.ranker.calls != 1 {
		t.Errorf("%d calls of the ensemble, want 1", s.ranker.calls)
	}
}

// crowded is a store whose readers wait until it opens.
type crowded struct {
	featurestore.Store
	open chan struct{}
	here atomic.Int64
}

func (s *crowded) User(ctx context.Context, id string, limit int) (featurestore.User, error) {
	s.here.Add(1)
	<-s.open
	return s.Store.User(ctx, id, limit)
}

// TestBatchReads reads users side by side, eight at a time.
func TestBatchReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &crowded{open: make(chan struct{})}
		s := newStand(t, func(c *gateway.Config) { store.Store, c.Store = c.Store, store })
		answered := make(chan *httptest.ResponseRecorder)
		go func() {
			answered <- do(t, s.public, http.MethodPost, batchPath, batchBody(strings.Split(strings.Repeat(`{"user_id": 42};`, 40), ";")[:40]...))
		}()
		synctest.Wait() // Until nobody can do anything.
		if n := store.here.Load(); n != 8 {
			t.Errorf("%d users are read at the same time, want 8", n)
		}
		close(store.open)
		for i, r := range batchOf(t, <-answered).Responses {
			if r.Answer == nil || r.Answer.Degraded {
				t.Errorf("response %d is %+v", i, r)
			}
		}
	})
}
