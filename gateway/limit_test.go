package gateway_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"recsys/gateway"
)

// from does a request from an address.
func from(tb testing.TB, s *stand, address, path string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, path, http.NoBody)
	r.RemoteAddr = address
	w := httptest.NewRecorder()
	s.public.ServeHTTP(w, r)
	return w
}

func limited(tb testing.TB, r gateway.Rate, options ...gateway.Option) *stand {
	tb.Helper()
	return newStand(tb, func(c *gateway.Config) { c.RateLimit = r }, options...)
}

// TestRateLimit moves a clock; the numbers are those of a bucket of 4 tokens, one more every 15 s.
func TestRateLimit(t *testing.T) {
	var c clock
	s := limited(t, gateway.Rate{Requests: 4, Per: time.Minute}, gateway.WithClock(c.now))
	steps := []struct {
		after       time.Duration
		status      int
		rest, retry string
	}{
		{0, 200, "r=3;t=15", ""},
		{0, 200, "r=2;t=30", ""},
		{0, 200, "r=1;t=45", ""},
		{0, 200, "r=0;t=60", ""},
		{0, 429, "r=0;t=60", "15"},
		{time.Second / 2, 429, "r=0;t=60", "15"},
		{15*time.Second - time.Second/2 - 1, 429, "r=0;t=46", "1"},
		{1, 200, "r=0;t=60", ""},
		{0, 429, "r=0;t=60", "15"},
		{31 * time.Second, 200, "r=1;t=44", ""},
		{time.Hour, 200, "r=3;t=15", ""}, // A bucket does not run over.
	}
	for i, step := range steps {
		c.advance(step.after)
		w := from(t, s, "192.0.2.1:1", popularPath)
		if got := w.Header().Get("RateLimit"); w.Code != step.status || got != `"default";`+step.rest || w.Header().Get("Retry-After") != step.retry {
			t.Errorf("step %d: status %d, %s, retry after %q, want %+v", i, w.Code, got, w.Header().Get("Retry-After"), step)
		}
		if got := w.Header().Get("RateLimit-Policy"); got != `"default";q=4;w=60` {
			t.Errorf("step %d: policy %s", i, got)
		}
	}
	if text := do(t, s.admin, http.MethodGet, "/metrics", "").Body.String(); !strings.Contains(text, `recsys_http_shed_total{reason="rate_limit"} 4`+"\n") {
		t.Error("the metrics lack the 4 refusals")
	}
}

// TestRateLimitMean checks that a rate whose interval is no whole number of nanoseconds lets 3 through in every second.
func TestRateLimitMean(t *testing.T) {
	var c clock
	s := limited(t, gateway.Rate{Requests: 3, Per: time.Second}, gateway.WithClock(c.now))
	n := 0
	for range 10_000 { // 100 s of 100 requests
		if from(t, s, "192.0.2.1:1", popularPath).Code == http.StatusOK {
			n++
		}
		c.advance(10 * time.Millisecond)
	}
	// The bucket's 3, and 3 in each second; the last token may not have come.
	if n < 302 || n > 303 {
		t.Errorf("%d requests were let through in 100 s", n)
	}
}

