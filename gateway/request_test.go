package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"recsys/gateway"
)

func answerOf(t *testing.T, w *httptest.ResponseRecorder) gateway.Answer {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var a gateway.Answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

func TestBadRequests(t *testing.T) {
	const valid = `{"user_id": 42}`
	long := strings.Repeat("x", 257)
	tests := []struct {
		name, body string
		status     int
		want       string // In the answer.
	}{
		{"empty body", " ", 400, "ends too early"},
		{"two documents", valid + valid, 400, "more than one"},
		{"trailing text", valid + "x", 400, "more than one"},
		{"cut", `{"user_id": 42`, 400, "ends too early"},
		{"not UTF-8", "{\"user_id\": \"\xff\"}", 400, "not UTF-8"},
		{"NaN", `{"user_id": NaN}`, 400, "malformed JSON"},
		{"deep nesting", `{"user_id": 42, "context": {"likes": ` + strings.Repeat("[", 200_000) + strings.Repeat("]", 200_000) + `}}`, 422, `"/context/likes/0"`},
		{"deep nesting, cut", strings.Repeat(`{"context":`, 90_000), 400, "ends too early"},
		{"a list", `[]`, 422, "want an object"},
		{"a string", `"x"`, 422, "want an object"},
		{"null", `null`, 422, "want an object"},
		{"no user", `{}`, 422, `{"pointer":"/user_id","detail":"it is required"}`},
		{"user null", `{"user_id": null}`, 422, `"/user_id"`},
		{"user empty", `{"user_id": ""}`, 422, "it is empty"},
		{"user no number", `{"user_id": "x"}`, 422, "64-bit integers"},
		{"user fraction", `{"user_id": 4.2}`, 422, "a string or an integer"},
		{"user exponent", `{"user_id": 1.5e0}`, 422, "a string or an integer"},
		{"user too big", `{"user_id": 99999999999999999999}`, 422, "64-bit integers"},
		{"user null sentinel", `{"user_id": -9223372036854775808}`, 422, "64-bit integers"},
		{"user list", `{"user_id": [1]}`, 422, `"/user_id"`},
		{"unknown field", `{"user_id": 42, "seat": 1}`, 422, `{"pointer":"/seat","detail":"unknown field"}`},
		{"other case", `{"User_ID": 42}`, 422, `"/User_ID"`},
		{"twice", `{"user_id": 42, "user_id": 43}`, 422, "appears twice"},
		{"results negative", `{"user_id": 42, "num_results": -1}`, 422, "-1 is not from 1 to 6"},
		{"results a million", `{"user_id": 42, "num_results": 1000000}`, 422, "1000000 is not from 1 to 6"},
		{"results with an empty fraction", `{"user_id": 42, "num_results": 2.0, "x": 1}`, 422, `"errors":[{"pointer":"/x"`},
		{"results with a fraction", `{"user_id": 42, "num_results": 2.5}`, 422, "want an integer"},
		{"results huge", `{"user_id": 42, "num_results": 1e99}`, 422, "want an integer"},
		{"results fraction", `{"user_id": 42, "num_results": 1.5}`, 422, "want an integer"},
		{"results string", `{"user_id": 42, "num_results": "3"}`, 422, "want an integer"},
		{"history string", `{"user_id": 42, "history": "a"}`, 422, "want a list"},
		{"history null element", `{"user_id": 42, "history": ["a", null]}`, 422, `"/history/1"`},
		{"history too long", `{"user_id": 42, "history": [` + strings.Repeat(`"a",`, 512) + `"a"]}`, 422, "513 elements, at most 512"},
		{"id too long", `{"user_id": 42, "exclude_item_ids": ["` + long + `"]}`, 422, "longer than 256 bytes"},
		{"context unknown", `{"user_id": 42, "context": {"wings": 4}}`, 422, `"/context/wings"`},
		{"context user key", `{"user_id": 42, "context": {"user_id": 4}}`, 422, `"/context/user_id"`},
		{"context history", `{"user_id": 42, "context": {"history": ["a"]}}`, 422, `"/context/history"`},
		{"context blocked", `{"user_id": 42, "context": {"blocked": [1]}}`, 422, `"/context/blocked"`},
		{"context object", `{"user_id": 42, "context": {"device": {}}}`, 422, `"/context/device"`},
		{"context list for scalar", `{"user_id": 42, "context": {"device": ["tv"]}}`, 422, "not a list"},
		{"context scalar for list", `{"user_id": 42, "context": {"likes": 1}}`, 422, "want a list"},
		{"context list too long", `{"user_id": 42, "context": {"likes": [1,2,3,4]}}`, 422, "at most 3"},
		{"context wrong type", `{"user_id": 42, "context": {"device": 1}}`, 422, "want string"},
		{"context bool", `{"user_id": 42, "context": {"new": 1}}`, 422, "want bool"},
		{"context fraction", `{"user_id": 42, "context": {"hour": 1.5}}`, 422, "want int8"},
		{"context too big", `{"user_id": 42, "context": {"age": 1e300}}`, 422, "does not fit float32"},
		{"context not finite", `{"user_id": 42, "context": {"age": 1e999}}`, 422, "want float32"},
		{"context a list", `{"user_id": 42, "context": []}`, 422, "want an object"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, nil)
			w := post(t, s, tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("status %d, want %d with %s: %s", w.Code, tt.status, tt.want, w.Body)
			}
			if s.ranker.last() != nil {
				t.Error("the ensemble was called")
			}
		})
	}
	if w := post(t, newStand(t, nil), valid); w.Code != 200 {
		t.Errorf("the unspoiled request: status %d: %s", w.Code, w.Body)
	}
}

