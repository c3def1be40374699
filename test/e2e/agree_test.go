package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"recsys/client"
	"recsys/engine"
	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/graph/exec"
	"recsys/internal/verify"
	"recsys/onnx"
	"recsys/pipeline"
	"recsys/tensor"
	"recsys/test/ort"
	"recsys/test/redis"
	"recsys/test/triton"
)

// users is how many users every comparison asks for.
const users = 1000

// TestEverythingAgrees compares, for every fusing, the offline stages with the embedded engine, a real Triton and the
// REST endpoint of a gateway that uses that Triton and a real Redis.
func TestEverythingAgrees(t *testing.T) {
	store := redis.Start(t)
	w := theWorld(t)
	for fuse, repository := range w.repository {
		t.Run(string(fuse), func(t *testing.T) {
			server := triton.Start(t, repository, triton.Options{LoadModels: []string{"shop"}})
			w.agrees(t, repository, server, store)
		})
	}
}

// agrees compares the run's stages with the embedded engine, with Triton, and with a gateway that uses that Triton and the Redis; it returns
// the gateway's address.
func (w *world) agrees(t *testing.T, repository string, server *triton.Server, store *redis.Server) string {
	t.Helper()
	w.must(t, "features", "load", "--repository", repository, "--redis", store.URL(), "--wait", "10s")
	url := w.serve(t, "--repository", repository, "--triton", server.GRPC, "--redis", store.URL(), "--timeout", "10s")
	out := w.must(t, "verify", "--run", w.run, "--repository", repository, "--triton", server.GRPC,
		"--gateway", url, "--users", strconv.Itoa(users), "--results", "50", "--json")
	reports := map[string]verify.Report{}
	if err := json.Unmarshal(out, &reports); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	for _, name := range []string{"embedded", "triton", "rest"} {
		r, ok := reports[name]
		if !ok || r.Users != users || !r.Agrees() {
			t.Errorf("%s: %+v, want %d users that agree", name, r, users)
		}
	}
	t.Logf("%s", out)
	return url
}

// TestStagesAgreeWithONNXRuntime runs every stage in ONNX Runtime, each on what ONNX Runtime made of the stages before,
// and compares every tensor on the way with ours.
func TestStagesAgreeWithONNXRuntime(t *testing.T) {
	w := theWorld(t)
	serving, chain, err := pipeline.OpenChain(w.run, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	repository, err := ensemble.Open(w.repository[ensemble.FuseNone])
	if err != nil {
		t.Fatal(err)
	}
	var report verify.Report
	for batch := range requests(t, w, serving.Manifest, 50) {
		want, err := chain.Run(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		got := ortChain(t, repository, batch)
		for user := range batch["user_id"].Dim(0) {
			report.Add(strconv.Itoa(user), list(t, want, user), list(t, got, user))
		}
	}
	if report.Users != users || !report.Agrees() {
		t.Errorf("%+v, want %d users that agree", report, users)
	}
	t.Logf("%+v", report)
}

// ortChain runs the ensemble's steps in order.
func ortChain(t *testing.T, r *ensemble.Repository, raw tensor.Map) tensor.Map {
	t.Helper()
	all := maps.Clone(raw)
	for _, step := range r.Models["shop"].Config.Steps {
		model, err := os.ReadFile(r.Models[step.Model].ModelPath(step.Version))
		if err != nil {
			t.Fatal(err)
		}
		in, outputs := tensor.Map{}, []string{}
		for _, m := range step.Inputs {
			in[m.Model] = all[m.Ensemble]
		}
		for _, m := range step.Outputs {
			outputs = append(outputs, m.Model)
		}
		results := ort.Run(t, model, in, outputs)
		for _, m := range step.Outputs {
			all[m.Ensemble] = results[m.Model]
		}
	}
	return all
}

// list reads a user's answer out of the final tensors.
func list(t *testing.T, out tensor.Map, user int) verify.List {
	t.Helper()
	var l verify.List
	for i, s := range tensor.MustData[float32](out["scores"].Rows(user, user+1)) {
		l.IDs = append(l.IDs, fmt.Sprint(tensor.MustData[int64](out["item_ids"].Rows(user, user+1))[i]))
		l.Scores = append(l.Scores, float64(s))
	}
	return l
}

// TestStagesAreValidONNX runs the ONNX checker on every model of every fusing, and reads and runs each again.
func TestStagesAreValidONNX(t *testing.T) {
	w := theWorld(t)
	for fuse, dir := range w.repository {
		paths, err := filepath.Glob(filepath.Join(dir, "*", "1", "model.onnx"))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s has no models: %v", fuse, err)
		}
		for _, path := range paths {
			model, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			ort.Check(t, model)
			g, err := onnx.Unmarshal(model)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := exec.Compile(g, exec.Options{}); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// TestGoldenRepositoryOnTriton loads the committed repository as it lies, and compares with the embedded engine.
func TestGoldenRepositoryOnTriton(t *testing.T) {
	const dir = "../../model_repository"
	server := triton.Start(t, dir, triton.Options{LoadModels: []string{"shop"}})
	embedded, err := engine.Open(t.Context(), dir, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, embedded) })
	remote, err := client.New(t.Context(), server.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, remote) })
	version := filepath.Join(dir, "shop", "1")
	manifest, err := ensemble.ReadManifest(filepath.Join(version, ensemble.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	reference, subject := handler(t, version, manifest, embedded), handler(t, version, manifest, remote)
	var report verify.Report
	_, records, err := featurestore.ReadRows(pipeline.UserRows(version))
	if err != nil {
		t.Fatal(err)
	}
	for record, err := range records {
		if err != nil {
			t.Fatal(err)
		}
		report.Add(record.UserID, ask(t, reference, record.UserID), ask(t, subject, record.UserID))
	}
	if report.Users != 200 || !report.Agrees() {
		t.Errorf("%+v, want 200 users that agree", report)
	}
}
