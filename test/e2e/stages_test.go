package e2e_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"recsys/data/synthetic"
	"recsys/ensemble"
	"recsys/internal/verify"
	"recsys/test/redis"
	"recsys/test/triton"
)

// quickShop begins the pipeline of a shop that trains quickly.
const quickShop = `
name: shop
data:
  interactions: {path: interactions.csv.gz, user: user_id, item: item_id, time: timestamp}
  users: {path: users.csv.gz, key: user_id}
  items: {path: items.csv.gz, key: item_id, lists: {categories: "|"}}
features:
  - categorify: {columns: [user_id, item_id, brand]}
  - sequence: {name: history, of: item_id, length: 5}
retrieval:
  - two_tower: {dim: 8, query: [8], candidate: [8], train: {epochs: 1}}
`

// stagesText is quickShop with retrieval by inverted lists and a filter of other origin.
const stagesText = quickShop + `candidates: 60
index: {ivf: {lists: 12, nprobe: 8}}
filter: [seen]
ordering: {return: 20}
stages:
  - {name: affordable, as: filter, inputs: {years: age, prices: raw_item_price}, FORM}
`

// sourcesText is quickShop with candidates of three models.
const sourcesText = quickShop + `  - ease: {quota: 20}
  - popularity: {quota: 10}
candidates: 60
filter: [seen]
ranking:
  wide_deep: {dim: 8, mlp: [16], tasks: [{name: cart, binary: "carted == 1"}], train: {epochs: 6, learning_rate: 0.01}} # scores far enough apart that rounding swaps none
ordering: {return: 20}
`

