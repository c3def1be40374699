package conformance_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/engine"
	"recsys/engine/server"
	"recsys/test/ort"
	"recsys/test/triton"
)

// answer is what a call of the script gave: data of JSON's kinds.
type answer struct {
	call  string
	value any
}

// addresses are where a server answers.
type addresses struct{ grpc, http, metrics string }

// serveEngine starts the embedded engine until the test ends.
func serveEngine(t *testing.T, dir string) addresses {
	t.Helper()
	e, err := engine.Open(t.Context(), dir, engine.Options{Models: loaded, CacheSize: cacheSize})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	listeners := make([]net.Listener, 3)
	for i := range listeners {
		if listeners[i], err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
	}
	ended := make(chan error, 3)
	o := server.Options{Version: "test", Control: true}
	go func() { ended <- server.Serve(ctx, listeners[0], e, o) }()
	go func() { ended <- server.ServeHTTP(ctx, listeners[1], e, o) }()
	go func() { ended <- server.ServeMetrics(ctx, listeners[2], e) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, <-ended, <-ended, e.Close()); err != nil {
			t.Error(err)
		}
	})
	return addresses{listeners[0].Addr().String(), listeners[1].Addr().String(), listeners[2].Addr().String()}
}

// run does the whole script.
func run(t *testing.T, python string, a addresses, dir string) []answer {
	t.Helper()
	return slices.Concat(
		runCounted(t, a), runQueue(t, a), runGRPC(t, a.grpc, grpcScript()), runPython(t, python, a, dir), runHTTP(t, a.http, httpScript(dir)),
	)
}

func TestConformance(t *testing.T) {
	python := pythonOf(t, ort.Env)
	dir := repository(t)
	s := triton.Start(t, dir, triton.Options{LoadModels: loaded, Args: []string{fmt.Sprintf("--cache-config=local,size=%d", cacheSize)}})
	var want, got []answer
	var wait sync.WaitGroup
	wait.Go(func() { want = run(t, python, addresses{s.GRPC, s.HTTP, s.Metrics}, dir) })
	wait.Go(func() { got = run(t, python, serveEngine(t, dir), dir) })
	wait.Wait()
	for i, w := range want {
		a, b := normal(w.value), normal(got[i].value)
		d, known := listed(w.call)
		if known && cmp.Equal(a, b) {
			t.Errorf("%s: there is no difference, though one is listed: %s", w.call, d.reason)
		}
		if d.text {
			a, b = withoutText(a), withoutText(b)
		}
		if diff := cmp.Diff(a, b); diff != "" && (!known || d.text) {
			t.Errorf("%s (-Triton +engine):\n%s", w.call, diff)
		}
	}
	for _, d := range differences {
		for _, call := range d.calls {
			if !slices.ContainsFunc(want, func(a answer) bool { return a.call == call }) {
				t.Errorf("a difference is listed for %q, which is not in the script", call)
			}
		}
	}
}
