package pipeline_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/eval"
	"recsys/graph/kernel"
	"recsys/pipeline"
	"recsys/train"
)

// logReporter writes progress into the test's log.
type logReporter struct{ t *testing.T }

func (r logReporter) Phase(name string) { r.t.Log("phase", name) }
func (r logReporter) Note(text string)  { r.t.Log("   ", text) }
func (r logReporter) Training(p train.Progress) {
	if p.Score == p.Score {
		r.t.Logf("    epoch %d loss %.4f score %.4f", p.Epoch, p.Loss, p.Score)
	}
}

// shop runs the demo's pipeline on the golden shop and returns the run folder and the metrics.
func shop(t *testing.T, kernels *kernel.Set) (string, *pipeline.Metrics) {
	t.Helper()
	return shopWith(t, kernels)
}

// shopWith is shop with texts of recsys.yaml replaced: pairs of an old and a new one.
func shopWith(t *testing.T, kernels *kernel.Set, pairs ...string) (string, *pipeline.Metrics) {
	t.Helper()
	dir := shopData(t)
	yaml, err := os.ReadFile("../examples/shop/recsys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for pair := range slices.Chunk(pairs, 2) {
		if !strings.Contains(string(yaml), pair[0]) {
			t.Fatalf("recsys.yaml does not hold %q", pair[0])
		}
	}
	run := filepath.Join(dir, "run")
	p, err := pipeline.New([]byte(strings.NewReplacer(pairs...).Replace(string(yaml))), dir, run, 0, pipeline.Options{Kernels: kernels, Reporter: logReporter{t}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return run, m
}

// TestRetrievalModels trains, evaluates and exports every retrieval model with its defaults, as the one that is served.
func TestRetrievalModels(t *testing.T) {
	const old = `  - two_tower:
      dim: 32
      query: [64, 32]
      candidate: [64, 32]
      train: {epochs: 10, batch: 1024, learning_rate: 0.003}
  - mf:
      dim: 32
      negatives: 2
      train: {epochs: 10, batch: 1024, learning_rate: 0.003}
`
	for name := range pipeline.Standard().Retrieval {
		t.Run(name, func(t *testing.T) {
			run, m := shopWith(t, nil, old, "  - "+name+"\n")
			if got := m.Retrieval[name]["test"]["recall@100"]; !(got > 0 && got <= 1) {
				t.Errorf("recall@100 is %v", got)
			}
			repo := t.TempDir()
			if _, err := pipeline.Export(t.Context(), run, repo, pipeline.ExportOptions{Options: ensemble.Options{Profile: ensemble.ProfileCPU}}); err != nil {
				t.Fatal(err)
			}
			if findings, err := ensemble.Validate(repo); err != nil || len(findings) > 0 {
				t.Errorf("check: %v, %v; want no findings", findings, err)
			}
		})
	}
}

// TestRankers trains, evaluates and exports every ranker with its defaults and two tasks.
func TestRankers(t *testing.T) {
	const old = `  dlrm:
    dim: 8
    bottom: [16]
    top: [64, 32]
    tasks: [{name: cart, binary: "carted == 1"}]
`
	for name := range pipeline.Standard().Ranking {
		t.Run(name, func(t *testing.T) {
			text := "  " + name + `:
    tasks: [{name: cart, binary: "carted == 1"}, {name: buy, binary: "event == purchase"}]
`
			run, m := shopWith(t, nil, old, text)
			for _, task := range []string{"cart", "buy"} {
				if got := m.Ranking[name]["test"][task]["log_loss"]; !(got > 0 && got < 1) {
					t.Errorf("task %s has the log-loss %v", task, got)
				}
			}
			repo := t.TempDir()
			if _, err := pipeline.Export(t.Context(), run, repo, pipeline.ExportOptions{Options: ensemble.Options{Profile: ensemble.ProfileCPU}}); err != nil {
				t.Fatal(err)
			}
			if findings, err := ensemble.Validate(repo); err != nil || len(findings) > 0 {
				t.Errorf("check: %v, %v; want no findings", findings, err)
			}
		})
	}
}

func TestRunAndExport(t *testing.T) {
	run, m := shop(t, nil)
	if len(m.Retrieval) != 3 || len(m.Ranking) != 1 {
		t.Errorf("metrics of %d retrieval models and %d rankers, want 3 and 1", len(m.Retrieval), len(m.Ranking))
	}
	for _, name := range []string{"precision@10", "hit_rate@10", "map@10", "coverage@10", "gini@10", "novelty@10"} {
		for where, metrics := range map[string]eval.Metrics{"mf": m.Retrieval["mf"]["test"], "the pipeline": m.Pipeline["test"].Answer} {
			if v, ok := metrics[name]; !ok || v <= 0 {
				t.Errorf("%s of %s is %v, %v; want a number above 0", name, where, v, ok)
			}
		}
	}
	if v, ok := m.Ranking["dlrm"]["test"]["cart"]["ece"]; !ok || v <= 0 || v >= 1 {
		t.Errorf("ece is %v, %v; want a number within 0 and 1", v, ok)
	}
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		t.Run(string(fuse), func(t *testing.T) {
			repo := t.TempDir()
			x, err := pipeline.Export(t.Context(), run, repo, pipeline.ExportOptions{Options: ensemble.Options{Fuse: fuse, Profile: ensemble.ProfileCPU}})
			if err != nil {
				t.Fatal(err)
			}
			findings, err := ensemble.Validate(repo)
			if err != nil || len(findings) > 0 {
				t.Errorf("check: %v, %v; want no findings", findings, err)
			}
			if x.Generation != 1 {
				t.Errorf("generation %d, want 1", x.Generation)
			}
		})
	}
}
