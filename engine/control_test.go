package engine_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/tensor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is an ensemble of double whose version is 5: z = 2x.
const pair = `name: "pair"
platform: "ensemble"
max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: -1 }
output { name: "z" data_type: TYPE_FP32 dims: -1 }
ensemble_scheduling { step {
  model_name: "double" model_version: VERSION
  input_map { key: "x" value: "x" } output_map { key: "y" value: "z" }
} }
version_policy { specific { versions: 5 } }
`

// control writes double with versions 1 to 3 of which the policy serves some, and pair, and opens the models.
func control(t *testing.T, policy, pin string, models ...string) (*engine.Engine, string) {
	t.Helper()
	dir := t.TempDir()
	double(t, dir, "double", "123", policy)
	if err := os.MkdirAll(filepath.Join(dir, "pair", "5"), 0o755); err != nil {
		t.Fatal(err)
	}
	writePair(t, dir, pin)
	return open(t, dir, engine.Options{Models: append([]string{}, models...)}), dir
}

func writePair(t *testing.T, dir, pin string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "pair", "config.pbtxt"), []byte(strings.Replace(pair, "VERSION", pin, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// states is the index as text: what follows a version is why it is not ready.
func states(t *testing.T, e *engine.Engine) []string {
	t.Helper()
	list, err := e.Index()
	if err != nil {
		t.Fatal(err)
	}
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = strings.TrimSpace(x.Model + " " + x.Version)
		if x.Version != "" && !x.Ready {
			out[i] += ": " + x.Reason
		}
	}
	return out
}

func wantStates(t *testing.T, e *engine.Engine, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, states(t, e)); diff != "" {
		t.Errorf("the index (-want +got):\n%s", diff)
	}
}

func infer(t *testing.T, e *engine.Engine, model, version string) error {
	t.Helper()
	_, err := e.Do(t.Context(), engine.Request{Model: model, Version: version, Inputs: tensor.Map{"x": tensor.Of([]float32{1}, 1, 1)}})
	return err
}

