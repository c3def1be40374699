package generation_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/ensemble/generation"
	"recsys/tensor"
)

// splitSource is a repository of three generations: of two ensembles, of two, and of one.
func splitSource(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for seed, shop := range []func(uint64) (ensemble.Ensemble, ensemble.Manifest, error){
		ensembletest.SplitShop, ensembletest.SplitShop, ensembletest.Shop,
	} {
		e, m, err := shop(uint64(seed + 1))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ensemble.Write(t.Context(), dir, e, m, ensemble.Options{MaxBatch: 2}); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// unpaired says which ensemble the server answers with whose candidates nothing ranks: neither its ranking nor, where pre-flights count, that of
// the pre-flight has the generation.
func (w *world) unpaired(preflights bool) error {
	for name, c := range w.server.ensembles {
		if ensemble.RankingOf(c) != "" {
			continue
		}
		from := filepath.Join(w.dir, generation.Source(c), w.server.serves(name), ensemble.RankingConfigFile)
		if _, err := os.Stat(from); err != nil {
			continue // one ensemble
		}
		rankings := []string{ensemble.RankingName(name)}
		if preflights {
			rankings = append(rankings, ensemble.RankingName(ensemble.PreflightName(name)))
		}
		ranked := strings.HasSuffix(name, "_next") // is not asked
		for _, r := range rankings {
			ranked = ranked || w.server.serves(r) == w.server.serves(name)
		}
		if !ranked {
			return fmt.Errorf("%s serves generation %s, and of %v none does", name, w.server.serves(name), rankings)
		}
	}
	return nil
}

// paired checks that every ensemble has its ranking, and no ranking is there without one, on the server and on disk.
func (w *world) paired(t *testing.T) {
	t.Helper()
	if err := w.unpaired(false); err != nil {
		t.Error(err)
	}
	r, err := ensemble.Open(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, m := range r.Models {
		of := ensemble.RankingOf(m.Config)
		if of == "" {
			continue
		}
		if w.server.serves(of) == "" || w.server.serves(of) != w.server.serves(name) {
			t.Errorf("%s serves %q, and %s serves %q", of, w.server.serves(of), name, w.server.serves(name))
		}
		if len(m.Versions) != 1 {
			t.Errorf("%s has the versions %v, want the served one", name, m.Versions)
		}
	}
	for _, f := range r.Check() {
		if f.Severity() == ensemble.SeverityError {
			t.Error(f)
		}
	}
}

func splitVerbs() map[string]verb {
	all := verbs()
	delete(all, "canary") // of one ensemble, as in TestFaults
	delete(all, "end of a canary")
	publish := func(g int64) func(context.Context, *generation.Publisher) (generation.Result, error) {
		return func(ctx context.Context, p *generation.Publisher) (generation.Result, error) {
			return p.Publish(ctx, "shop", g)
		}
	}
	all["publish of one ensemble"] = verb{func(*testing.T, *world) {}, publish(3), "shop", "1", "3"}
	all["publish of two after one"] = verb{func(t *testing.T, w *world) {
		t.Helper()
		must(t)(w.publisher.Publish(t.Context(), "shop", 3))
	}, publish(2), "shop", "3", "2"}
	all["canary of two"] = verb{func(*testing.T, *world) {}, func(ctx context.Context, p *generation.Publisher) (generation.Result, error) {
		return p.Canary(ctx, "shop", "shop_canary", 2)
	}, "shop_canary", "", "2"}
	all["end of a canary of two"] = verb{func(t *testing.T, w *world) {
		t.Helper()
		must(t)(w.publisher.Canary(t.Context(), "shop", "shop_canary", 2))
	}, func(ctx context.Context, p *generation.Publisher) (generation.Result, error) {
		return p.EndCanary(ctx, "shop_canary")
	}, "shop_canary", "2", ""}
	return all
}

// TestRankingFaults is TestFaults with generations of two ensembles, but for what is the same with those: questions that go wrong and answers that
// are lost.
func TestRankingFaults(t *testing.T) {
	t.Parallel()
	faults(t, splitSource(t), splitVerbs(), false)
}

// TestCandidatesAreAlwaysRanked looks before each call of every verb, also of one that is undone: at any time, whatever generation finds candidates, a
// ranking of the same one is served that the gateway asks.
func TestCandidatesAreAlwaysRanked(t *testing.T) {
	t.Parallel()
	from := splitSource(t)
	for name, v := range splitVerbs() {
		for _, refused := range []string{"", "load " + v.name, "infer " + v.name, "load " + v.name + "_ranking", "infer " + v.name + "_ranking"} {
			w := newWorld(t, from)
			v.before(t, w)
			w.server.calls = nil
			done := refused == ""
			w.server.fault = func(call int) fault {
				if err := w.unpaired(true); err != nil {
					t.Errorf("%s, %q goes wrong: before call %d, %q: %v", name, refused, call, w.server.calls[call], err)
				}
				if done || w.server.calls[call] != refused {
					return fine
				}
				done = true
				return lost
			}
			if _, err := v.do(t.Context(), w.publisher); refused == "" && err != nil {
				t.Errorf("%s: %v", name, err)
			}
			w.server.fault = nil
			w.paired(t)
			if t.Failed() {
				return
			}
		}
	}
}

// TestRankingCalls holds what publishing two ensembles asks of a server, in its order.
func TestRankingCalls(t *testing.T) {
	w := newWorld(t, splitSource(t))
	asked := map[string]int{}
	w.publisher.Probes = func(context.Context, string, string) ([]generation.Probe, error) {
		return []generation.Probe{
			{Outputs: []string{"first"}, Check: func(tensor.Map) error { asked["first"]++; return nil }},
			{Ranking: true, Outputs: []string{"second"}, Check: func(tensor.Map) error { asked["second"]++; return nil }},
		}, nil
	}
	must(t)(w.publisher.Publish(t.Context(), "shop", 2))
	if diff := cmp.Diff([]string{
		"ready shop", "ready shop_ranking",
		"load shop_next", "ready shop_next", "infer shop_next", "infer shop_next",
		"load shop_next_ranking", "ready shop_next_ranking", "infer shop_next_ranking", "infer shop_next_ranking",
		"ready shop", "ready shop_ranking",
		"load shop", "ready shop", "infer shop", "infer shop",
		"load shop_ranking", "ready shop_ranking", "infer shop_ranking", "infer shop_ranking",
		"unload shop_next", "unload shop_next_ranking",
		"load shop_ranking", "ready shop_ranking", "infer shop_ranking", "load shop", "ready shop", "infer shop",
	}, w.server.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"first": 2, "second": 2}, asked); diff != "" {
		t.Errorf("probes (-want +got):\n%s", diff)
	}
	list, err := generation.List(w.dir)
	if err != nil {
		t.Fatal(err)
	}
	want := []generation.Status{
		{Ensemble: "shop", Generation: 1, State: generation.StatePrevious},
		{Ensemble: "shop", Generation: 2, State: generation.StateServed, By: "shop"},
		{Ensemble: "shop", Generation: 3, State: generation.StateExported},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

// TestPruneWithRankings removes what only a pruned generation needs, of both ensembles, and nothing else.
func TestPruneWithRankings(t *testing.T) {
	w := newWorld(t, splitSource(t))
	must(t)(w.publisher.Publish(t.Context(), "shop", 2))
	must(t)(w.publisher.Prune(t.Context(), "shop", nil, 1))
	if diff := cmp.Diff([]int64{1, 2}, w.versions(t, "shop_score")); diff != "" {
		t.Errorf("kept for a rollback (-want +got):\n%s", diff)
	}
	must(t)(w.publisher.Prune(t.Context(), "shop", nil, 0))
	for model, want := range map[string][]int64{
		"shop": {2, 3}, "shop_prep": {2}, "shop_recall": {2}, "shop_score": {2}, "shop_ranking": {2},
		"shop_prep_i2": {3}, "shop_recall_i2": {3}, "shop_score_i2": {3},
	} {
		if diff := cmp.Diff(want, w.versions(t, model)); diff != "" {
			t.Errorf("versions of %s (-want +got):\n%s", model, diff)
		}
	}
	w.paired(t)
	// The baked generation and back again: its ranking goes and comes.
	must(t)(w.publisher.Publish(t.Context(), "shop", 3))
	if v := w.versions(t, "shop_ranking"); v != nil || w.server.serves("shop_ranking") != "" {
		t.Errorf("the ranking is there with the versions %v and serves %q", v, w.server.serves("shop_ranking"))
	}
	must(t)(w.publisher.Rollback(t.Context(), "shop"))
	w.paired(t)
	if got := w.server.serves("shop_ranking"); got != "2" {
		t.Errorf("the ranking serves %q, want 2", got)
	}
}

func TestRankingNameTaken(t *testing.T) {
	w := newWorld(t, source(t))
	text, err := os.ReadFile(filepath.Join(w.dir, "shop", "config.pbtxt"))
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(w.dir, "shop_ranking")
	if err := os.CopyFS(other, os.DirFS(filepath.Join(w.dir, "shop"))); err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), `name: "shop"`, `name: "shop_ranking"`, 1))
	if err := os.WriteFile(filepath.Join(other, "config.pbtxt"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := w.publisher.Publish(t.Context(), "shop", 2); err == nil || !strings.Contains(err.Error(), "shop_ranking is no ranking of shop") {
		t.Errorf("got %v, want an error about shop_ranking", err)
	}
	if _, err := w.publisher.EndCanary(t.Context(), "shop_ranking"); err == nil {
		t.Error("the ranking was taken for a canary")
	}
}
