package generation_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"recsys/client"
	"recsys/ensemble/generation"
	"recsys/test/triton"
)

const (
	clients  = 8
	requests = 5000
)

// load is what the clients have seen.
type load struct {
	asked, failed, mixed atomic.Int64
	generations          sync.Map // that have answered
	first                atomic.Pointer[error]
	cancel               context.CancelFunc
	done                 sync.WaitGroup
}

// start has clients ask the ensemble until the load is stopped and they have asked often enough.
func start(t *testing.T, address, model string, atLeast int64) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &load{cancel: cancel}
	// A call that fails is not tried again: it counts.
	c, err := client.New(t.Context(), address, client.WithRetry(client.Retry{Attempts: 1}))
	if err != nil {
		t.Fatal(err)
	}
	for i := range clients {
		l.done.Go(func() {
			for n := int64(i); ctx.Err() == nil || l.asked.Load() < atLeast; n++ {
				l.ask(t.Context(), c, model, 100+n%3)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		l.done.Wait()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *load) ask(ctx context.Context, c *client.Client, model string, user int64) {
	inputs, outputs := request(user)
	out, version, err := c.Infer(ctx, model, inputs, outputs)
	l.asked.Add(1)
	if err == nil {
		err = checkStamp(out, version)
	}
	l.note(version, err)
}

// note counts an answer of a version, and what is wrong with it.
func (l *load) note(version string, err error) {
	l.generations.Store(version, true)
	switch {
	case err == nil:
		return
	case errors.Is(err, errMixed):
		l.mixed.Add(1)
	default:
		l.failed.Add(1)
	}
	l.first.CompareAndSwap(nil, &err)
}

// stop ends the load and requires that nothing went wrong and that all the generations have answered.
func (l *load) stop(t *testing.T, generations ...int64) {
	t.Helper()
	l.cancel()
	l.done.Wait()
	t.Logf("%d requests, %d failed, %d mixed", l.asked.Load(), l.failed.Load(), l.mixed.Load())
	if first := l.first.Load(); first != nil {
		t.Errorf("%d failed and %d mixed of %d, the first: %v", l.failed.Load(), l.mixed.Load(), l.asked.Load(), *first)
	}
	for _, g := range generations {
		if _, ok := l.generations.Load(strconv.FormatInt(g, 10)); !ok {
			t.Errorf("no answer of generation %d", g)
		}
	}
}

// await waits until clients have asked n more times, or something went wrong.
func (l *load) await(t *testing.T, n int64) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for until := l.asked.Load() + n; l.asked.Load() < until && l.first.Load() == nil; {
		select {
		case <-t.Context().Done():
			return
		case <-tick.C:
		}
	}
}

// TestUnderLoad publishes, rolls back, runs a canary and prunes while 8 clients ask, and has generations refused that are broken.
func TestUnderLoad(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1)
	s := triton.Start(t, dir, triton.Options{LoadModels: []string{"shop"}})
	p := &generation.Publisher{Folders: []string{dir}, Servers: []generation.Server{connect(t, s)}}
	l := start(t, s.GRPC, "shop", requests)
	serve := func(what string, want int64, do func() (generation.Result, error)) {
		t.Helper()
		r, err := do()
		if err != nil || r.Generation != want {
			t.Fatalf("%s: got %+v, %v; want generation %d", what, r, err, want)
		}
		l.await(t, 300)
	}
	publish := func(g int64) func() (generation.Result, error) {
		return func() (generation.Result, error) { return p.Publish(t.Context(), "shop", g) }
	}
	export(t, dir, 2)
	l.await(t, 300)
	p.Probes = probes(2)
	serve("publish", 2, publish(2))
	p.Probes = probes(1)
	serve("rollback", 1, func() (generation.Result, error) { return p.Rollback(t.Context(), "shop") })
	p.Probes = probes(2)
	serve("publish again", 2, publish(2))

	// Stages that append another number: only an inference can tell.
	wrong := export(t, dir, 77)
	p.Probes = probes(wrong)
	refused(t, p, wrong)
	// A file that nobody can read.
	broken := export(t, dir, 4)
	model := filepath.Join(dir, "shop_score", strconv.FormatInt(broken, 10), "model.onnx")
	if err := os.WriteFile(model, []byte("no model"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, p, broken)
	l.await(t, 300)

	good := export(t, dir, 5)
	p.Probes = probes(good)
	serve("canary", good, func() (generation.Result, error) { return p.Canary(t.Context(), "shop", "shop_canary", good) })
	canary := start(t, s.GRPC, "shop_canary", 0)
	canary.await(t, 100)
	serve("prune beside the canary", 2, func() (generation.Result, error) {
		return p.Prune(t.Context(), "shop", []int64{wrong, broken}, 0)
	})
	serve("publish the canary's", good, publish(good))
	canary.stop(t, good)
	serve("end of the canary", 0, func() (generation.Result, error) { return p.EndCanary(t.Context(), "shop_canary") })
	serve("prune", good, func() (generation.Result, error) { return p.Prune(t.Context(), "shop", nil, 1) })
	serve("prune all", good, func() (generation.Result, error) { return p.Prune(t.Context(), "shop", nil, 0) })
	l.stop(t, 1, 2, good)
	left, err := filepath.Glob(filepath.Join(dir, "*", "[0-9]*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 4 { // three stages and the ensemble, one version each
		t.Errorf("left are %v", left)
	}
}

func refused(t *testing.T, p *generation.Publisher, g int64) {
	t.Helper()
	if r, err := p.Publish(t.Context(), "shop", g); !errors.Is(err, generation.ErrRefused) {
		t.Fatalf("generation %d: got %+v, %v; want ErrRefused", g, r, err)
	}
}
