package exec_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/layer"
	"recsys/tensor"
)

// TestThreads: the outputs have the same bits with any number of threads, in models large enough to be split.
func TestThreads(t *testing.T) {
	tests := []struct {
		name  string
		build func(b *graph.Builder)
		rows  int
	}{
		{"ranker", models{testRows}.wideRanker, 75},
		{"selection", func(b *graph.Builder) {
			b.Output("y", layer.DotInteraction{}.Apply(b, b.Input("a", tensor.Float32, batch(8)), b.Input("b", tensor.Float32, batch(8)),
				b.Input("c", tensor.Float32, batch(8))))
		}, 20_000},
		{"retrieval", models{30_000}.retrieval, 1},
		{"retrieval for many", models{30_000}.retrieval, 17},
		{"sequence", models{testRows}.sequence, 12},
		{"softmax alone", func(b *graph.Builder) {
			b.Output("y", b.Softmax(b.Input("x", tensor.Float32, batch(100)), 1))
		}, 3000},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := build(t, test.build)
			for _, set := range kernel.Sets() {
				if testing.Short() && set.Name == "portable" {
					continue
				}
				one := compile(t, g, exec.Options{Kernels: set})
				in := stepInputs(one, test.rows, testRows)
				want, err := one.Run(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				for _, threads := range []int{2, 3, 7} {
					got, err := compile(t, g, exec.Options{Kernels: set, Threads: threads}).Run(t.Context(), in)
					if err != nil {
						t.Fatal(err)
					}
					for name, v := range want {
						if err := graphtest.Compare(got[name], v, 0); err != nil {
							t.Errorf("%s, %d threads, output %q: %v", set.Name, threads, name, err)
						}
					}
				}
			}
		})
	}
}

// TestThreadsReportTheFirstError: the error is that of one thread, whatever part fails first in time.
func TestThreadsReportTheFirstError(t *testing.T) {
	g := build(t, func(b *graph.Builder) {
		b.Output("y", b.Gather(b.Param("t", graph.Dims(10, 8), graph.Uniform(1)), b.Input("ids", tensor.Int64, graph.Shape{graph.Sym("B")}), 0))
	})
	ids := make([]int64, 200_000)
	ids[70_000], ids[70_001], ids[199_999] = 70, 71, 99
	in := tensor.Map{"ids": tensor.Of(ids, len(ids))}
	want := ""
	for _, threads := range []int{1, 4} {
		plan := compile(t, g, exec.Options{Threads: threads})
		for range 20 {
			_, err := plan.Run(t.Context(), in)
			if err == nil || !strings.Contains(err.Error(), "70") {
				t.Fatalf("got error %v, want one about id 70", err)
			}
			if want == "" {
				want = err.Error()
			}
			if err.Error() != want {
				t.Errorf("%d threads: got error %q, want %q", threads, err, want)
			}
		}
	}
}

// TestThreadsPanic: a panic in a helper is an error of the run.
func TestThreadsPanic(t *testing.T) {
	set := *kernel.Portable()
	set.Exp = func([]float32, []float32) { panic("broken kernel") }
	g := build(t, func(b *graph.Builder) { b.Output("y", b.Exp(b.Input("x", tensor.Float32, batch(100)))) })
	plan := compile(t, g, exec.Options{Kernels: &set, Threads: 4})
	for range 20 {
		_, err := plan.Run(t.Context(), tensor.Map{"x": tensor.Zeros(tensor.Float32, 20_000, 100)})
		if err == nil || !strings.Contains(err.Error(), `node "exp" (Exp): panic: broken kernel`) {
			t.Fatalf("got error %v, want the panic with its node", err)
		}
	}
}

// gate is a kernel set whose products tell how many of them are under way, and wait until there are so many.
type gate struct {
	kernel.Set
	mu         sync.Mutex
	changed    *sync.Cond
	now, most  int
	wanted     int
	impatience *time.Timer
	late       atomic.Bool
}

// newGate makes products wait until wanted of them are under way, or for ten seconds, which a test then reports.
func newGate(t *testing.T, wanted int) *gate {
	t.Helper()
	g := &gate{Set: *kernel.Portable(), wanted: wanted}
	g.changed = sync.NewCond(&g.mu)
	g.impatience = time.AfterFunc(10*time.Second, func() {
		g.late.Store(true)
		g.changed.Broadcast()
	})
	t.Cleanup(func() { g.impatience.Stop() })
	gemm := g.Gemm
	g.Gemm = func(p kernel.Gemm) {
		g.mu.Lock()
		g.now++
		g.most = max(g.most, g.now)
		g.changed.Broadcast()
		for g.most < g.wanted && !g.late.Load() {
			g.changed.Wait()
		}
		g.mu.Unlock()
		gemm(p)
		g.mu.Lock()
		g.now--
		g.mu.Unlock()
	}
	return g
}

// TestBudget: runs share their budget's threads, and use those that are free.
func TestBudget(t *testing.T) {
	product := build(t, func(b *graph.Builder) {
		b.Output("y", b.MatMul(b.Input("x", tensor.Float32, batch(64)), b.Param("w", graph.Dims(64, 64), graph.Uniform(1))))
	})
	in := tensor.Map{"x": tensor.Zeros(tensor.Float32, 2000, 64)}
	tests := []struct {
		name                  string
		budget, threads, runs int
		most                  int
	}{
		{"one run takes what its plan may", 4, 3, 1, 3},
		{"one run takes what is free", 2, 4, 1, 2},
		{"no more than one thread", 1, 4, 1, 1},
		{"a thread each", 3, 4, 3, 3},
		{"more runs than threads", 2, 4, 3, 3},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			g := newGate(t, test.most)
			budget := exec.NewBudget(test.budget)
			var plans []*exec.Plan
			for range test.runs { // of plans of their own
				plans = append(plans, compile(t, product, exec.Options{Kernels: &g.Set, Threads: test.threads, Budget: budget}))
			}
			var wg sync.WaitGroup
			for _, p := range plans {
				wg.Go(func() {
					if _, err := p.Run(t.Context(), in); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if test.runs == 1 { // what the first run took is free again
				g.most = 0
				if _, err := plans[0].Run(t.Context(), in); err != nil {
					t.Error(err)
				}
			}
			if g.late.Load() {
				t.Errorf("no %d products at once within ten seconds", test.most)
			}
			if test.runs == 1 && g.most != test.most {
				t.Errorf("%d products at once, want %d", g.most, test.most)
			}
		})
	}
}