func TestBadEvents(t *testing.T) {
	const valid = `{"user_id": 42, "item_id": "a"}`
	tests := []struct {
		name, body string
		status     int
		want       string
	}{
		{"no events", `{"events": []}`, 422, "it is empty"},
		{"events null", `{"events": null}`, 422, "it is empty"},
		{"both forms", `{"events": [` + valid + `], "user_id": 42}`, 422, "not both"},
		{"empty object", `{}`, 422, `"/item_id"`},
		{"not an object", `{"events": [1]}`, 422, `"/events/0"`},
		{"too many", `{"events": [` + strings.Repeat(valid+",", 1000) + valid + `]}`, 422, "1001 elements, at most 1000"},
		{"no item", `{"events": [` + valid + `, {"user_id": 42}]}`, 422, `"/events/1/item_id"`},
		{"time negative", `{"user_id": 42, "item_id": "a", "timestamp": -1}`, 422, "Unix seconds"},
		{"time fraction", `{"user_id": 42, "item_id": "a", "timestamp": 1.5}`, 422, "Unix seconds"},
		{"time far away", `{"user_id": 42, "item_id": "a", "timestamp": 1700000000000}`, 422, "Unix seconds"},
		{"type no string", `{"user_id": 42, "item_id": "a", "type": 1}`, 422, "want a string"},
		{"event id no string", `{"user_id": 42, "item_id": "a", "event_id": 1}`, 422, "want a string"},
		{"event id too long", `{"user_id": 42, "item_id": "a", "event_id": "` + strings.Repeat("x", 257) + `"}`, 422, "longer than"},
		{"trailing", valid + valid, 400, "more than one"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, nil)
			w := do(t, s.public, http.MethodPost, "/v1/events", tt.body)
			if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("status %d, want %d with %s: %s", w.Code, tt.status, tt.want, w.Body)
			}
			if u, err := s.store.Store.User(t.Context(), "42", 9); err != nil || len(u.History) != 2 {
				t.Errorf("history %v, error %v: a part of a bad request was applied", u.History, err)
			}
		})
	}
}

