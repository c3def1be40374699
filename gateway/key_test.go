package gateway_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/gateway"
)

func hashOf(key string) string {
	h := sha256.Sum256([]byte(key))
	return hex.EncodeToString(h[:])
}

// keyFile writes a file of lines.
func keyFile(tb testing.TB, lines ...string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "keys")
	writeKeys(tb, path, lines...)
	return path
}

func writeKeys(tb testing.TB, path string, lines ...string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func openKeys(tb testing.TB, path string) *gateway.Keys {
	tb.Helper()
	keys, err := gateway.OpenKeys(path)
	if err != nil {
		tb.Fatal(err)
	}
	return keys
}

// clock is a time that tests move.
type clock struct{ after atomic.Int64 }

func (c *clock) now() time.Time          { return noon().Add(time.Duration(c.after.Load())) }
func (c *clock) advance(d time.Duration) { c.after.Add(int64(d)) }

// with does a request that has headers, "NAME: VALUE" each.
func with(tb testing.TB, h http.Handler, method, path, body string, headers ...string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), method, path, strings.NewReader(body))
	for _, line := range headers {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

const popularPath = "/v1/popular?num_results=1"

func TestKeys(t *testing.T) {
	path := keyFile(t, "# the shop's callers", "", "web "+hashOf("web-key"), "app\t"+strings.ToUpper(hashOf("app-key")), "app "+hashOf("app-next"))
	s := newStand(t, func(c *gateway.Config) { c.Keys = openKeys(t, path) })
	const missing, unknown = `Bearer realm="recsys"`, `Bearer realm="recsys", error="invalid_token"`
	tests := []struct {
		name      string
		headers   []string
		challenge string // "" where the request is let through
	}{
		{"none", nil, missing},
		{"X-API-Key", []string{"X-API-Key: web-key"}, ""},
		{"upper-case hash", []string{"X-API-Key: app-key"}, ""},
		{"second key of a name", []string{"Authorization: Bearer app-next"}, ""},
		{"scheme in lower case", []string{"Authorization: bearer web-key"}, ""},
		{"unknown", []string{"X-API-Key: web-kez"}, unknown},
		{"unknown bearer", []string{"Authorization: Bearer web-ke"}, unknown},
		{"the hash itself", []string{"X-API-Key: " + hashOf("web-key")}, unknown},
		{"the name", []string{"X-API-Key: web"}, unknown},
		{"another scheme", []string{"Authorization: Basic web-key"}, missing},
		{"empty bearer", []string{"Authorization: Bearer "}, missing},
		{"X-API-Key goes first", []string{"X-API-Key: no", "Authorization: Bearer web-key"}, unknown},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := with(t, s.public, http.MethodGet, popularPath, "", tt.headers...)
			status := http.StatusOK
			if tt.challenge != "" {
				status = http.StatusUnauthorized
			}
			if w.Code != status || w.Header().Get("WWW-Authenticate") != tt.challenge {
				t.Errorf("status %d, challenge %q, want %d, %q", w.Code, w.Header().Get("WWW-Authenticate"), status, tt.challenge)
			}
		})
	}
	text := do(t, s.admin, http.MethodGet, "/metrics", "").Body.String() // The admin interface asks for no key.
	for _, want := range []string{
		`recsys_http_key_requests_total{key="web"} 2`, `recsys_http_key_requests_total{key="app"} 2`,
		`recsys_http_unauthorized_total{reason="missing"} 3`, `recsys_http_unauthorized_total{reason="unknown"} 5`,
		`recsys_http_requests_total{code="401",method="GET",route="/v1/popular"} 8`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

// TestKeysGolden has the whole refusal and the description with keys.
func TestKeysGolden(t *testing.T) {
	for name, path := range map[string]string{"unauthorized": popularPath, "openapi_keys": "/openapi.json"} {
		t.Run(name, func(t *testing.T) {
			s := newStand(t, func(c *gateway.Config) { c.Keys = openKeys(t, keyFile(t, "web "+hashOf("web-key"))) })
			header := "X-API-Key: web-key"
			if name == "unauthorized" {
				header = "X-API-Key: wrong"
			}
			golden(t, with(t, s.public, http.MethodGet, path, "", header))
		})
	}
}

// TestKeysRoutes asks every route without a key: health alone is open.
func TestKeysRoutes(t *testing.T) {
	keys := openKeys(t, keyFile(t, "web "+hashOf("web-key")))
	s := newStand(t, func(c *gateway.Config) { c.Keys = keys })
	var open []string
	for path, methods := range object(t, openAPI(t, newStand(t, nil)), "paths") {
		for _, method := range slices.Collect(maps.Keys(object(t, methods))) {
			w := do(t, s.public, strings.ToUpper(method), strings.ReplaceAll(path, "{id}", "42"), "")
			if w.Code != http.StatusUnauthorized {
				open = append(open, path)
			}
		}
	}
	slices.Sort(open)
	if diff := cmp.Diff(open, []string{"/healthz", "/readyz"}); diff != "" {
		t.Errorf("open routes (-got +want):\n%s", diff)
	}
	if s.ranker.calls != 0 {
		t.Errorf("the ensemble was called %d times", s.ranker.calls)
	}
}

// TestKeysRefresh changes the file: within a second the gateway does not look, then it does.
func TestKeysRefresh(t *testing.T) {
	path := keyFile(t, "web "+hashOf("old"))
	var c clock
	var log bytes.Buffer
	s := newStand(t, func(config *gateway.Config) { config.Keys = openKeys(t, path) }, gateway.WithClock(c.now),
		gateway.WithLogger(slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	check := func(step, key string, want int) {
		t.Helper()
		if w := with(t, s.public, http.MethodGet, popularPath, "", "X-API-Key: "+key); w.Code != want {
			t.Errorf("%s: key %q: status %d, want %d", step, key, w.Code, want)
		}
	}
	check("at first", "old", http.StatusOK)
	writeKeys(t, path, "web "+hashOf("new"), "app "+hashOf("app-key"))
	c.advance(time.Second - 1)
	check("just before a second", "new", http.StatusUnauthorized)
	c.advance(1)
	check("after a second", "old", http.StatusUnauthorized)
	check("after a second", "new", http.StatusOK)

	c.advance(time.Second)
	check("unchanged", "new", http.StatusOK)
	writeKeys(t, path, "web a-key-in-the-place-of-its-hash")
	c.advance(time.Second)
	check("unusable file", "new", http.StatusOK)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	c.advance(time.Second)
	check("no file", "new", http.StatusOK)
	writeKeys(t, path, "web "+hashOf("newest"))
	c.advance(time.Second)
	check("usable again", "new", http.StatusUnauthorized)
	check("usable again", "newest", http.StatusOK)

	text := log.String()
	for _, want := range []string{
		`msg="API keys read again" keys=2`, `cause="API keys not read again"`,
		`msg=request request_id=id-1 route=/v1/popular key=web `,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s:\n%s", want, text)
		}
	}
	if n := strings.Count(text, `msg="API keys read again"`); n != 2 {
		t.Errorf("the log tells %d changes of usable files, want 2", n)
	}
	for _, secret := range []string{"newest", hashOf("new"), "a-key-in"} {
		if strings.Contains(text, secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

// TestKeysConcurrent changes the file under requests: a key that both files have holds all the time.
func TestKeysConcurrent(t *testing.T) {
	path := keyFile(t, "web "+hashOf("web-key"))
	var c clock
	s := newStand(t, func(config *gateway.Config) { config.Keys = openKeys(t, path) }, gateway.WithClock(c.now))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 200 {
				c.advance(time.Second)
				if w := with(t, s.public, http.MethodGet, popularPath, "", "X-API-Key: web-key"); w.Code != http.StatusOK {
					t.Errorf("status %d", w.Code)
				}
			}
		})
	}
	for i := range 50 {
		next := keyFile(t, "web "+hashOf("web-key"), fmt.Sprintf("app %x", sha256.Sum256([]byte{byte(i)})))
		if err := os.Rename(next, path); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
}

func TestOpenKeysFaults(t *testing.T) {
	a, b := hashOf("a"), hashOf("b")
	many := make([]string, gateway.MaxKeys+1)
	for i := range many {
		many[i] = "web " + hashOf(strings.Repeat("x", i+1))
	}
	tests := []struct {
		name  string
		lines []string
		want  []string
	}{
		{"empty", []string{"# nobody"}, []string{"no keys"}},
		{"a key in clear", []string{"web secret-key"}, []string{"line 1: what follows web is not 64 hexadecimal digits"}},
		{"every fault", []string{"web", "web " + a + " b", "we/b " + b, "", "app " + a[1:]}, []string{"line 1: 1 words", "line 2: 3 words", "line 3: a name", "line 5: what follows app"}},
		{"a key twice", []string{"web " + a, "", "app " + strings.ToUpper(a)}, []string{"line 3: the key is that of line 1"}},
		{"nothing hashed", []string{"web " + hashOf("")}, []string{"that of an empty key"}},
		{"a line's end hashed", []string{"web " + hashOf("\n")}, []string{"that of an empty key"}},
		{"long name", []string{strings.Repeat("n", 65) + " " + a}, []string{"line 1: a name"}},
		{"too many", many, []string{"1001 keys, and at most 1000"}},
		{"too long", []string{strings.Repeat("#", 256<<10)}, []string{"over 262144 bytes"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := gateway.OpenKeys(keyFile(t, tt.lines...))
			if err == nil {
				t.Fatal("no error")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q lacks %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "secret-key") {
				t.Errorf("error %q has the key", err)
			}
		})
	}
	if _, err := gateway.OpenKeys(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: error %v", err)
	}
	openKeys(t, keyFile(t, many[1:]...))
}

// FuzzOpenKeys looks for crashes, and for errors that tell what stands in the place of a hash.
func FuzzOpenKeys(f *testing.F) {
	f.Add([]byte("web " + hashOf("a") + "\n# b\n\nc " + hashOf("c")))
	f.Add([]byte("web not-a-hash-but-the-key"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "keys")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := gateway.OpenKeys(path)
		if err == nil {
			return
		}
		told := path // What the error may tell, beside words of its own, all shorter than 20 bytes.
		var secrets []string
		for line := range strings.Lines(string(text)) {
			if words := strings.Fields(line); len(words) > 0 {
				told += " " + words[0]
				secrets = append(secrets, words[1:]...)
			}
		}
		for _, secret := range secrets {
			if len(secret) >= 20 && !strings.Contains(told, secret) && strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells %q: %v", secret, err)
			}
		}
	})
}
