package gateway_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"recsys/featurestore"
	"recsys/gateway"
	"recsys/tensor"
)

func TestNewRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*gateway.Config)
		want  string
	}{
		{"nothing given", func(c *gateway.Config) { *c = gateway.Config{} }, "no manifest\nno items\nno inferencer\nno feature store"},
		{"bad manifest", func(c *gateway.Config) { c.Manifest.Name = "" }, `name ""`},
		{"negative timeout", func(c *gateway.Config) { c.Timeout = -1 }, "below zero"},
		{"row hash", func(c *gateway.Config) { c.Manifest.RowHash = "00000000" }, "row hash 00000000"},
		{"fewer items", func(c *gateway.Config) { c.Manifest.Items.Count = 9 }, "10 items, but the manifest of shop announces 9"},
		{"more items", func(c *gateway.Config) { c.Manifest.Items.Count = 11 }, "10 items"},
		{"item twice", func(c *gateway.Config) {
			c.Items = func(yield func(featurestore.Record, error) bool) {
				for range 2 {
					if !yield(featurestore.Record{UserID: "a"}, nil) {
						return
					}
				}
			}
		}, `item "a" has indices 3 and 4`},
		{"items fail", func(c *gateway.Config) {
			c.Items = func(yield func(featurestore.Record, error) bool) { yield(featurestore.Record{}, errors.New("boom")) }
		}, "boom"},
		{"default of float16", func(c *gateway.Config) {
			c.Manifest.Inputs[3].DType.DType = tensor.Float16
			c.Manifest.Defaults["device"] = 1.0
		}, `default of column "device"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := gateway.Config{Manifest: manifest(t), Items: items(), Inferencer: &ranker{}, Store: featurestore.NewMemory()}
			tt.spoil(&c)
			_, err := gateway.New(c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestUnusableAnswersOfTheEnsemble(t *testing.T) {
	tests := []struct {
		name  string
		infer func(context.Context, tensor.Map) (tensor.Map, string, error)
	}{
		{"no outputs", func(context.Context, tensor.Map) (tensor.Map, string, error) { return nil, "7", nil }},
		{"no version", func(_ context.Context, out tensor.Map) (tensor.Map, string, error) { return out, "", nil }},
		{"score type", func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
			out["scores"] = tensor.Zeros(tensor.Float64, 1, 6)
			return out, "7", nil
		}},
		{"score shape", func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
			out["scores"] = tensor.Zeros(tensor.Float32, 6)
			return out, "7", nil
		}},
		{"two users", func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
			out["scores"], out["item_ids"] = tensor.Zeros(tensor.Float32, 2, 6), tensor.Zeros(tensor.String, 2, 6)
			return out, "7", nil
		}},
		{"lengths", func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
			out["scores"] = tensor.Zeros(tensor.Float32, 1, 5)
			return out, "7", nil
		}},
		{"id type", func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
			out["item_ids"] = tensor.Zeros(tensor.Int64, 1, 6)
			return out, "7", nil
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newStand(t, nil)
			s.ranker.infer = tt.infer
			a := answerOf(t, post(t, s, `{"user_id": 42}`))
			if len(a.DegradedReasons) != 1 || a.DegradedReasons[0] != gateway.FallbackPopular || a.Items[0].ItemID != "j" {
				t.Errorf("got %+v, want the popular items", a)
			}
		})
	}
}

// An ensemble that returns what is blocked is not trusted.
func TestBlockedItemsAreDroppedFromAnswers(t *testing.T) {
	s := newStand(t, nil)
	s.ranker.infer = func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
		out["item_ids"] = tensor.Of([]string{"a", "b", "c", "d", "e", "f"}, 1, 6)
		return out, "7", nil
	}
	a := answerOf(t, post(t, s, `{"user_id": 42, "exclude_item_ids": ["c"]}`))
	got := fmt.Sprint(a.Items)
	for _, id := range []string{"{b", "{c", "{d"} {
		if strings.Contains(got, id) {
			t.Errorf("items %s hold %s, which is blocked", got, id)
		}
	}
	if len(a.Items) != 3 || a.Items[2].Rank != 3 {
		t.Errorf("items %s, want 3 with ranks from 1", got)
	}
}

func TestRequestID(t *testing.T) {
	for given, want := range map[string]string{
		"abc-1.2:3": "abc-1.2:3", "": "id-1", "two words": "id-1", "new\nline": "id-1", strings.Repeat("x", 129): "id-1", "é": "id-1",
	} {
		s := newStand(t, nil)
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/recommendations", strings.NewReader(`{"user_id":42}`))
		r.Header["X-Request-Id"] = []string{given}
		w := httptest.NewRecorder()
		s.public.ServeHTTP(w, r)
		if a := answerOf(t, w); a.RequestID != want || w.Header().Get("X-Request-Id") != want {
			t.Errorf("given %q: body %q, header %q, want %q", given, a.RequestID, w.Header().Get("X-Request-Id"), want)
		}
	}
}

func TestOverload(t *testing.T) {
	s := newStand(t, func(c *gateway.Config) { c.MaxInFlight = 1 })
	entered, leave := make(chan struct{}), make(chan struct{})
	s.ranker.infer = func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
		close(entered)
		<-leave
		return out, "7", nil
	}
	done := make(chan int)
	go func() { done <- post(t, s, `{"user_id": 42}`).Code }()
	<-entered
	w := post(t, s, `{"user_id": 42}`)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "overloaded") {
		t.Errorf("status %d, want 503 overloaded: %s", w.Code, w.Body)
	}
	if w := do(t, s.public, http.MethodGet, "/healthz", ""); w.Code != http.StatusOK {
		t.Errorf("health under overload: status %d", w.Code)
	}
	close(leave)
	if code := <-done; code != http.StatusOK {
		t.Errorf("the first request: status %d", code)
	}
}

func TestMetrics(t *testing.T) {
	s := newStand(t, nil)
	post(t, s, `{"user_id": 42}`)
	post(t, s, `{"user_id": 7}`)
	post(t, s, `{`)
	do(t, s.public, http.MethodPost, "/v1/events", `{"events": [{"user_id": 42, "item_id": "a"}, {"user_id": 42, "item_id": "c"}]}`)
	s.store.fail(errors.New("down"))
	post(t, s, `{"user_id": 42}`)
	do(t, s.public, http.MethodPost, "/v1/events", `{"user_id": 42, "item_id": "a"}`)
	do(t, s.public, "BREW", "/teapot/1", "")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	r := httptest.NewRequestWithContext(gone, http.MethodGet, "/v1/users/42/recommendations", nil)
	s.public.ServeHTTP(httptest.NewRecorder(), r)

	w := do(t, s.admin, http.MethodGet, "/metrics", "")
	text := w.Body.String()
	for _, want := range []string{
		`recsys_http_requests_total{code="200",method="POST",route="/v1/recommendations"} 3`,
		`recsys_http_requests_total{code="400",method="POST",route="/v1/recommendations"} 1`,
		`recsys_http_requests_total{code="499",method="GET",route="/v1/users/{id}/recommendations"} 1`,
		`recsys_http_requests_total{code="405",method="other",route="other"} 1`,
		`recsys_http_request_duration_seconds_count{route="/v1/events"} 2`,
		`recsys_http_inflight 1`,
		`recsys_feature_values_total{entity="user",status="hit"} 1`,
		`recsys_feature_values_total{entity="user",status="miss"} 1`,
		`recsys_inference_request_duration_seconds_count{code="ok",model="shop"} 3`,
		`recsys_degraded_total{reason="features_unavailable"} 1`,
		`recsys_events_total{result="accepted"} 2`,
		`recsys_events_total{result="refused"} 1`,
		`recsys_recommendations_items_count 3`,
		`recsys_build_info{version="test"} 1`,
		`go_goroutines`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s", want)
		}
	}
	if t.Failed() {
		t.Log(text)
	}
	if w := do(t, s.public, http.MethodGet, "/metrics", ""); w.Code != http.StatusNotFound {
		t.Errorf("metrics on the public listener: status %d", w.Code)
	}
	if w := do(t, s.admin, http.MethodPost, "/v1/recommendations", `{"user_id":42}`); w.Code != http.StatusNotFound {
		t.Errorf("recommendations on the admin listener: status %d", w.Code)
	}
}

func TestLogs(t *testing.T) {
	var buffer bytes.Buffer
	g, err := gateway.New(gateway.Config{
		Manifest: manifest(t), Items: items(), Inferencer: &ranker{infer: func(context.Context, tensor.Map) (tensor.Map, string, error) {
			return nil, "", errors.New("secret cause\nlevel=ERROR")
		}}, Store: featurestore.NewMemory(),
	}, gateway.WithLogger(slog.New(slog.NewTextHandler(&buffer, nil))))
	if err != nil {
		t.Fatal(err)
	}
	h := g.Handler()
	for range 50 {
		w := do(t, h, http.MethodPost, "/v1/recommendations", `{"user_id": 42}`)
		if strings.Contains(w.Body.String(), "secret") {
			t.Errorf("the client reads the cause: %s", w.Body)
		}
	}
	// One line a second; 50 requests take far less than the 40 seconds that would make this wrong.
	if lines := strings.Count(buffer.String(), "\n"); lines < 1 || lines > 40 || !strings.Contains(buffer.String(), `secret cause\nlevel`) {
		t.Errorf("%d lines of log for 50 requests:\n%s", lines, buffer.String())
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func get(t *testing.T, client *http.Client, url string) int {
	t.Helper()
	r, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close() //nolint:errcheck // It is read to its end.
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		t.Fatal(err)
	}
	return r.StatusCode
}

// Serve drains: /readyz first, then requests in flight finish, then the end.
func TestServeDrains(t *testing.T) {
	s := newStand(t, nil)
	entered, leave := make(chan struct{}), make(chan struct{})
	s.ranker.infer = func(_ context.Context, out tensor.Map) (tensor.Map, string, error) {
		close(entered)
		<-leave
		return out, "7", nil
	}
	public, admin := listen(t), listen(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() {
		served <- s.Serve(ctx, gateway.Listeners{Public: public, Admin: admin, DrainDelay: 300 * time.Millisecond})
	}()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	base, operators := "http://"+public.Addr().String(), "http://"+admin.Addr().String()
	if code := get(t, client, operators+"/readyz"); code != http.StatusOK {
		t.Errorf("readyz before: status %d", code)
	}
	answered := make(chan int, 1)
	go func() {
		r, err := client.Get(base + "/v1/users/42/recommendations")
		if err != nil {
			answered <- 0
			return
		}
		_ = r.Body.Close()
		answered <- r.StatusCode
	}()
	<-entered
	stop()
	// The delay gives the probe 300 ms; the first answers may still be from before.
	code := http.StatusOK
	for code == http.StatusOK {
		code = get(t, client, base+"/readyz")
	}
	if code != http.StatusServiceUnavailable {
		t.Errorf("readyz while draining: status %d", code)
	}
	close(leave)
	if code := <-answered; code != http.StatusOK {
		t.Errorf("the request in flight: status %d", code)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
	if r, err := client.Get(base + "/healthz"); err == nil {
		_ = r.Body.Close()
		t.Error("it still serves")
	}
}

func TestServeCutsOffWhatDoesNotEnd(t *testing.T) {
	s := newStand(t, nil)
	entered := make(chan struct{})
	s.ranker.infer = func(ctx context.Context, _ tensor.Map) (tensor.Map, string, error) {
		close(entered)
		<-ctx.Done() // Until the connection is closed.
		return nil, "", ctx.Err()
	}
	public := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, gateway.Listeners{Public: public, ShutdownTimeout: time.Millisecond}) }()
	gone := make(chan error, 1)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		r, err := client.Get("http://" + public.Addr().String() + "/v1/users/42/recommendations")
		if err == nil {
			_ = r.Body.Close()
		}
		gone <- err
	}()
	<-entered
	stop()
	if err := <-served; err == nil || !strings.Contains(err.Error(), "cut off") {
		t.Errorf("got error %v, want one that says that requests were cut off", err)
	}
	if err := <-gone; err == nil {
		t.Error("the request was answered")
	}
}

func TestServeFailsWithItsListener(t *testing.T) {
	public, admin := listen(t), listen(t)
	if err := public.Close(); err != nil {
		t.Fatal(err)
	}
	s := newStand(t, nil)
	if err := s.Serve(t.Context(), gateway.Listeners{Public: public, Admin: admin}); err == nil {
		t.Error("serving on a closed listener gave no error")
	}
	if err := s.Serve(t.Context(), gateway.Listeners{}); err == nil {
		t.Error("serving on no listener gave no error")
	}
}

// Headers beyond the limit, and a body of a gigabyte over a real connection.
func TestServeLimits(t *testing.T) {
	s := newStand(t, nil)
	public := listen(t)
	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, gateway.Listeners{Public: public}) }()
	for name, head := range map[string]string{
		"413": "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n{",
		"431": "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: " + strings.Repeat("x", 32<<10) + "\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", public.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(conn, head) }()
		r, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(r.StatusCode); got != name || !r.Close {
			t.Errorf("status %s, connection closed: %t, want %s and closed", got, r.Close, name)
		}
		_ = r.Body.Close()
		_ = conn.Close()
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}

func BenchmarkRecommendations(b *testing.B) {
	s := newStand(b, nil)
	body := `{"user_id": "42", "num_results": 6, "context": {"device": "tv"}}`
	b.ReportAllocs()
	for b.Loop() {
		if w := post(b, s, body); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}

func BenchmarkEvents(b *testing.B) {
	s := newStand(b, nil)
	body := `{"event_id": "1", "user_id": "42", "item_id": "a", "type": "view", "timestamp": 1700000000}`
	b.ReportAllocs()
	for b.Loop() {
		if w := do(b, s.public, http.MethodPost, "/v1/events", body); w.Code != http.StatusAccepted {
			b.Fatal(w.Code)
		}
	}
}
