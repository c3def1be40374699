package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fetch does a request with headers, "NAME: VALUE" each, and returns the status and the headers of the answer.
func fetch(t *testing.T, method, url string, headers ...string) (int, http.Header) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := answer.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header
}

func TestServeKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, fmt.Appendf(nil, "web %x\n", sha256.Sum256([]byte("web-key"))), 0o600); err != nil {
		t.Fatal(err)
	}
	url := "http://" + startServe(t, "serve", "--repository", "../../model_repository", "--api-keys", path) + "/v1/popular"
	if code, _ := fetch(t, http.MethodGet, url); code != http.StatusUnauthorized {
		t.Errorf("without a key: status %d", code)
	}
	if code, _ := fetch(t, http.MethodGet, url, "X-API-Key: web-key"); code != http.StatusOK {
		t.Errorf("with a key: status %d", code)
	}
}

func TestServeKeysUnusable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte("web web-key\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var errs strings.Builder
	code := run(t.Context(), []string{"serve", "--repository", "../../model_repository", "--listen", "127.0.0.1:0", "--api-keys", path}, output{io.Discard, &errs})
	if code != 1 || !strings.Contains(errs.String(), "line 1: what follows web is not 64 hexadecimal digits") {
		t.Errorf("status %d: %s", code, errs.String())
	}
}

func TestServeRateLimit(t *testing.T) {
	url := "http://" + startServe(t, "serve", "--repository", "../../model_repository", "--rate-limit", "1/h") + "/v1/popular"
	if code, _ := fetch(t, http.MethodGet, url); code != http.StatusOK {
		t.Errorf("the first request: status %d", code)
	}
	if code, _ := fetch(t, http.MethodGet, url); code != http.StatusTooManyRequests {
		t.Errorf("the second request: status %d", code)
	}
	var errs strings.Builder
	code := run(t.Context(), []string{"serve", "--repository", "../../model_repository", "--rate-limit", "100"}, output{io.Discard, &errs})
	if code != 2 || !strings.Contains(errs.String(), "such as 100/s") {
		t.Errorf("status %d: %s", code, errs.String())
	}
}

func TestServeOrigins(t *testing.T) {
	url := "http://" + startServe(t, "serve", "--repository", "../../model_repository", "--cors-origin", "https://a.example", "--cors-origin", "https://b.example") + "/v1/popular"
	for origin, want := range map[string]string{"https://a.example": "https://a.example", "https://b.example": "https://b.example", "https://c.example": ""} {
		if _, h := fetch(t, http.MethodGet, url, "Origin: "+origin); h.Get("Access-Control-Allow-Origin") != want {
			t.Errorf("%s: %q may read the answer", origin, h.Get("Access-Control-Allow-Origin"))
		}
	}
}
