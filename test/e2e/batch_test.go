package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/gateway"
)

// embeddedHandler is a gateway over the world's ensemble in the embedded engine.
func embeddedHandler(t *testing.T) http.Handler {
	t.Helper()
	w := theWorld(t)
	repository := w.repository[ensemble.FuseGroups]
	embedded, err := engine.Open(t.Context(), repository, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, embedded) })
	version := filepath.Join(repository, "shop", "1")
	m, err := ensemble.ReadManifest(filepath.Join(version, ensemble.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	return handler(t, version, m, embedded)
}

// TestBatchAgrees asks an ensemble for many users at once and one by one: the items and the bits of their scores are the same.
func TestBatchAgrees(t *testing.T) {
	h := embeddedHandler(t)
	requests := make([]string, 100) // More than a batch of the ensemble.
	for i := range requests {
		requests[i] = fmt.Sprintf(`{"user_id": %d, "num_results": 50}`, i+1)
	}
	rec := httptest.NewRecorder()
	body := strings.NewReader(`{"requests": [` + strings.Join(requests, ",") + `]}`)
	h.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/v1/recommendations:batch", body))
	var b gateway.Batch
	if err := json.Unmarshal(rec.Body.Bytes(), &b); err != nil || rec.Code != http.StatusOK || len(b.Responses) != len(requests) {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	for i, r := range b.Responses {
		if r.Answer == nil || r.Answer.Degraded {
			t.Fatalf("response %d is %+v", i, r)
		}
		want := ask(t, h, fmt.Sprint(i+1))
		for j, item := range r.Answer.Items {
			if float64(item.Score) != want.Scores[j] {
				t.Errorf("user %d, item %d: score %v in the batch, %v alone", i+1, j, item.Score, want.Scores[j])
			}
		}
		if !slices.Equal(ids(*r.Answer), want.IDs) {
			t.Errorf("user %d: %v in the batch, %v alone", i+1, ids(*r.Answer), want.IDs)
		}
	}
}

// TestRankingAgrees has the ensemble rank a list that it has recommended, turned around: the order and the bits of the scores are those
// of the list.
func TestRankingAgrees(t *testing.T) {
	h := embeddedHandler(t)
	for user := 1; user <= 50; user++ {
		want := ask(t, h, fmt.Sprint(user))
		given := slices.Clone(want.IDs)
		slices.Reverse(given)
		body, err := json.Marshal(map[string]any{"user_id": user, "item_ids": given})
		if err != nil {
			t.Fatal(err)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, httptest.NewRequest(http.MethodPost, "/v1/rankings", bytes.NewReader(body)))
		var r gateway.Ranking
		if err := json.Unmarshal(rec.Body.Bytes(), &r); err != nil || rec.Code != http.StatusOK || r.Degraded {
			t.Fatalf("user %d: %d %s", user, rec.Code, rec.Body)
		}
		if !slices.Equal(ids(r.Answer), want.IDs) || len(r.UnrankedItemIDs) != 0 {
			t.Errorf("user %d: ranked %v, recommended %v", user, ids(r.Answer), want.IDs)
		}
		for i, item := range r.Items {
			if float64(item.Score) != want.Scores[i] {
				t.Errorf("user %d, item %d: score %v ranked, %v recommended", user, i, item.Score, want.Scores[i])
			}
		}
	}
}
