package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/tensor"
)

const (
	keeps = "response_cache { enable: true }"
	// ample holds all answers of a test.
	ample = 1 << 20
)

// asked asks double once for an x.
func asked(t *testing.T, e *engine.Engine, x *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	out, _, err := e.Infer(t.Context(), "double", tensor.Map{"x": x}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return out["y"]
}

// wantHits compares the counts of double's hits and misses.
func wantHits(t *testing.T, e *engine.Engine, hits, misses uint64) {
	t.Helper()
	if s := statistics(t, e, "double"); s.CacheHit.Count != hits || s.CacheMiss.Count != misses {
		t.Errorf("%d hits and %d misses, want %d and %d", s.CacheHit.Count, s.CacheMiss.Count, hits, misses)
	}
}

func TestCache(t *testing.T) {
	dir := t.TempDir()
	double(t, dir, "double", "12", keeps+" version_policy { all { } }")
	e := open(t, dir, engine.Options{CacheSize: ample, Models: []string{"double"}})
	x := tensor.Of([]float32{1, 2, 3, 4}, 2, 2)
	first := asked(t, e, x)
	want := first.Clone()
	tensor.MustData[float32](first)[0] = 7 // answers belong to the caller
	for range 2 {
		again := asked(t, e, x)
		if !again.Equal(want) {
			t.Errorf("the answer that was kept is %v, want %v", again.Any(), want.Any())
		}
		tensor.MustData[float32](again)[1] = 7
	}
	if s := statisticsOf(t, e, "double", "2"); s.Success.Count != 3 || s.Inferences != 2 || s.Executions != 1 || s.CacheHit.Count != 2 || s.CacheMiss.Count != 1 {
		t.Errorf("counted %+v", s)
	}
	// The same bytes of another shape, other bytes, and another version are other questions.
	if y := asked(t, e, tensor.Of([]float32{1, 2, 3, 4}, 1, 4)); y.Dim(0) != 1 {
		t.Errorf("another shape gets the answer %v", y)
	}
	if y := asked(t, e, tensor.Of([]float32{1, 2, 3, 5}, 2, 2)); tensor.MustData[float32](y)[3] != 10 {
		t.Errorf("other numbers get the answer %v", y.Any())
	}
	if got, err := e.Do(t.Context(), engine.Request{Model: "double", Version: "1", Inputs: tensor.Map{"x": x}}); err != nil || got.Version != "1" {
		t.Errorf("another version: %v, %v", got, err)
	}
	if s := statisticsOf(t, e, "double", "1"); s.CacheHit.Count != 0 || s.CacheMiss.Count != 1 {
		t.Errorf("another version counted %+v", s)
	}
	if s := e.CacheStatistics(); s.Hits != 2 || s.Misses != 4 || s.Entries != 4 || s.Evictions != 0 || s.Size != ample || s.Used <= 0 {
		t.Errorf("the cache counted %+v", s)
	}
}

// statisticsOf returns those of a version.
func statisticsOf(t *testing.T, e *engine.Engine, model, version string) engine.Statistics {
	t.Helper()
	list, err := e.Statistics(model, version)
	if err != nil {
		t.Fatal(err)
	}
	return list[0]
}

// TestCacheIsWanted: it takes both the model's word and the engine's.
func TestCacheIsWanted(t *testing.T) {
	for _, test := range []struct {
		config string
		size   int64
	}{{"", ample}, {"response_cache { enable: false }", ample}, {keeps, 0}} {
		dir := t.TempDir()
		double(t, dir, "double", "1", test.config)
		e := open(t, dir, engine.Options{CacheSize: test.size})
		for range 2 {
			asked(t, e, tensor.Of([]float32{1}, 1, 1))
		}
		if s := statistics(t, e, "double"); s.Cached || s.Executions != 2 || s.CacheMiss.Count != 0 {
			t.Errorf("%q with %d bytes: %+v", test.config, test.size, s)
		}
	}
}

// TestCacheAfterLoad: a model that is loaded again keeps its answers if nothing of it has changed, and none otherwise.
func TestCacheAfterLoad(t *testing.T) {
	dir := t.TempDir()
	double(t, dir, "double", "1", keeps)
	e := open(t, dir, engine.Options{CacheSize: ample})
	x := tensor.Of([]float32{1}, 1, 1)
	load := func() {
		t.Helper()
		if err := e.Load(t.Context(), "double", engine.LoadOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	asked(t, e, x)
	load()
	asked(t, e, x)
	wantHits(t, e, 1, 1)
	scaled(t, filepath.Join(dir, "double", "1", "model.onnx"), 3)
	load()
	if y := asked(t, e, x); tensor.MustData[float32](y)[0] != 3 {
		t.Errorf("the new model's answer is %v, want 3", y.Any())
	}
	wantHits(t, e, 0, 1) // a model that changed counts from 0
}

// TestCacheOfEnsemble: an ensemble whose stage was loaded anew keeps none of its answers, and has the stage's anew.
func TestCacheOfEnsemble(t *testing.T) {
	_, dir := control(t, "version_policy { specific { versions: 1 } }", "1")
	c, err := ensemble.ReadConfig(filepath.Join(dir, "pair", "config.pbtxt"))
	if err != nil {
		t.Fatal(err)
	}
	c.ResponseCache = true
	e := open(t, dir, engine.Options{CacheSize: ample, Models: []string{}})
	if err := e.Load(t.Context(), "pair", engine.LoadOptions{Config: c}); err != nil {
		t.Fatal(err)
	}
	for i, want := range []float32{2, 2, 3, 3} {
		if i == 2 {
			scaled(t, filepath.Join(dir, "double", "1", "model.onnx"), 3)
			if err := e.Load(t.Context(), "double", engine.LoadOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		out, _, err := e.Infer(t.Context(), "pair", tensor.Map{"x": tensor.Of([]float32{1}, 1, 1)}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if z := tensor.MustData[float32](out["z"])[0]; z != want {
			t.Errorf("answer %d is %g, want %g", i, z, want)
		}
	}
	if s := statistics(t, e, "pair"); s.CacheHit.Count != 2 || s.CacheMiss.Count != 2 || s.Success.Count != 4 || s.Executions != 2 {
		t.Errorf("the ensemble counted %+v", s)
	}
	if s := statistics(t, e, "double"); s.Executions != 1 {
		t.Errorf("the stage ran %d times, want once since it was loaded", s.Executions)
	}
}

// TestCacheIsBounded: what is kept is within the bound; what was not asked for the longest time goes first; an answer that is larger than
// all of it is not kept.
func TestCacheIsBounded(t *testing.T) {
	dir := t.TempDir()
	double(t, dir, "double", "1", keeps)
	x := func(value float32, n int) *tensor.Tensor {
		x := tensor.Zeros(tensor.Float32, 1, n)
		tensor.MustData[float32](x)[0] = value
		return x
	}
	e := open(t, dir, engine.Options{CacheSize: ample})
	asked(t, e, x(0, 1000))
	one := e.CacheStatistics().Used
	if one < 4000 || one > 5000 {
		t.Fatalf("an answer of 4000 bytes takes %d", one)
	}
	e = open(t, dir, engine.Options{CacheSize: 2*one + one/2})
	for _, v := range []float32{1, 2, 1, 3, 1, 2} { // 3 takes the place of 2, and 2 that of 3
		asked(t, e, x(v, 1000))
	}
	wantHits(t, e, 2, 4)
	if s := e.CacheStatistics(); s.Used != 2*one || s.Entries != 2 || s.Evictions != 2 {
		t.Errorf("the cache counted %+v", s)
	}
	for range 2 {
		asked(t, e, x(1, 3000))
	}
	wantHits(t, e, 2, 6)
	asked(t, e, x(1, 1000))
	wantHits(t, e, 3, 6) // nothing went for what cannot be kept
}

// TestCacheOfErrors: what failed is asked again.
func TestCacheOfErrors(t *testing.T) {
	dir := t.TempDir()
	double(t, dir, "double", "1", keeps)
	e := open(t, dir, engine.Options{CacheSize: ample})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	in := tensor.Map{"x": tensor.Of([]float32{1}, 1, 1)}
	if _, _, err := e.Infer(ctx, "double", in, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a request that was given up gives %v", err)
	}
	asked(t, e, in["x"])
	wantHits(t, e, 0, 1)
}

// TestCacheInOrder: where the order is kept an answer from the cache comes behind those that were asked before it.
func TestCacheInOrder(t *testing.T) {
	dir := t.TempDir()
	double(t, dir, "double", "1", keeps+fmt.Sprintf(patient, "preserve_ordering: true"))
	e := open(t, dir, engine.Options{CacheSize: ample})
	check(t, <-ask(t.Context(), e, engine.Request{}, 4, 1, 1), 4, 1, 2)
	before := ask(t.Context(), e, engine.Request{}, 1, 1, 5)
	pending(t, e, 1)
	ctx, cancel := context.WithCancel(t.Context())
	kept := ask(ctx, e, engine.Request{}, 4, 1, 1)
	for e.CacheStatistics().Hits == 0 {
		runtime.Gosched()
	}
	cancel()
	if a := <-kept; !errors.Is(a.err, context.Canceled) {
		t.Errorf("the answer from the cache comes before the one that was asked first, with %v", a.err)
	}
	after := ask(t.Context(), e, engine.Request{}, 3, 1, 6)
	check(t, <-before, 1, 1, 10)
	check(t, <-after, 3, 1, 12)
	check(t, <-ask(t.Context(), e, engine.Request{}, 4, 1, 1), 4, 1, 2)
}

// TestCacheOfShop: a shop whose ensemble and stages keep answers gives those of one that keeps none, to many callers at once, in a cache
// that holds a few of them only.
func TestCacheOfShop(t *testing.T) {
	plain, kept := t.TempDir(), t.TempDir()
	export(t, plain, 1, ensemble.Options{})
	export(t, kept, 1, ensemble.Options{Configure: func(_ []string, s *ensemble.Settings) error {
		s.ResponseCache = true
		return nil
	}})
	const size = 1 << 14
	a, b := open(t, plain, engine.Options{}), open(t, kept, engine.Options{CacheSize: size})
	draw := rand.New(rand.NewPCG(1, 2))
	requests, want := make([]tensor.Map, 8), make([]tensor.Map, 8)
	for i := range requests {
		requests[i] = request()
		blocked := tensor.MustData[uint8](requests[i]["blocked"])
		for j := range blocked {
			blocked[j] = uint8(draw.Uint32())
		}
		var err error
		if want[i], _, err = a.Infer(t.Context(), "shop", requests[i], nil); err != nil {
			t.Fatal(err)
		}
	}
	var wait sync.WaitGroup
	for worker := range 4 {
		draw := rand.New(rand.NewPCG(3, uint64(worker)))
		wait.Go(func() {
			for range 50 {
				i := draw.IntN(len(requests))
				got, _, err := b.Infer(t.Context(), "shop", requests[i], nil)
				if err != nil {
					t.Error(err)
					return
				}
				for name, w := range want[i] {
					if !got[name].Equal(w) {
						t.Errorf("request %d: output %q differs from that without a cache", i, name)
					}
				}
			}
		})
	}
	wait.Wait()
	if s := b.CacheStatistics(); s.Hits == 0 || s.Evictions == 0 || s.Used > size {
		t.Errorf("the cache counted %+v", s)
	}
}