func TestShortForm(t *testing.T) {
	tests := []struct {
		path   string
		status int
		want   string
	}{
		{"/v1/users/42/recommendations", 200, `"rank":6`},
		{"/v1/users/%34%32/recommendations", 200, `"item_id":"a"`},
		{"/v1/users/x/recommendations", 422, `"/user_id"`},
		{"/v1/users/%2F/recommendations", 422, `"/user_id"`},
		{"/v1/users//recommendations", 404, ""},
		{"/v1/users/42/recommendations?num_results=0", 422, `"?num_results"`},
		{"/v1/users/42/recommendations?num_results=x", 422, `"?num_results"`},
		{"/v1/users/42/recommendations?num_results=", 422, `"?num_results"`},
		{"/v1/users/42/recommendations?num_results=1&num_results=2", 422, "twice"},
		{"/v1/users/42/recommendations?limit=1", 422, `"?limit"`},
		{"/v1/users/42/recommendations?%zz", 422, "malformed query"},
	}
	for _, tt := range tests {
		w := do(t, newStand(t, nil).public, http.MethodGet, tt.path, "")
		if w.Code != tt.status && (tt.status != 404 || w.Code != 422) || !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: status %d, want %d with %s: %s", tt.path, w.Code, tt.status, tt.want, w.Body)
		}
	}
}

// endless is a JSON body without an end; it counts what is read.
type endless struct{ read int64 }

func (e *endless) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	e.read += int64(len(b))
	if e.read > 1<<30 {
		return 0, io.EOF
	}
	return len(b), nil
}

func TestGigabyteBody(t *testing.T) {
	for name, announced := range map[string]int64{"chunked": -1, "announced": 1 << 30} {
		for _, path := range []string{"/v1/recommendations", batchPath, "/v1/rankings", "/v1/events"} {
			t.Run(name+path, func(t *testing.T) {
				body := &endless{}
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, body)
				r.ContentLength = announced
				w := httptest.NewRecorder()
				newStand(t, nil).public.ServeHTTP(w, r)
				if w.Code != http.StatusRequestEntityTooLarge || !strings.Contains(w.Body.String(), "1048576") {
					t.Errorf("status %d: %s", w.Code, w.Body)
				}
				if limit := int64(4 << 20); body.read > limit { // The limit and io.ReadAll's last growth.
					t.Errorf("%d bytes were read, want at most %d", body.read, limit)
				}
			})
		}
	}
}

func TestContentType(t *testing.T) {
	for contentType, want := range map[string]int{
		"": 200, "application/json": 200, "application/json; charset=utf-8": 200, "application/merge+json": 200,
		"application/x-www-form-urlencoded": 200, "text/plain": 415, "multipart/form-data": 415, ";": 415,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/recommendations", strings.NewReader(`{"user_id":42}`))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		newStand(t, nil).public.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("content type %q: status %d, want %d", contentType, w.Code, want)
		}
	}
}

// FuzzRecommendation checks that no body makes the gateway fail, and that every answer is a JSON document.
func FuzzRecommendation(f *testing.F) {
	for _, body := range []string{
		`{"user_id": 42}`, `{"user_id": "42", "num_results": 3, "history": ["a", 1], "exclude_item_ids": []}`,
		`{"user_id": 1, "context": {"age": 1.5, "likes": [1, null], "new": true, "hour": -1, "timestamp": 0}}`,
		`[[[`, `{"a": {"b": [1, {"c": null}]}}`, "\x00", `{"user_id": 1e5}`,
	} {
		f.Add("/v1/recommendations", body)
		f.Add("/v1/events", body)
		f.Add("/v1/rankings", body)
		f.Add(batchPath, `{"requests": [`+body+`, {"user_id": 1}]}`)
	}
	f.Add("/v1/events", `{"events": [{"event_id": "1", "user_id": 42, "item_id": "a", "timestamp": "2026-01-31T12:00:00Z"}]}`)
	s := newStand(f, nil)
	f.Fuzz(func(t *testing.T, path, body string) {
		if path != "/v1/events" && path != batchPath && path != "/v1/rankings" {
			path = "/v1/recommendations"
		}
		w := do(t, s.public, http.MethodPost, path, body)
		if w.Code >= 500 {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
		if !json.Valid(w.Body.Bytes()) {
			t.Errorf("the answer is not JSON: %q", w.Body)
		}
	})
}