// goldenTables writes the golden shop's tables into a folder.
func goldenTables(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tables, err := synthetic.Shop(synthetic.Golden())
	if err != nil {
		t.Fatal(err)
	}
	if err := tables.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// stagesRun trains the pipeline with the filter of examples/stages as an ONNX file, as a folder of Triton's Python backend with the file as its
// stand-in, or as the folder alone.
func stagesRun(t *testing.T, w *world, form string) string {
	t.Helper()
	dir := goldenTables(t)
	out, err := exec.CommandContext(t.Context(), "go", "run", "recsys/examples/stages", filepath.Join(dir, "affordable.onnx")).CombinedOutput()
	if err != nil {
		t.Fatalf("go run: %v\n%s", err, out)
	}
	if err := os.CopyFS(filepath.Join(dir, "affordable"), os.DirFS("../../examples/stages/affordable")); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "recsys.yaml")
	if err := os.WriteFile(config, []byte(strings.Replace(stagesText, "FORM", form, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run")
	w.must(t, "run", "-c", config, "--data", dir, "--out", run)
	return run
}

// stagesUsers is the number of users of the golden shop.
const stagesUsers = 200

// TestCustomStagesAgree compares, in different fusings, a filter of other origin offline with the embedded engine, a real Triton and the
// gateway with that Triton and a real Redis: as an ONNX file, and as a model of the Python backend with that file as stand-in.
func TestCustomStagesAgree(t *testing.T) {
	store := redis.Start(t)
	w := theWorld(t)
	for name, test := range map[string]struct {
		form  string
		fuses []ensemble.Fuse
	}{
		"file": {"file: affordable.onnx", []ensemble.Fuse{ensemble.FuseGroups}},
		"dir":  {"dir: affordable, stand_in: affordable.onnx", []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseAll}},
	} {
		t.Run(name, func(t *testing.T) {
			run := stagesRun(t, w, test.form)
			for _, fuse := range test.fuses {
				everybodyAgrees(t, w, run, fuse, store.URL())
			}
		})
	}
}

// everybodyAgrees exports a run of the golden shop in a fusing and compares its answers to all users offline with those of the embedded
// engine, a real Triton, and the gateway with that Triton and the Redis at url.
func everybodyAgrees(t *testing.T, w *world, run string, fuse ensemble.Fuse, url string) {
	t.Helper()
	repository := filepath.Join(t.TempDir(), "repository")
	w.must(t, "export", "--run", run, "--to", repository, "--fuse", string(fuse))
	w.must(t, "check", repository)
	server := triton.Start(t, repository, triton.Options{LoadModels: []string{"shop"}})
	w.must(t, "features", "load", "--repository", repository, "--redis", url, "--wait", "10s")
	gateway := w.serve(t, "--repository", repository, "--triton", server.GRPC, "--redis", url, "--timeout", "10s")
	out := w.must(t, "verify", "--run", run, "--repository", repository, "--triton", server.GRPC, "--gateway", gateway,
		"--users", strconv.Itoa(stagesUsers), "--results", "20", "--json")
	reports := map[string]verify.Report{}
	if err := json.Unmarshal(out, &reports); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, name := range []string{"embedded", "triton", "rest"} {
		if r := reports[name]; r.Users != stagesUsers || !r.Agrees() {
			t.Errorf("%s: %s: %+v, want %d users that agree", fuse, name, r, stagesUsers)
		}
	}
}

// TestSourcesAgree is TestCustomStagesAgree for candidates of three models, one of which scores all items itself, with a ranker.
func TestSourcesAgree(t *testing.T) {
	store := redis.Start(t)
	w := theWorld(t)
	dir := goldenTables(t)
	config, run := filepath.Join(dir, "recsys.yaml"), filepath.Join(dir, "run")
	if err := os.WriteFile(config, []byte(sourcesText), 0o600); err != nil {
		t.Fatal(err)
	}
	w.must(t, "run", "-c", config, "--data", dir, "--out", run)
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		everybodyAgrees(t, w, run, fuse, store.URL())
	}
}

// TestCustomFolderWithoutStandIn serves a model that only Triton can run: the embedded engine says so, Triton answers, and generations
// of it are published and rolled back.
func TestCustomFolderWithoutStandIn(t *testing.T) {
	w := theWorld(t)
	run := stagesRun(t, w, "dir: affordable")
	repository := filepath.Join(t.TempDir(), "repository")
	w.must(t, "export", "--run", run, "--to", repository)
	if out, err := w.command("verify", "--run", run, "--repository", repository); err == nil || !strings.Contains(string(out), "give it a stand_in") {
		t.Errorf("verify without Triton gives %v and says %s", err, out)
	}
	server := triton.Start(t, repository, triton.Options{LoadModels: []string{"shop"}})
	url := w.serve(t, "--repository", repository, "--triton", server.GRPC, "--timeout", "10s")
	first := recommend(t, url)
	if first.Degraded || len(first.Items) == 0 {
		t.Errorf("degraded %v, %d items", first.DegradedReasons, len(first.Items))
	}
	// The code changes: another version of the same model.
	code := filepath.Join(run, "stages", "affordable", "1", "model.py")
	text, err := os.ReadFile(code)
	if err != nil {
		t.Fatal(err)
	}
	stricter := strings.Replace(string(text), "np.float32(20)", "np.float32(-20)", 1)
	if stricter == string(text) {
		t.Fatal("the code of the example has no constant 20 any more")
	}
	if err := os.WriteFile(code, []byte(stricter), 0o600); err != nil {
		t.Fatal(err)
	}
	w.must(t, "export", "--run", run, "--to", repository)
	out := w.must(t, "models", "publish", "--repository", repository, "--triton", server.GRPC)
	if !strings.Contains(string(out), "shop serves generation 2") {
		t.Errorf("publish says %s", out)
	}
	second := recommend(t, url)
	if second.Model.Generation != 2 || len(ids(second)) >= len(ids(first)) && strings.Join(ids(second), " ") == strings.Join(ids(first), " ") {
		t.Errorf("generation %d answers %v, before it was %v: the stricter rule changes nothing", second.Model.Generation, ids(second), ids(first))
	}
	w.must(t, "models", "rollback", "--repository", repository, "--triton", server.GRPC)
	if again := recommend(t, url); strings.Join(ids(again), " ") != strings.Join(ids(first), " ") {
		t.Errorf("after the rollback %v, before %v", ids(again), ids(first))
	}
}