func TestVersionPolicies(t *testing.T) {
	tests := map[string][]string{
		"": {"3"},
		"version_policy { latest { num_versions: 1 } }":    {"3"}, // an empty one serves none, as in Triton, which refuses it
		"version_policy { latest { num_versions: 2 } }":    {"2", "3"},
		"version_policy { all { } }":                       {"1", "2", "3"},
		"version_policy { specific { versions: [1, 9] } }": {"1"},
	}
	for policy, want := range tests {
		t.Run(policy, func(t *testing.T) {
			e, _ := control(t, policy, "-1", "double")
			got, err := e.Versions("double")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("served versions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadAndUnload(t *testing.T) {
	e, dir := control(t, "version_policy { specific { versions: [1, 2] } }", "1")
	wantStates(t, e, "double", "pair")
	if err := infer(t, e, "pair", ""); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("what is not loaded gives error %v, want ErrNotFound", err)
	}
	load := func(name string) {
		t.Helper()
		if err := e.Load(t.Context(), name, engine.LoadOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	unload := func(name string, dependents bool) {
		t.Helper()
		if err := e.Unload(t.Context(), name, dependents); err != nil {
			t.Fatal(err)
		}
	}
	load("pair") // and its stage
	wantStates(t, e, "double 1", "double 2", "pair 5")
	if err := errors.Join(infer(t, e, "pair", "5"), infer(t, e, "double", "1")); err != nil {
		t.Error(err)
	}
	unload("pair", false)
	wantStates(t, e, "double 1", "double 2", "pair 5: unloaded")
	if err := infer(t, e, "pair", ""); err == nil || err.Error() != "Request for unknown model: 'pair' has no available versions" {
		t.Errorf("got error %v, want that it has no available versions", err)
	}
	load("pair")
	unload("pair", true)
	wantStates(t, e, "double 1: unloaded", "double 2: unloaded", "pair 5: unloaded")
	load("double") // by name: an ensemble's end is not its end
	load("pair")
	unload("pair", true)
	wantStates(t, e, "double 1", "double 2", "pair 5: unloaded")
	unload("nobody", true)

	// An ensemble goes on with a stage that is unloaded.
	load("pair")
	unload("double", false)
	wantStates(t, e, "double 1: unloaded", "double 2: unloaded", "pair 5")
	if err := infer(t, e, "pair", ""); err != nil {
		t.Errorf("an ensemble whose stage was unloaded gives %v", err)
	}
	if err := infer(t, e, "double", ""); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("the stage gives %v, want ErrNotFound", err)
	}

	// What does not load changes nothing.
	load("double")
	writePair(t, dir, "7")
	err := e.Load(t.Context(), "pair", engine.LoadOptions{})
	if err == nil || !strings.HasPrefix(err.Error(), "failed to load 'pair', failed to poll from model repository: ") {
		t.Errorf("a pin of a missing version gives %v", err)
	}
	if err := infer(t, e, "pair", ""); err != nil {
		t.Errorf("after a failed load the ensemble gives %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "double", "2", "model.onnx"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := e.Load(t.Context(), "double", engine.LoadOptions{}); !errors.Is(err, engine.ErrInvalidArgument) ||
		!strings.HasPrefix(err.Error(), "load failed for model 'double': version 2 is at UNAVAILABLE state: ") {
		t.Errorf("a broken model gives %v, want ErrInvalidArgument", err)
	}
	if err := infer(t, e, "double", "2"); err != nil {
		t.Errorf("after a failed load version 2 gives %v", err)
	}
	for _, name := range []string{"nobody", "", "..", "../double", "double/1"} {
		if err := e.Load(t.Context(), name, engine.LoadOptions{}); err == nil {
			t.Errorf("%q was loaded", name)
		}
		if err := e.Load(t.Context(), name, engine.LoadOptions{Config: &ensemble.Config{}}); err == nil {
			t.Errorf("%q was loaded with a configuration", name)
		}
	}
}

func TestLoadTakesWhatChanged(t *testing.T) {
	e, dir := control(t, "version_policy { specific { versions: [1, 2] } }", "-1", "pair")
	before := func() (uint64, uint64) {
		t.Helper()
		list, err := e.Statistics("double", "")
		if err != nil {
			t.Fatal(err)
		}
		return list[0].Executions, list[len(list)-1].Executions
	}
	if err := errors.Join(infer(t, e, "pair", ""), infer(t, e, "double", "1"), e.Load(t.Context(), "double", engine.LoadOptions{})); err != nil {
		t.Fatal(err)
	}
	if one, two := before(); one != 1 || two != 1 {
		t.Errorf("%d and %d runs after a load without a change, want 1 and 1", one, two)
	}
	// Another policy: version 1 stays as it is, 3 comes, 2 goes. The ensemble takes the latest.
	double(t, dir, "double", "3", "version_policy { specific { versions: [1, 3] } }")
	if err := e.Load(t.Context(), "double", engine.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	wantStates(t, e, "double 1", "double 2: unloaded", "double 3", "pair 5")
	if err := infer(t, e, "double", "2"); err == nil || err.Error() != "Request for unknown model: 'double' version 2 is not at ready state" {
		t.Errorf("got error %v, want that version 2 is not ready", err)
	}
	if err := infer(t, e, "pair", ""); err != nil {
		t.Fatal(err)
	}
	if one, three := before(); one != 0 || three != 1 {
		t.Errorf("%d and %d runs with another configuration, want 0 and 1, by the ensemble", one, three)
	}
}

// TestAnEnsembleKeepsWhatFits loads its stage with a smaller batch, which the ensemble does not take.
func TestAnEnsembleKeepsWhatFits(t *testing.T) {
	e, _ := control(t, "", "-1", "pair")
	config, err := e.Config("double", "")
	if err != nil {
		t.Fatal(err)
	}
	other := *config
	other.MaxBatchSize = 2
	if err := e.Load(t.Context(), "double", engine.LoadOptions{Config: &other}); err != nil {
		t.Fatal(err)
	}
	x := tensor.Map{"x": tensor.Zeros(tensor.Float32, 4, 1)}
	if _, _, err := e.Infer(t.Context(), "double", x, nil); err == nil {
		t.Error("the stage takes four users still")
	}
	if _, _, err := e.Infer(t.Context(), "pair", x, nil); err != nil {
		t.Errorf("four users for the ensemble: %v", err)
	}
	list, err := e.Statistics("double", "")
	if err != nil {
		t.Fatal(err)
	}
	if list[0].Inferences != 0 {
		t.Errorf("the stage's new version ran for %d users of the ensemble", list[0].Inferences)
	}
}

func TestLoadWithAConfiguration(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	e, dir := control(t, "", "-1", "double")
	config, err := e.Config("double", "")
	if err != nil {
		t.Fatal(err)
	}
	other := *config
	other.MaxBatchSize, other.VersionPolicy = 2, ensemble.VersionPolicy{All: true}
	if err := e.Load(t.Context(), "double", engine.LoadOptions{Config: &other}); err != nil {
		t.Fatal(err)
	}
	wantStates(t, e, "double 1", "double 2", "double 3", "pair")
	x := tensor.Map{"x": tensor.Zeros(tensor.Float32, 3, 1)}
	if _, err := e.Do(t.Context(), engine.Request{Model: "double", Inputs: x}); err == nil || !strings.Contains(err.Error(), "batch-size must be <= 2") {
		t.Errorf("got error %v, want that the batch is too large", err)
	}
	file, err := os.ReadFile(filepath.Join(dir, "double", "1", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"8/model.onnx": file}
	for name, model := range map[string]string{"in place of the folder": "double", "of no folder": "new"} {
		if err := e.Load(t.Context(), model, engine.LoadOptions{Config: config, Files: files}); err == nil && model == "new" {
			t.Errorf("files %s load with another model's name", name)
		} else if err != nil && model == "double" {
			t.Errorf("files %s: %v", name, err)
		}
	}
	if err := infer(t, e, "double", "8"); err != nil {
		t.Error(err)
	}
	other.Name = "new"
	if err := e.Load(t.Context(), "new", engine.LoadOptions{Config: &other, Files: files}); err != nil {
		t.Fatal(err)
	}
	if err := infer(t, e, "new", "8"); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"../x", "1/../../x", "/etc/x", "x/model.onnx", "0/model.onnx", "1", "1/"} {
		err := e.Load(t.Context(), "double", engine.LoadOptions{Config: config, Files: map[string][]byte{path: file}})
		if err == nil || !strings.Contains(err.Error(), "is not of the form VERSION/PATH") {
			t.Errorf("file %q gives %v", path, err)
		}
	}
	if err := e.Load(t.Context(), "double", engine.LoadOptions{Files: files}); err == nil {
		t.Error("files without a configuration were loaded")
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("the folders %v are left, %v", left, err)
	}
}

// TestRequestsDuringLoads has no request fail while what it asks is loaded again and again.
func TestRequestsDuringLoads(t *testing.T) {
	e, dir := control(t, "version_policy { specific { versions: [1, 2] } } dynamic_batching { }", "-1", "pair")
	ctx, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for ctx.Err() == nil {
				if err := infer(t, e, "pair", ""); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range 20 {
		policy := "version_policy { specific { versions: [1, 2] } }"
		if i%2 == 0 {
			policy = "version_policy { specific { versions: 1 } } dynamic_batching { }"
		}
		double(t, dir, "double", "1", policy)
		if err := e.Load(t.Context(), []string{"double", "pair"}[i/2%2], engine.LoadOptions{}); err != nil {
			t.Error(err)
		}
	}
	stop()
	wait.Wait()
}

func TestControlAfterClose(t *testing.T) {
	e, _ := control(t, "", "-1", "double")
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	_, index := e.Index()
	for name, err := range map[string]error{
		"load": e.Load(t.Context(), "double", engine.LoadOptions{}), "unload": e.Unload(t.Context(), "double", false), "index": index,
	} {
		if !errors.Is(err, engine.ErrClosed) {
			t.Errorf("%s gives %v, want ErrClosed", name, err)
		}
	}
}
