//go:build full

package full_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"recsys/eval"
	"recsys/pipeline"
)

// The limits of a run on two cores.
const (
	maxTime   = 10 * time.Minute
	maxMemory = 3 << 30
)

// run runs an example on MovieLens 1M within the limits and returns its metrics.
func run(t *testing.T, example string) pipeline.Metrics {
	t.Helper()
	data := os.Getenv("RECSYS_DATA")
	if data == "" {
		t.Fatal("RECSYS_DATA does not name a folder with MovieLens 1M; see docs/how-to/get-movielens.md")
	}
	binary := filepath.Join(t.TempDir(), "recsys")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "recsys/cmd/recsys").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), binary, "run", "-c", filepath.Join("../../examples/movielens-1m", example),
		"--data", data, "--out", filepath.Join(t.TempDir(), "run"), "--json")
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	started := time.Now()
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, &log)
	}
	took := time.Since(started)
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("the system does not tell how much memory the run took")
	}
	memory := usage.Maxrss << 10
	t.Logf("%s: %s, %d MB\n%s", example, took.Round(time.Second), memory>>20, &log)
	if took > maxTime || memory > maxMemory {
		t.Errorf("the run took %s and %d bytes, more than %s or %d", took, memory, maxTime, int64(maxMemory))
	}
	var m pipeline.Metrics
	if err := json.Unmarshal(out.Bytes(), &m); err != nil {
		t.Fatalf("%v in %s", err, &out)
	}
	return m
}

func reaches(t *testing.T, name string, got eval.Metrics, want map[string]float64) {
	t.Helper()
	for metric, least := range want {
		if got[metric] < least {
			t.Errorf("%s: %s is %.4f, less than %.4f", name, metric, got[metric], least)
		}
	}
}

// TestMovieLens runs leave-one-out. The least values are those of other libraries' models of the kind on the same split:
// implicit's BPR, a two-tower model in PyTorch.
func TestMovieLens(t *testing.T) {
	m := run(t, "recsys.yaml")
	test := func(model string) eval.Metrics { return m.Retrieval[model]["test"] }
	reaches(t, "popularity", test("popularity"), map[string]float64{"recall@10": 0.036, "ndcg@10": 0.0175})
	if got := test("popularity")["recall@10"]; got > 0.038 {
		t.Errorf("popularity: recall@10 is %.4f, more than popularity can reach: is the split right?", got)
	}
	reaches(t, "mf", test("mf"), map[string]float64{"recall@10": 0.0714, "recall@20": 0.1247, "recall@100": 0.3475, "ndcg@10": 0.0355})
	reaches(t, "two_tower", test("two_tower"), map[string]float64{
		"recall@10": 0.0801, "recall@20": 0.1394, "recall@100": 0.4008, "ndcg@10": 0.0386,
	})
	// The answer may not be worse than its retrieval alone by more than a tenth.
	reaches(t, "pipeline", m.Pipeline["test"].Answer, map[string]float64{"recall@10": 0.9 * test("two_tower")["recall@10"]})
}

// TestMovieLensCTR runs the ranker alone. The least values are those of a DLRM in PyTorch on the same rows.
func TestMovieLensCTR(t *testing.T) {
	like := run(t, "ctr.yaml").Ranking["dlrm"]["test"]["like"]
	reaches(t, "dlrm", like, map[string]float64{"auc": 0.8130})
	if like["log_loss"] > 0.5196 {
		t.Errorf("dlrm: log_loss is %.4f, more than 0.5196", like["log_loss"])
	}
}
