package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/engine"
	"recsys/ensemble"
)

// TestEnsembleOfSentStages: an ensemble that comes with its load finds stages that came with loads of their own, in their last version and
// until they are unloaded.
func TestEnsembleOfSentStages(t *testing.T) {
	e, dir := control(t, "", "-1")
	file, err := os.ReadFile(filepath.Join(dir, "double", "1", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	load := func(name, text string, files map[string][]byte) error {
		t.Helper()
		c, err := ensemble.ParseConfig(ensemble.ConfigFile, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return e.Load(t.Context(), name, engine.LoadOptions{Config: c, Files: files})
	}
	const stage = `name: "part" backend: "onnxruntime" max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: -1 } output { name: "y" data_type: TYPE_FP32 dims: -1 }`
	whole := strings.NewReplacer("pair", "whole", "double", "part", "VERSION", "-1").Replace(pair)
	marker := map[string][]byte{"5/recsys.json": []byte("{}")}
	if err := load("whole", whole, marker); err == nil {
		t.Error("an ensemble without its stage loads")
	}
	if err := load("part", stage, map[string][]byte{"1/model.onnx": file}); err != nil {
		t.Fatal(err)
	}
	if err := e.Load(t.Context(), "part", engine.LoadOptions{}); err == nil {
		t.Error("a model that the repository has not loads without files")
	}
	if err := load("whole", strings.Replace(whole, `key: "x"`, `key: "w"`, 1), marker); err == nil || !strings.Contains(err.Error(), `no input "w"`) {
		t.Errorf("an ensemble that does not fit its stage: %v", err)
	}
	// The file of an ensemble's version is not ours to read: it is there so that there is a version.
	delete(marker, "5/recsys.json")
	marker["5/note"] = nil
	if err := load("whole", whole, marker); err != nil {
		t.Fatal(err)
	}
	if err := infer(t, e, "whole", ""); err != nil {
		t.Error(err)
	}
	if err := load("part", stage, map[string][]byte{"2/model.onnx": file}); err != nil {
		t.Fatal(err)
	}
	before := statistics(t, e, "part").Success.Count
	if err := infer(t, e, "whole", ""); err != nil {
		t.Error(err)
	}
	if after := statistics(t, e, "part"); after.Version != "2" || after.Success.Count != before+1 {
		t.Errorf("the ensemble asks another part than version %s, which has %d answers", after.Version, after.Success.Count)
	}
	if err := e.Unload(t.Context(), "part", false); err != nil {
		t.Fatal(err)
	}
	if err := load("whole", whole, marker); err == nil {
		t.Error("an ensemble loads whose stage was unloaded")
	}
	if err := infer(t, e, "whole", ""); err != nil {
		t.Errorf("the ensemble that is served: %v", err)
	}
	if err := infer(t, e, "part", ""); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("the unloaded stage gives %v, want ErrNotFound", err)
	}
}

// statistics returns those of a model's only version.
func statistics(t *testing.T, e *engine.Engine, model string) engine.Statistics {
	t.Helper()
	list, err := e.Statistics(model, "")
	if err != nil || len(list) != 1 {
		t.Fatalf("statistics of %s: %v, %v", model, list, err)
	}
	return list[0]
}
