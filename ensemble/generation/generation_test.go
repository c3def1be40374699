package generation_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/ensemble/generation"
	"recsys/tensor"
)

// verb is what a publisher does to a world that serves generation from, after which the ensemble called name serves to.
type verb struct {
	before   func(*testing.T, *world)
	do       func(context.Context, *generation.Publisher) (generation.Result, error)
	name     string
	from, to string // "" for an ensemble that is not served
}

func must(t *testing.T) func(generation.Result, error) {
	t.Helper()
	return func(_ generation.Result, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
}

func verbs() map[string]verb {
	published := func(t *testing.T, w *world) {
		t.Helper()
		must(t)(w.publisher.Publish(t.Context(), "shop", 2))
	}
	canary := func(t *testing.T, w *world) {
		t.Helper()
		must(t)(w.publisher.Canary(t.Context(), "shop", "shop_canary", 3))
	}
	return map[string]verb{
		"publish": {canary, func(ctx context.Context, p *generation.Publisher) (generation.Result, error) {
			return p.Publish(ctx, "shop", 2)
		}, "shop", "1", "2"},
		"rollback": {published, func(ctx context.Context, p *generation.Publisher) (generation.Result, error) {
			return p.Rollback(ctx, "shop")
		}, "shop", "2", "1"},
		"canary": {published, func(ctx context.Context, p *generation.Publisher) (generation.Result, error) {
			return p.Canary(ctx, "shop", "shop_canary", 3)
		}, "shop_canary", "", "3"},
		"end of a canary": {canary, func(ctx context.Context, p *generation.Publisher) (generation.Result, error) {
			return p.EndCanary(ctx, "shop_canary")
		}, "shop_canary", "3", ""},
		"prune": {published, func(ctx context.Context, p *generation.Publisher) (generation.Result, error) {
			return p.Prune(ctx, "shop", []int64{1, 3}, 0)
		}, "shop", "2", "2"},
	}
}

// TestFaults has every call of every verb go wrong in every way. At the end the ensemble serves what it did before or what it should,
// as the files say and the error does, everything else still runs, and repeating the verb does its work.
func TestFaults(t *testing.T) {
	t.Parallel()
	faults(t, source(t), verbs(), true)
}

// own are the ensembles that a verb changes.
func own(v verb) []string {
	return []string{v.name, v.name + "_next", v.name + "_ranking", v.name + "_next_ranking"}
}

// faults breaks each verb's calls; in all ways and also those that change nothing, if all says so.
func faults(t *testing.T, from string, verbs map[string]verb, all bool) {
	t.Helper()
	for name, v := range verbs {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time goes into syncing files
			w := newWorld(t, from)
			v.before(t, w)
			w.server.calls = nil
			must(t)(v.do(t.Context(), w.publisher))
			for at, call := range w.server.calls {
				question := strings.HasPrefix(call, "ready") || strings.HasPrefix(call, "infer")
				if question && !all {
					continue
				}
				breakAt(t, from, v, lost, at)
				if !question && all {
					breakAt(t, from, v, after, at)
				}
				_, model, _ := strings.Cut(call, " ")
				if slices.Contains(own(v), model) { // others do not die of it
					breakAt(t, from, v, down, at)
				}
			}
		})
	}
}

