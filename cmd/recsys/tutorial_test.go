package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var (
	savedFile = regexp.MustCompile("(?ms)^Save this as `([^`]+)`[^\n]*\n\n```\\w+\n(.*?)^```")
	shellCode = regexp.MustCompile("(?ms)^```(sh|json)\n(.*?)^```")
	curlLine  = regexp.MustCompile(`^curl -s http://127\.0\.0\.1:8080(/\S+) -d '([^']+)'$`)
)

// tutorial runs what a page tells its readers to type.
type tutorial struct {
	t       *testing.T
	address string // of the gateway
	answer  string // of the last curl
	asked   []string
}

// TestTutorial saves the files and runs the commands of the tutorial, in their order, and looks at what they answer.
func TestTutorial(t *testing.T) {
	page, err := os.ReadFile("../../docs/tutorials/first-pipeline.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	files := savedFile.FindAllStringSubmatch(string(page), -1)
	if len(files) != 4 {
		t.Fatalf("the page has %d files to save, want 4", len(files))
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Clean(f[1]), []byte(f[2]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := &tutorial{t: t}
	for _, block := range shellCode.FindAllStringSubmatch(string(page), -1) {
		if block[1] == "json" {
			r.compare(block[2])
			continue
		}
		for line := range strings.Lines(block[2]) {
			r.line(strings.TrimSpace(line))
		}
	}
	if len(r.asked) != 4 {
		t.Fatalf("%d requests, want 4", len(r.asked))
	}
	if first := r.asked[0]; !strings.Contains(first, `"b04"`) {
		t.Errorf("the first answer lacks b04: %s", first)
	}
	if event := r.asked[1]; strings.TrimSpace(event) != `{"accepted":1,"durable":false}` {
		t.Errorf("the event's answer is %s", event)
	}
	if second := r.asked[2]; strings.Contains(second, `"b04"`) {
		t.Errorf("the answer after the event still has b04: %s", second)
	}
}

func (r *tutorial) line(line string) {
	r.t.Helper()
	if m := curlLine.FindStringSubmatch(line); m != nil {
		r.post(m[1], m[2])
		return
	}
	args := strings.Fields(line)
	if len(args) < 2 || args[0] != "recsys" {
		r.t.Fatalf("cannot run %q", line)
	}
	if args[1] == "serve" {
		r.address = startServe(r.t, args[1:]...)
		return
	}
	var out strings.Builder
	if code := run(r.t.Context(), args[1:], output{&out, &out}); code != 0 {
		r.t.Fatalf("%s: status %d\n%s", line, code, out.String())
	}
	if args[1] == "verify" && !strings.Contains(out.String(), " 0 different") {
		r.t.Errorf("%s: the page promises \"0 different\", got %s", line, out.String())
	}
}

// startServe runs serve on a free port until the test ends and returns its address. args are the verb and its flags.
func startServe(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s := &service{cancel: cancel, code: make(chan int, 1), seen: make(chan struct{}, 1)}
	args = append(args, "--listen", "127.0.0.1:0", "--admin", "", "--timeout", "10s")
	go func() { s.code <- run(ctx, args, output{io.Discard, s}) }()
	t.Cleanup(func() {
		cancel()
		if code := <-s.code; code != 0 {
			t.Errorf("the server ends with status %d:\n%s", code, s.String())
		}
	})
	limit := time.After(30 * time.Second)
	for {
		if m := publicLine.FindStringSubmatch(s.String()); m != nil {
			return m[1]
		}
		select {
		case <-s.seen:
		case <-limit:
			t.Fatalf("does not serve:\n%s", s.String())
		}
	}
}

func (r *tutorial) post(path, body string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), http.MethodPost, "http://"+r.address+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded") // what curl sends
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		r.t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // It was read to its end.
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode/100 != 2 {
		r.t.Fatalf("POST %s: %s, %v: %s", path, answer.Status, err, text)
	}
	r.answer = string(text)
	r.asked = append(r.asked, r.answer)
}

// compare checks that the page shows an answer of the form that came, with as many items, the first one the same. The
// scores are those of one instruction set.
func (r *tutorial) compare(shown string) {
	r.t.Helper()
	var want, got map[string]any
	if err := json.Unmarshal([]byte(shown), &want); err != nil {
		r.t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(r.answer), &got); err != nil {
		r.t.Fatal(err)
	}
	for key := range want {
		if _, ok := got[key]; !ok {
			r.t.Errorf("the page shows %q, which the answer lacks: %s", key, r.answer)
		}
	}
	if len(want) != len(got) {
		r.t.Errorf("the page shows %d fields, the answer has %d: %s", len(want), len(got), r.answer)
	}
	wantItems, _ := want["items"].([]any)
	gotItems, _ := got["items"].([]any)
	if len(wantItems) == 0 || len(wantItems) != len(gotItems) {
		r.t.Fatalf("the page shows %d items, the answer has %d", len(wantItems), len(gotItems))
	}
	first := func(items []any) any { m, _ := items[0].(map[string]any); return m["item_id"] }
	if first(gotItems) != first(wantItems) {
		r.t.Errorf("the first item is %v, the page shows %v", first(gotItems), first(wantItems))
	}
}
