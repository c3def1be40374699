package tune_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/internal/tune"
)

// server answers as its settings say: capacity requests a second in all, each of which takes base milliseconds alone; with more
// clients than it has workers they wait for one another.
type server struct {
	base    float64
	workers int
	fails   bool
	runs    *int
	closed  *int
}

func (s server) Run(ctx context.Context, clients int) (tune.Level, error) {
	*s.runs++
	if err := ctx.Err(); err != nil {
		return tune.Level{}, err
	}
	queue := max(1, float64(clients)/float64(s.workers))
	l := tune.Level{Clients: clients, Throughput: 1000 * float64(min(clients, s.workers)) / s.base, P50: s.base * queue, P99: 2 * s.base * queue}
	if s.fails {
		l.Failed = 1
	}
	return l, nil
}

func (s server) Close() error {
	*s.closed++
	return nil
}

// world makes servers: fusing decides the time, instances the workers; a batch of 8 makes everything fail, and a fusing that nobody
// knows cannot be prepared.
type world struct{ prepared, runs, closed int }

func (w *world) prepare(_ context.Context, c tune.Candidate) (tune.Runner, error) {
	w.prepared++
	base, ok := map[string]float64{"groups": 4, "all": 2, "none": 6, "close": 3.9}[c.Get("fuse")]
	if !ok {
		return nil, errors.New("unknown fusing")
	}
	workers, err := strconv.Atoi(c.Get("instances"))
	return server{base, workers, c.Get("batch") == "8", &w.runs, &w.closed}, err
}

func dimensions() []tune.Dimension {
	return []tune.Dimension{
		{Name: "fuse", Values: []string{"groups", "odd", "none", "all"}},
		{Name: "instances", Values: []string{"1", "4", "2"}},
		{Name: "batch", Values: []string{"64", "8"}},
	}
}

func search(ctx context.Context, t *testing.T, w *world, o tune.Options) *tune.Result {
	t.Helper()
	r, err := tune.Search(ctx, o, w.prepare)
	if err != nil {
		t.Fatal(err)
	}
	if w.closed != w.prepared-1 && w.closed != w.prepared { // one of them cannot be prepared
		t.Errorf("%d candidates of %d were closed", w.closed, w.prepared)
	}
	return r
}

func chosen(r *tune.Result) string {
	if r.Chosen < 0 {
		return ""
	}
	return r.Evidence[r.Chosen].Candidate.String()
}

func TestSearch(t *testing.T) {
	w := &world{}
	r := search(t.Context(), t, w, tune.Options{Budget: 20 * time.Millisecond, Dimensions: dimensions()})
	if got, want := chosen(r), "fuse=all instances=4 batch=64"; got != want || !r.Within || r.Missing != 0 {
		t.Errorf("chosen %q, within the budget: %v, missing %d; want %q", got, r.Within, r.Missing, want)
	}
	var tried []string
	for _, e := range r.Evidence {
		tried = append(tried, e.Candidate.String())
	}
	if diff := cmp.Diff(tried, []string{
		"fuse=groups instances=1 batch=64", "fuse=odd instances=1 batch=64", "fuse=none instances=1 batch=64", "fuse=all instances=1 batch=64",
		"fuse=all instances=4 batch=64", "fuse=all instances=2 batch=64", "fuse=all instances=4 batch=8",
	}); diff != "" {
		t.Error(diff)
	}
	if r.Evidence[1].Error != "unknown fusing" {
		t.Errorf("the candidate that cannot be prepared has the error %q", r.Evidence[1].Error)
	}
	// Four workers answer 2000 a second from four clients on; eight bring no more.
	best := r.Evidence[4]
	if n := len(best.Levels); n != 4 || best.Levels[3].Clients != 8 {
		t.Errorf("the best candidate was asked by %+v", best.Levels)
	}
	if l, ok := best.Best(20 * time.Millisecond); !ok || l.Clients != 4 || l.Throughput != 2000 {
		t.Errorf("its best level is %+v", l)
	}
}

// TestBudget wants less throughput where more breaks the budget, and the fastest candidate where all do.
func TestBudget(t *testing.T) {
	w := &world{}
	r := search(t.Context(), t, w, tune.Options{Budget: 5 * time.Millisecond, Dimensions: dimensions()})
	if got := chosen(r); got != "fuse=all instances=4 batch=64" || !r.Within {
		t.Errorf("chosen %q, within: %v", got, r.Within)
	}
	for _, e := range r.Evidence {
		if l, ok := e.Best(5 * time.Millisecond); ok && l.P99 > 5 {
			t.Errorf("%s: the best level %+v is beyond the budget", e.Candidate, l)
		}
	}
	r = search(t.Context(), t, &world{}, tune.Options{Budget: time.Millisecond, Dimensions: dimensions()})
	if got := chosen(r); got != "fuse=all instances=1 batch=64" || r.Within {
		t.Errorf("chosen %q, within: %v; want the fastest, and that it is not within", got, r.Within)
	}
}