// breakAt does a verb whose call number at goes wrong.
func breakAt(t *testing.T, from string, v verb, bad fault, at int) {
	t.Helper()
	w := newWorld(t, from)
	v.before(t, w)
	others := map[string]string{}
	for name := range w.server.ensembles {
		others[name] = w.server.serves(name)
	}
	w.server.calls = nil
	hit := ""
	w.server.fault = func(call int) fault {
		if call != at {
			return fine
		}
		hit = w.server.calls[call]
		return bad
	}
	r, err := v.do(t.Context(), w.publisher)
	say := func(format string, args ...any) {
		t.Helper()
		t.Errorf("call %d, %q: %s; the verb said %+v, %v", at, hit, fmt.Sprintf(format, args...), r, err)
	}
	got := w.server.serves(v.name)
	switch {
	case err == nil && got != v.to:
		say("serves %q, want %q", got, v.to)
	case errors.Is(err, generation.ErrRefused) && got != v.from:
		say("refused, and serves %q, want %q", got, v.from)
	case got != v.from && got != v.to && bad != down:
		say("serves %q, want %q or %q", got, v.from, v.to)
	}
	w.server.fault = nil
	if r, err := v.do(t.Context(), w.publisher); err != nil && !repeated(v, err) {
		t.Errorf("call %d, %q: repeated: %+v, %v", at, hit, r, err)
	}
	if got := w.server.serves(v.name); got != v.to {
		say("serves %q after it was repeated, want %q", got, v.to)
	}
	for name, g := range others {
		if !slices.Contains(own(v), name) && w.server.serves(name) != g {
			say("%s serves %q, served %q before", name, w.server.serves(name), g)
		}
	}
	w.leftovers(t)
	w.paired(t)
}

// repeated reports whether an error says that there is nothing left to do.
func repeated(v verb, err error) bool {
	return v.to == "" && errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "has served none before")
}

// TestCalls holds what publishing asks of a server, in its order.
func TestCalls(t *testing.T) {
	w := newWorld(t, source(t))
	var steps []string
	w.publisher.Step = func(text string) { steps = append(steps, strings.ReplaceAll(text, w.dir, "REPO")) }
	must(t)(w.publisher.Publish(t.Context(), "shop", 2))
	if diff := cmp.Diff([]string{
		"ready shop", // it runs, so it has to run at the end
		"load shop_next", "ready shop_next", "infer shop_next", "ready shop",
		"load shop", "ready shop", "infer shop",
		"unload shop_next", "load shop", "ready shop", "infer shop",
	}, w.server.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{
		"write shop_next in REPO", "let the stages in REPO serve generation 2 too", "load shop_next on fake",
		"switch shop to generation 2 in REPO", "load shop on fake", "remove shop_next",
	}, steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
}

// TestProbes refuses a generation that answers wrongly, and passes on what the probe says.
func TestProbes(t *testing.T) {
	w := newWorld(t, source(t))
	w.publisher.Probes = func(_ context.Context, dir, name string) ([]generation.Probe, error) {
		if dir != w.dir || name != "shop_next" {
			t.Errorf("asked for probes of %s in %s", name, dir)
		}
		return []generation.Probe{{Outputs: []string{"scores"}, Check: func(out tensor.Map) error {
			if got := tensor.MustData[int64](out["scores"])[0]; got != 3 {
				return fmt.Errorf("stage %d answers", got)
			}
			return nil
		}}}, nil
	}
	if _, err := w.publisher.Publish(t.Context(), "shop", 2); !errors.Is(err, generation.ErrRefused) || !strings.Contains(err.Error(), "stage 2 answers") {
		t.Errorf("got %v, want ErrRefused and what the probe says", err)
	}
	must(t)(w.publisher.Publish(t.Context(), "shop", 3))
	w.publisher.Probes = func(context.Context, string, string) ([]generation.Probe, error) { return nil, errFault }
	if _, err := w.publisher.Publish(t.Context(), "shop", 2); !errors.Is(err, generation.ErrRefused) || !errors.Is(err, errFault) {
		t.Errorf("got %v, want ErrRefused and the error of the probes", err)
	}
}

func TestRefusals(t *testing.T) {
	from := source(t)
	edit := func(path, from, to string) func(*testing.T, *world) {
		return func(t *testing.T, w *world) {
			t.Helper()
			path := filepath.Join(w.dir, path)
			text, err := os.ReadFile(path)
			if err != nil || !strings.Contains(string(text), from) {
				t.Fatalf("%s has no %q: %v", path, from, err)
			}
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), from, to)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	publish := func(ctx context.Context, p *generation.Publisher) error {
		_, err := p.Publish(ctx, "shop", 2)
		return err
	}
	tests := map[string]struct {
		spoil func(*testing.T, *world)
		do    func(context.Context, *generation.Publisher) error
		want  string
	}{
		"unpinned": {edit("shop/2/config.pbtxt", "model_version: 2", "model_version: -1"), publish, "pins no version"},
		"no generation": {nil, func(ctx context.Context, p *generation.Publisher) error {
			_, err := p.Publish(ctx, "shop", 7)
			return err
		}, "has no generation 7 of shop"},
		"another generation's configuration": {edit("shop/2/config.pbtxt", "specific { versions: [ 2 ] }", "specific { versions: [ 3 ] }"), publish, "is that of shop generation 3"},
		"random warm-up":                     {edit("shop_prep/config.pbtxt", "dims: [ 3 ] zero_data", "dims: [ 3 ] random_data"), publish, "random integers"},
		"broken model":                       {edit("shop_prep/2/model.onnx", "recsys", "recsy"), publish, "not loaded"},
		"no folder":                          {func(_ *testing.T, w *world) { w.publisher.Folders = nil }, publish, "name at least one repository folder"},
		"nothing before": {nil, func(ctx context.Context, p *generation.Publisher) error {
			_, err := p.Rollback(ctx, "shop")
			return err
		}, "has served none before"},
		"canary with the ensemble's name": {nil, func(ctx context.Context, p *generation.Publisher) error {
			_, err := p.Canary(ctx, "shop", "shop", 2)
			return err
		}, "the name is taken"},
		"end of no canary": {nil, func(ctx context.Context, p *generation.Publisher) error {
			_, err := p.EndCanary(ctx, "shop")
			return err
		}, "shop is no canary"},
		"prune of no ensemble": {nil, func(ctx context.Context, p *generation.Publisher) error {
			_, err := p.Prune(ctx, "shop_prep", nil, 0)
			return err
		}, `has no ensemble "shop_prep"`},
		"prune of what is served": {nil, func(ctx context.Context, p *generation.Publisher) error {
			_, err := p.Prune(ctx, "shop", []int64{1}, 0)
			return err
		}, "generation 1 is served by shop"},
		"prune of the canary's": {func(t *testing.T, w *world) {
			t.Helper()
			must(t)(w.publisher.Canary(t.Context(), "shop", "shop_canary", 3))
		}, func(ctx context.Context, p *generation.Publisher) error {
			_, err := p.Prune(ctx, "shop", []int64{2, 3}, 0)
			return err
		}, "generation 3 is served by shop_canary"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, from)
			if tt.spoil != nil {
				tt.spoil(t, w)
			}
			if err := tt.do(t.Context(), w.publisher); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
			if got := w.server.serves("shop"); got != "1" {
				t.Errorf("generation %q is served, want 1", got)
			}
			w.leftovers(t)
		})
	}
}

