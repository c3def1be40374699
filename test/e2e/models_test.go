package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/test/triton"
)

// TestModels publishes, rolls back, runs a canary and prunes with the command, on a Triton that serves a trained shop.
func TestModels(t *testing.T) {
	w := theWorld(t)
	repository := filepath.Join(t.TempDir(), "repository")
	w.must(t, "export", "--run", w.run, "--to", repository)
	server := triton.Start(t, repository, triton.Options{LoadModels: []string{"shop"}})
	// Of another batch size, hence with other names of stages.
	w.must(t, "export", "--run", w.run, "--to", repository, "--batch", "32")
	models := func(verb string, args ...string) string {
		t.Helper()
		return string(w.must(t, append([]string{"models", verb, "--repository", repository, "--triton", server.GRPC}, args...)...))
	}
	expect := func(got, want string) {
		t.Helper()
		if !strings.Contains(got, want) {
			t.Errorf("got %q, want it to say %q", got, want)
		}
	}
	expect(models("publish"), "shop serves generation 2\n")
	expect(models("list"), "shop  1  previous\nshop  2  served  ready on "+server.GRPC)
	w.must(t, "verify", "--run", w.run, "--repository", repository, "--triton", server.GRPC, "--users", "50")
	expect(models("rollback"), "shop serves generation 1\n")
	expect(models("canary"), "shop_canary serves generation 2\n")
	expect(models("list"), "canary shop_canary  ready on ")
	url := w.serve(t, "--repository", repository, "--triton", server.GRPC, "--timeout", "10s", "--model", "shop_canary")
	w.must(t, "verify", "--run", w.run, "--repository", repository, "--model", "shop_canary", "--gateway", url, "--users", "50")
	if out, err := w.command("models", "prune", "--repository", repository, "--triton", server.GRPC, "--generation", "2"); err == nil {
		t.Errorf("the canary's generation was pruned: %s", out)
	}
	expect(models("canary", "--end"), "shop_canary is no longer served\n")
	var result struct {
		Generation int64
		Removed    []int64
	}
	if err := json.Unmarshal([]byte(models("prune", "--generation", "2", "--json")), &result); err != nil {
		t.Fatal(err)
	}
	if result.Generation != 1 || len(result.Removed) != 1 || result.Removed[0] != 2 {
		t.Errorf("prune: got %+v, want generation 2 removed and 1 served", result)
	}
	left, err := filepath.Glob(filepath.Join(repository, "*"))
	if err != nil || len(left) != 4 {
		t.Errorf("left are %v (%v), want three stages and the ensemble", left, err)
	}

	// A generation whose model nobody can read is refused. It is number 3: that of the one which was removed is not given again.
	w.must(t, "export", "--run", w.run, "--to", repository, "--batch", "16")
	if err := os.WriteFile(filepath.Join(repository, "shop_score_i2", "3", "model.onnx"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := w.command("models", "publish", "--repository", repository, "--triton", server.GRPC)
	if err == nil {
		t.Errorf("a broken generation was published: %s", out)
	}
	expect(string(out), "the generation was refused, and what was served before is served still")
	expect(models("list"), "shop  1  served  ready on ")
}
