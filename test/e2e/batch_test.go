package e2e_test

import (
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

// TestBatchAgrees asks an ensemble for many users at once and one by one: the items and the bits of their scores are the same.
func TestBatchAgrees(t *testing.T) {
	w := theWorld(t)
	repository := w.repository[ensemble.FuseGroups]
	embedded, err := engine.Open(t.Context(), repository, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, embedded)
	version := filepath.Join(repository, "shop", "1")
	m, err := ensemble.ReadManifest(filepath.Join(version, ensemble.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	h := handler(t, version, m, embedded)
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
