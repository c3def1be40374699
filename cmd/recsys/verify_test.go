package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestVerifySeesTheEdges has verify ask a gateway by way of a proxy that passes one field over: nothing is wrong with plain requests then.
func TestVerifySeesTheEdges(t *testing.T) {
	shared := makeShared(t)
	repo := filepath.Join(shared, "repo")
	address := startGateway(t, "--repository", repo)
	for _, test := range []struct {
		name, without, want string
	}{
		{"nothing", "", ""},
		{"history", "history", "with a history: place "},
		{"exclusions", "exclude_item_ids", "without the items of the own list: place "},
	} {
		t.Run(test.name, func(t *testing.T) {
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var request map[string]any
				decoder := json.NewDecoder(r.Body)
				decoder.UseNumber()
				if err := decoder.Decode(&request); err != nil {
					t.Error(err)
				}
				delete(request, test.without)
				forward(t, w, address+r.URL.Path, request)
			}))
			defer proxy.Close()
			var out, log bytes.Buffer
			code := run(t.Context(), []string{
				"verify", "--run", filepath.Join(shared, "run"), "--repository", repo, "--users", "10", "--gateway", proxy.URL,
			}, output{&out, &log})
			if want := map[bool]int{true: 0, false: 1}[test.want == ""]; code != want || !strings.Contains(out.String(), test.want) {
				t.Errorf("verify ends with %d, want %d, and says %q:\n%s%s", code, want, test.want, out.String(), log.String())
			}
			if !strings.Contains(out.String(), "rest      10 users, 0 with ties in another order, 0 different") {
				t.Errorf("plain requests are different too:\n%s", out.String())
			}
		})
	}
}

func forward(t *testing.T, w http.ResponseWriter, url string, request map[string]any) {
	t.Helper()
	body, err := json.Marshal(request)
	if err != nil {
		t.Error(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return
	}
	defer response.Body.Close() //nolint:errcheck // Only read from.
	w.WriteHeader(response.StatusCode)
	if _, err := io.Copy(w, response.Body); err != nil {
		t.Error(err)
	}
}

// startGateway serves until the test ends, and returns the URL.
func startGateway(t *testing.T, args ...string) string {
	t.Helper()
	log, ended := &service{seen: make(chan struct{}, 1)}, make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer close(ended)
		run(ctx, append([]string{"serve", "--listen", "127.0.0.1:0", "--admin", "", "--timeout", "10s"}, args...), output{io.Discard, log})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	limit := time.After(30 * time.Second)
	for {
		if m := publicLine.FindStringSubmatch(log.String()); m != nil {
			return "http://" + m[1]
		}
		select {
		case <-log.seen:
		case <-ended:
			t.Fatalf("ended:\n%s", log.String())
		case <-limit:
			t.Fatalf("does not serve:\n%s", log.String())
		}
	}
}
