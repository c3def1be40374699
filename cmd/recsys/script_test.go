package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/rogpeppe/go-internal/testscript"
)

type stateKey struct{}

// state is what a script has running.
type state struct {
	services map[string]*service
	redis    map[string]*miniredis.Miniredis
}

func stateOf(ts *testscript.TestScript) *state { return ts.Value(stateKey{}).(*state) }

// failsCmd is "fails STATUS ARG...": recsys ends with that status, says why on stderr, and does not panic.
func failsCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: fails STATUS ARG...")
	}
	err := ts.Exec("recsys", args[1:]...)
	var ended *exec.ExitError
	if !errors.As(err, &ended) {
		ts.Fatalf("recsys ended with %v, want status %s", err, args[0])
	}
	if got := strconv.Itoa(ended.ExitCode()); got != args[0] {
		ts.Fatalf("status %s, want %s", got, args[0])
	}
	text := ts.ReadFile("stderr")
	if !strings.Contains(text, "recsys: ") {
		ts.Fatalf("no error on stderr")
	}
	if strings.Contains(text, "panic:") || strings.Contains(text, "goroutine ") {
		ts.Fatalf("a panic")
	}
}

// service is a verb that serves, running in this process.
type service struct {
	cancel context.CancelFunc
	code   chan int
	mu     sync.Mutex
	text   bytes.Buffer
	seen   chan struct{} // a value after every write
}

func (s *service) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.seen <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *service) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

var (
	publicLine = regexp.MustCompile(`(?m)(?:serving on http://|KServe v2 gRPC on )(\S+)$`)
	adminLine  = regexp.MustCompile(`(?m)metrics on http://(\S+)/metrics$`)
	httpLine   = regexp.MustCompile(`(?m)KServe v2 HTTP on http://(\S+)$`)
)

// startCmd is "start NAME ARG...": it runs recsys ARG..., paths absolute, until it serves, and sets NAME to the address
// NAME_ADMIN to that of the metrics and NAME_HTTP to that of an engine's HTTP service.
func startCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME ARG...")
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := &service{cancel: cancel, code: make(chan int, 1), seen: make(chan struct{}, 1)}
	go func() { s.code <- run(ctx, args[1:], output{io.Discard, s}) }()
	stateOf(ts).services[args[0]] = s
	ts.Defer(cancel)
	limit := time.After(30 * time.Second)
	for {
		text := s.String()
		if m := publicLine.FindStringSubmatch(text); m != nil {
			ts.Setenv(args[0], m[1])
			if m := adminLine.FindStringSubmatch(text); m != nil {
				ts.Setenv(args[0]+"_ADMIN", m[1])
			}
			if m := httpLine.FindStringSubmatch(text); m != nil {
				ts.Setenv(args[0]+"_HTTP", m[1])
			}
			return
		}
		select {
		case <-s.seen:
		case code := <-s.code:
			ts.Fatalf("ended with status %d before it served:\n%s", code, s.String())
		case <-limit:
			ts.Fatalf("does not serve:\n%s", s.String())
		}
	}
}

// endCmd is "end NAME" ("stop" is testscript's own, which ends the script as passed): it ends a service as a signal does and requires status 0.
func endCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: end NAME")
	}
	s := stateOf(ts).services[args[0]]
	s.cancel()
	select {
	case code := <-s.code:
		if code != 0 {
			ts.Fatalf("ended with status %d:\n%s", code, s.String())
		}
	case <-time.After(30 * time.Second):
		ts.Fatalf("does not end:\n%s", s.String())
	}
	if _, err := io.WriteString(ts.Stdout(), s.String()); err != nil {
		ts.Fatalf("%v", err)
	}
}

// httpCmd is "http METHOD URL [BODY]": it prints the status and the body.
func httpCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || len(args) > 3 {
		ts.Fatalf("usage: http METHOD URL [BODY]")
	}
	var body io.Reader
	if len(args) == 3 {
		body = strings.NewReader(args[2])
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, args[0], args[1], body)
	ts.Check(err)
	answer, err := http.DefaultClient.Do(request)
	ts.Check(err)
	text, err := io.ReadAll(answer.Body)
	ts.Check(errors.Join(err, answer.Body.Close()))
	_, err = io.WriteString(ts.Stdout(), answer.Status+"\n"+string(text))
	ts.Check(err)
}

// occupyCmd is "occupy NAME": it listens on a port and sets NAME to the address.
func occupyCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: occupy NAME")
	}
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Setenv(args[0], l.Addr().String())
	ts.Defer(func() { _ = l.Close() })
}

// redisCmd is "redis NAME", which starts a Redis and sets NAME to its URL, and "redis NAME stop".
func redisCmd(ts *testscript.TestScript, neg bool, args []string) {
	switch {
	case !neg && len(args) == 1:
		r := miniredis.NewMiniRedis()
		ts.Check(r.Start())
		ts.Defer(r.Close)
		stateOf(ts).redis[args[0]] = r
		ts.Setenv(args[0], "redis://"+r.Addr()+"/0")
	case !neg && len(args) == 2 && args[1] == "stop":
		stateOf(ts).redis[args[0]].Close()
	default:
		ts.Fatalf("usage: redis NAME [stop]")
	}
}

// editCmd is "edit FILE OLD NEW": it replaces the first OLD.
func editCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: edit FILE OLD NEW")
	}
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s has no %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
}

// cutHalfCmd is "cuthalf FILE": it leaves the first half.
func cutHalfCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: cuthalf FILE")
	}
	text := ts.ReadFile(args[0])
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text[:len(text)/2]), 0o600))
}

// filesCmd is "files DIR": it prints the paths of all files below DIR, hidden ones too.
func filesCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: files DIR")
	}
	root := ts.MkAbs(args[0])
	ts.Check(filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		_, err = io.WriteString(ts.Stdout(), filepath.ToSlash(name)+"\n")
		return err
	}))
}

// oneJSONCmd is "onejson FILE": the file, stdout for the last output, holds one JSON document and white space.
func oneJSONCmd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: onejson FILE")
	}
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	var v any
	ts.Check(d.Decode(&v))
	if err := d.Decode(&v); !errors.Is(err, io.EOF) {
		ts.Fatalf("more than one document: %v", err)
	}
}