// TestPrune keeps what was served last, what ensembles serve and the stage versions that they share; the numbers of what goes are not
// given again.
func TestPrune(t *testing.T) {
	w := newWorld(t, source(t))
	for _, g := range []int64{2, 3} {
		must(t)(w.publisher.Publish(t.Context(), "shop", g))
	}
	must(t)(w.publisher.Canary(t.Context(), "shop", "shop_canary", 1))
	prune := func(keep int, generations ...int64) []int64 {
		t.Helper()
		r, err := w.publisher.Prune(t.Context(), "shop", generations, keep)
		if err != nil {
			t.Fatal(err)
		}
		for name, g := range map[string]string{"shop": "3", "shop_canary": "1"} {
			if got := w.server.serves(name); got != g && (name == "shop" || w.server.ensembles[name] != nil) {
				t.Errorf("%s serves %q, want %q", name, got, g)
			}
		}
		return r.Removed
	}
	if got := prune(1); len(got) > 0 {
		t.Errorf("removed %v: 2 was served last, 1 is the canary's", got)
	}
	if got := prune(0); !slices.Equal(got, []int64{2}) {
		t.Errorf("removed %v, want 2", got)
	}
	if got := w.versions(t, "shop_score"); !slices.Equal(got, []int64{1, 3}) {
		t.Errorf("left of shop_score are %v, want 1 and 3", got)
	}
	must(t)(w.publisher.EndCanary(t.Context(), "shop_canary"))
	if got := prune(0); !slices.Equal(got, []int64{1}) {
		t.Errorf("removed %v, want 1", got)
	}
	// The highest one was never served, and goes.
	if g := export(t, w.dir); g != 4 {
		t.Fatalf("exported generation %d, want 4", g)
	}
	if got := prune(0, 4); !slices.Equal(got, []int64{4}) {
		t.Errorf("removed %v, want 4", got)
	}
	if g := export(t, w.dir); g != 5 {
		t.Errorf("exported generation %d after 4 was removed, want 5", g)
	}
	w.leftovers(t)
	if err := os.WriteFile(filepath.Join(w.dir, "shop", ensemble.HighestFile), []byte("many"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.publisher.Prune(t.Context(), "shop", []int64{5}, 0); err == nil || !strings.Contains(err.Error(), `"many" is no generation`) {
		t.Errorf("got error %v, want one that names what the file says", err)
	}
}

// TestSharedStages: a stage version that two generations share stays as long as one of them does.
func TestSharedStages(t *testing.T) {
	dir := t.TempDir()
	for seed := range uint64(2) { // ranks anew, and nothing else
		e, m, err := ensembletest.Shop(1)
		if err != nil {
			t.Fatal(err)
		}
		other, _, err := ensembletest.Shop(1 + seed)
		if err != nil {
			t.Fatal(err)
		}
		e.Groups[2] = other.Groups[2]
		if _, err := ensemble.Write(t.Context(), dir, e, m, ensemble.Options{MaxBatch: 2}); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, dir)
	must(t)(w.publisher.Publish(t.Context(), "shop", 2))
	must(t)(w.publisher.Prune(t.Context(), "shop", []int64{1}, 0))
	for stage, want := range map[string][]int64{"shop_prep": {1}, "shop_recall": {1}, "shop_score": {2}, "shop": {2}} {
		if got := w.versions(t, stage); !slices.Equal(got, want) {
			t.Errorf("left of %s are %v, want %v", stage, got, want)
		}
	}
	if got := w.server.serves("shop"); got != "2" {
		t.Errorf("generation %q is served, want 2", got)
	}
}

// TestTwoServers: what one of them refuses none of them serves.
func TestTwoServers(t *testing.T) {
	w := newWorld(t, source(t))
	second := newFake(w.dir)
	second.name = "second"
	if err := second.Load(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	w.publisher.Servers = append(w.publisher.Servers, second)
	switched := false
	second.fault = func(call int) fault {
		if second.calls[call] == "load shop" && !switched {
			switched = true
			return down
		}
		return fine
	}
	if _, err := w.publisher.Publish(t.Context(), "shop", 2); !errors.Is(err, generation.ErrRefused) {
		t.Fatalf("got %v, want ErrRefused", err)
	}
	for _, s := range []*fake{w.server, second} {
		if got := s.serves("shop"); got != "1" {
			t.Errorf("%s serves %q, want 1", s, got)
		}
	}
	must(t)(w.publisher.Publish(t.Context(), "shop", 2))
	if w.server.serves("shop") != "2" || second.serves("shop") != "2" {
		t.Errorf("served are %q and %q, want 2", w.server.serves("shop"), second.serves("shop"))
	}
	w.leftovers(t)
}

func TestList(t *testing.T) {
	w := newWorld(t, source(t))
	must(t)(w.publisher.Publish(t.Context(), "shop", 2))
	must(t)(w.publisher.Canary(t.Context(), "shop", "shop_canary", 3))
	got, err := generation.List(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []generation.Status{
		{Ensemble: "shop", Generation: 1, State: generation.StatePrevious},
		{Ensemble: "shop", Generation: 2, State: generation.StateServed, By: "shop"},
		{Ensemble: "shop", Generation: 3, State: generation.StateCanary, By: "shop_canary"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("generations (-want +got):\n%s", diff)
	}
}
