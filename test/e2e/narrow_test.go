package e2e_test

import (
	"encoding/json"
	"path/filepath"
	"strconv"
	"testing"

	"recsys/internal/verify"
	"recsys/test/triton"
)

// TestNarrowModelsAgree exports an item matrix in whole numbers and embedding tables in half, the ranker's layers cut out as for
// TensorRT but told to run on the CPU, and wants of the embedded engine and of Triton what the stages answer offline in the same
// precision.
func TestNarrowModelsAgree(t *testing.T) {
	w := theWorld(t)
	data := filepath.Join(filepath.Dir(w.run), "data")
	for name, args := range map[string][]string{
		"int8": {"--profile", "cpu", "--item-matrix", "int8", "--ranker", "fp16"},
		"cut":  {"--profile", "gpu-tensorrt", "--item-matrix", "int8", "--ranker", "fp16", "--settings", "testdata/on_cpu.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			repository := filepath.Join(t.TempDir(), "repository")
			var x struct {
				Precision struct {
					ItemMatrix string `json:"item_matrix"`
					Overlap    float64
				}
			}
			out := w.must(t, append([]string{"export", "--run", w.run, "--to", repository, "--data", data, "--json"}, args...)...)
			if err := json.Unmarshal(out, &x); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			if x.Precision.Overlap < 0.95 || x.Precision.Overlap > 1 || x.Precision.ItemMatrix == "" {
				t.Errorf("precision in %s", out)
			}
			server := triton.Start(t, repository, triton.Options{LoadModels: []string{"shop"}})
			out = w.must(t, "verify", "--run", w.run, "--repository", repository, "--triton", server.GRPC,
				"--users", strconv.Itoa(users), "--results", "50", "--json")
			reports := map[string]verify.Report{}
			if err := json.Unmarshal(out, &reports); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			for _, engine := range []string{"embedded", "triton"} {
				if r := reports[engine]; r.Users != users || !r.Agrees() {
					t.Errorf("%s: %+v, want %d users that agree", engine, r, users)
				}
			}
		})
	}
}