// TestNoise keeps the first value where another one wins by 2.6 %.
func TestNoise(t *testing.T) {
	r := search(t.Context(), t, &world{}, tune.Options{Budget: time.Second, Dimensions: []tune.Dimension{
		{Name: "fuse", Values: []string{"groups", "close"}}, {Name: "instances", Values: []string{"1"}},
	}})
	if got := chosen(r); got != "fuse=groups instances=1" {
		t.Errorf("chosen %q for less than noise", got)
	}
}

func TestNothingWorks(t *testing.T) {
	r := search(t.Context(), t, &world{}, tune.Options{Budget: time.Second, Dimensions: []tune.Dimension{
		{Name: "fuse", Values: []string{"odd"}}, {Name: "instances", Values: []string{"1"}},
	}})
	if r.Chosen != -1 || r.Within || len(r.Evidence) != 1 {
		t.Errorf("%+v, want no choice", r)
	}
	r = search(t.Context(), t, &world{}, tune.Options{Budget: time.Second, Dimensions: []tune.Dimension{
		{Name: "fuse", Values: []string{"all"}}, {Name: "instances", Values: []string{"1"}}, {Name: "batch", Values: []string{"8"}},
	}})
	if r.Chosen != -1 || len(r.Evidence[0].Levels) != 1 {
		t.Errorf("%+v, want no choice of one that fails, after one level", r)
	}
}

// TestCancel ends a search within its third candidate and goes on from the evidence.
func TestCancel(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	w := &world{}
	var kept []tune.Evidence
	o := tune.Options{Budget: 20 * time.Millisecond, Dimensions: dimensions(), Measured: func(e []tune.Evidence) error {
		kept = e
		return nil
	}}
	r, err := tune.Search(ctx, o, func(ctx context.Context, c tune.Candidate) (tune.Runner, error) {
		runner, err := w.prepare(ctx, c)
		if w.prepared == 3 {
			cancel()
		}
		return runner, err
	})
	if err != nil {
		t.Fatal(err)
	}
	// none was prepared and not measured; all, the two of instances and the one of batch came never.
	if chosen(r) != "fuse=groups instances=1 batch=64" || len(r.Evidence) != 2 || r.Missing != 5 {
		t.Errorf("chosen %q of %d, missing %d; want the first of 2, and 5", chosen(r), len(r.Evidence), r.Missing)
	}
	if len(kept) != 2 || w.closed != 2 {
		t.Errorf("%d kept, %d closed; want 2 and 2", len(kept), w.closed)
	}
	again := &world{}
	o.Known = kept
	whole := search(t.Context(), t, &world{}, tune.Options{Budget: o.Budget, Dimensions: o.Dimensions})
	if diff := cmp.Diff(search(t.Context(), t, again, o), whole); diff != "" {
		t.Errorf("a search that goes on finds another result than one at once:\n%s", diff)
	}
	if again.prepared != 5 {
		t.Errorf("%d candidates were measured after 2 of 7, want 5", again.prepared)
	}
}

func TestRefuses(t *testing.T) {
	good := tune.Options{Budget: time.Second, Dimensions: dimensions()}
	odd := errors.New("disk full")
	for name, change := range map[string]func(*tune.Options){
		"no budget":         func(o *tune.Options) { o.Budget = 0 },
		"no dimensions":     func(o *tune.Options) { o.Dimensions = nil },
		"no values":         func(o *tune.Options) { o.Dimensions = []tune.Dimension{{Name: "fuse"}} },
		"evidence not kept": func(o *tune.Options) { o.Measured = func([]tune.Evidence) error { return odd } },
	} {
		t.Run(name, func(t *testing.T) {
			o := good
			change(&o)
			if _, err := tune.Search(t.Context(), o, (&world{}).prepare); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestRecord(t *testing.T) {
	r := tune.Record{
		Format: tune.RecordFormat, Origin: map[string]string{"seed": "1"}, Subject: "embedded", Budget: 20, Seconds: 3, Processors: 2,
		Result: *search(t.Context(), t, &world{}, tune.Options{Budget: 20 * time.Millisecond, Dimensions: dimensions()}),
	}
	path := filepath.Join(t.TempDir(), "tune.json")
	if err := r.Write(path); err != nil {
		t.Fatal(err)
	}
	got, err := tune.ReadRecord(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(*got, r); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if !r.Comparable(got) {
		t.Error("a record is not comparable with itself")
	}
	for name, change := range map[string]func(*tune.Record){
		"origin":     func(r *tune.Record) { r.Origin = map[string]string{"seed": "2"} },
		"subject":    func(r *tune.Record) { r.Subject = "triton" },
		"budget":     func(r *tune.Record) { r.Budget = 21 },
		"seconds":    func(r *tune.Record) { r.Seconds = 1 },
		"processors": func(r *tune.Record) { r.Processors = 4 },
	} {
		other := r
		if change(&other); r.Comparable(&other) {
			t.Errorf("records of another %s are comparable", name)
		}
	}
	for name, text := range map[string]string{"garbage": "x", "format": `{"format": 2}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := tune.ReadRecord(path); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