func TestRateLimitCallers(t *testing.T) {
	rate := gateway.Rate{Requests: 1, Per: time.Hour}
	for _, tt := range []struct {
		name, a, b string
		same       bool
	}{
		{"another port", "192.0.2.1:1", "192.0.2.1:2", true},
		{"another address", "192.0.2.1:1", "192.0.2.2:1", false},
		{"in IPv6", "192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"another one in IPv6", "192.0.2.1:1", "[::ffff:192.0.2.2]:1", false},
		{"network of 64 bits", "[2001:db8::1]:1", "[2001:db8::2:0:0:1]:1", true},
		{"another network", "[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"zone", "[fe80::1%eth0]:1", "[fe80::2%eth1]:1", true},
		{"no address", "@", "@", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := limited(t, rate)
			first, second := from(t, s, tt.a, popularPath).Code, from(t, s, tt.b, popularPath).Code
			if first != http.StatusOK || (second == http.StatusTooManyRequests) != tt.same {
				t.Errorf("status %d, then %d", first, second)
			}
		})
	}
	t.Run("keys", func(t *testing.T) {
		path := keyFile(t, "web "+hashOf("a"), "web "+hashOf("b"), "app "+hashOf("c"))
		s := newStand(t, func(c *gateway.Config) { c.Keys, c.RateLimit = openKeys(t, path), rate })
		for i, step := range []struct {
			key  string
			want int
		}{{"none", 401}, {"a", 200}, {"b", 429}, {"none", 401}, {"c", 200}, {"c", 429}} {
			w := with(t, s.public, http.MethodGet, popularPath, "", "X-API-Key: "+step.key)
			if w.Code != step.want {
				t.Errorf("step %d: key %s: status %d, want %d", i, step.key, w.Code, step.want)
			}
		}
	})
}

// TestRateLimitBound fills the table: the caller that was not there for longest is forgotten, and no other.
func TestRateLimitBound(t *testing.T) {
	s := limited(t, gateway.Rate{Requests: 1, Per: time.Hour})
	ask := func(caller, want int) {
		t.Helper()
		if w := from(t, s, fmt.Sprintf("10.%d.%d.%d:1", caller>>16, caller>>8&255, caller&255), popularPath); w.Code != want {
			t.Fatalf("caller %d: status %d, want %d", caller, w.Code, want)
		}
	}
	const table = 1 << 16
	for caller := range table {
		ask(caller, http.StatusOK)
	}
	ask(0, http.StatusTooManyRequests) // Known still, and now the one that came last.
	ask(table, http.StatusOK)
	ask(0, http.StatusTooManyRequests)
	ask(2, http.StatusTooManyRequests)
	ask(1, http.StatusOK) // Forgotten for the new one.
}

func TestRateLimitBatch(t *testing.T) {
	var c clock
	s := limited(t, gateway.Rate{Requests: 4, Per: time.Minute}, gateway.WithClock(c.now))
	body := `{"requests": [` + strings.Repeat(`{"user_id": 42},`, 5) + `{"user_id": 7}]}`
	w := do(t, s.public, http.MethodPost, batchPath, body)
	if w.Code != http.StatusOK || w.Header().Get("RateLimit") != `"default";r=0;t=90` {
		t.Errorf("status %d, %s", w.Code, w.Header().Get("RateLimit"))
	}
	w = do(t, s.public, http.MethodPost, batchPath, body)
	if w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "45" { // 6 of 4 are taken, the third token comes next.
		t.Errorf("status %d, retry after %s", w.Code, w.Header().Get("Retry-After"))
	}
	c.advance(45 * time.Second)
	if w = do(t, s.public, http.MethodPost, batchPath, `{"requests": []}`); w.Header().Get("RateLimit") != `"default";r=0;t=60` {
		t.Errorf("a batch with a fault: status %d, %s", w.Code, w.Header().Get("RateLimit"))
	}
}

// TestRateLimitConcurrent lets through as many as there are tokens, whoever comes at once.
func TestRateLimitConcurrent(t *testing.T) {
	s := limited(t, gateway.Rate{Requests: 100, Per: time.Hour})
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if from(t, s, "192.0.2.1:1", popularPath).Code == http.StatusOK {
					passed.Add(1)
				}
			}
		})
	}
	all.Wait()
	if n := passed.Load(); n != 100 {
		t.Errorf("%d requests were let through, want 100", n)
	}
}

// TestRateLimitHealth asks for health more often than a caller may ask.
func TestRateLimitHealth(t *testing.T) {
	s := limited(t, gateway.Rate{Requests: 1, Per: time.Hour})
	for range 3 {
		for _, path := range []string{"/healthz", "/readyz"} {
			if w := from(t, s, "192.0.2.1:1", path); w.Code != http.StatusOK || w.Header().Get("RateLimit") != "" {
				t.Errorf("%s: status %d, %q", path, w.Code, w.Header().Get("RateLimit"))
			}
		}
	}
}

func TestRateLimitGolden(t *testing.T) {
	for name, path := range map[string]string{"rate_limited": popularPath, "openapi_limited": "/openapi.json"} {
		t.Run(name, func(t *testing.T) {
			s := limited(t, gateway.Rate{Requests: 1, Per: time.Hour})
			if name == "rate_limited" {
				do(t, s.public, http.MethodGet, path, "")
			}
			golden(t, do(t, s.public, http.MethodGet, path, ""))
		})
	}
}

func TestRate(t *testing.T) {
	for text, want := range map[string]gateway.Rate{
		"1/s": {Requests: 1, Per: time.Second}, "90/m": {Requests: 90, Per: time.Minute}, "1000000/h": {Requests: 1_000_000, Per: time.Hour},
	} {
		var got gateway.Rate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%s is read as %v: %v", text, got, err)
		}
	}
	for _, text := range []string{"", "100", "100/", "/s", "0/s", "-1/s", "1.5/s", "1000001/s", "100/d", "100/s/s", "100 /s"} {
		var got gateway.Rate
		if err := got.UnmarshalText([]byte(text)); err == nil || got != (gateway.Rate{}) {
			t.Errorf("%q is read as %v: %v", text, got, err)
		}
	}
	config := gateway.Config{RateLimit: gateway.Rate{Requests: 1, Per: time.Millisecond}}
	if err := config.Validate(); err == nil || !strings.Contains(err.Error(), "a rate limit that is not") {
		t.Errorf("Validate: %v", err)
	}
}
