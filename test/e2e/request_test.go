package e2e_test

import (
	"bytes"
	"encoding/json"
	"iter"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/gateway"
	"recsys/internal/verify"
	"recsys/pipeline"
	"recsys/tensor"
)

// now is the request time of every comparison, Unix seconds.
const now = 1_712_000_000

// requests yields raw requests for the first users of the run, size at a time: their rows, histories and seen items.
func requests(t *testing.T, w *world, m ensemble.Manifest, size int) iter.Seq[tensor.Map] {
	t.Helper()
	index := map[string]int{}
	_, items, err := featurestore.ReadRows(pipeline.ItemRows(w.run))
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range items {
		if err != nil {
			t.Fatal(err)
		}
		index[r.UserID] = m.Items.First + len(index)
	}
	codec, err := featurestore.NewCodec(m.UserRow)
	if err != nil {
		t.Fatal(err)
	}
	_, records, err := featurestore.ReadRows(pipeline.UserRows(w.run))
	if err != nil {
		t.Fatal(err)
	}
	return func(yield func(tensor.Map) bool) {
		var batch []tensor.Map
		n := 0
		for r, err := range records {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n > users {
				return
			}
			if batch = append(batch, request(t, m, codec, index, r)); len(batch) == size {
				if !yield(stack(t, batch)) {
					return
				}
				batch = nil
			}
		}
	}
}

// request makes one user's raw columns, [1] and [1,L].
func request(t *testing.T, m ensemble.Manifest, codec *featurestore.Codec, index map[string]int, r featurestore.Record) tensor.Map {
	t.Helper()
	in, err := codec.Decode(r.Row)
	if err != nil {
		t.Fatal(err)
	}
	id, err := strconv.ParseInt(r.UserID, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	in[m.UserKey.Name] = tensor.Of([]int64{id}, 1)
	in[m.Time] = tensor.Of([]int64{now}, 1)
	history := make([]int64, m.History.Length)
	newest := r.History[max(0, len(r.History)-len(history)):]
	for i := range history {
		history[i] = tensor.NullInt64
		if i < len(newest) {
			if history[i], err = strconv.ParseInt(newest[i], 10, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	in[m.History.Input] = tensor.Of(history, 1, len(history))
	blocked := make([]uint8, m.Blocked.Bytes)
	for _, item := range r.Seen {
		if i, ok := index[item]; ok {
			blocked[i/8] |= 1 << (i % 8)
		}
	}
	in[m.Blocked.Input] = tensor.Of(blocked, 1, len(blocked))
	return in
}

func stack(t *testing.T, batch []tensor.Map) tensor.Map {
	t.Helper()
	out := tensor.Map{}
	for name := range batch[0] {
		rows := make([]*tensor.Tensor, len(batch))
		for i := range batch {
			rows[i] = batch[i][name]
		}
		var err error
		if out[name], err = tensor.Concat(rows...); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// handler is a gateway over a backend, with the users of an ensemble's version folder in memory.
func handler(t *testing.T, version string, m *ensemble.Manifest, backend gateway.Inferencer) http.Handler {
	t.Helper()
	store := featurestore.NewMemory()
	_, records, err := featurestore.ReadRows(pipeline.UserRows(version))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(t.Context(), records); err != nil {
		t.Fatal(err)
	}
	_, items, err := featurestore.ReadRows(filepath.Join(version, "features", "items.rows"))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{
		Manifest: m, Items: items, Inferencer: backend, Store: store, Timeout: 10 * time.Second, NoFallback: true,
	}, gateway.WithClock(func() time.Time { return time.Unix(now, 0) }))
	if err != nil {
		t.Fatal(err)
	}
	return g.Handler()
}

// ask returns a user's list.
func ask(t *testing.T, h http.Handler, user string) verify.List {
	t.Helper()
	body, err := json.Marshal(map[string]any{"user_id": user, "num_results": 50})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/v1/recommendations", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	var a gateway.Answer
	if err := json.Unmarshal(rec.Body.Bytes(), &a); err != nil || rec.Code != http.StatusOK || a.Degraded {
		t.Fatalf("user %s: %d %s", user, rec.Code, rec.Body)
	}
	var l verify.List
	for _, item := range a.Items {
		l.IDs, l.Scores = append(l.IDs, item.ItemID), append(l.Scores, float64(item.Score))
	}
	return l
}
