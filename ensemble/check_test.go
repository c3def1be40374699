package ensemble_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/ensemble"
)

// TestValidateMutations breaks a good repository in one way at a time: the rule that is broken has to be found, with the file.
func TestValidateMutations(t *testing.T) {
	edit := func(path, from, to string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			path := filepath.Join(dir, path)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), from) {
				t.Fatalf("%s has no %q", path, from)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(path string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	const (
		top    = "shop/config.pbtxt"
		prep   = "shop_prep/config.pbtxt"
		recall = "shop_recall/config.pbtxt"
	)
	tests := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		rule  string
		file  string
		want  string
	}{
		{"no configuration", remove(prep), ensemble.RuleConfig, prep, "no such file"},
		{"text", edit(prep, "backend", "bakend"), ensemble.RuleConfig, prep, `config.pbtxt:2:1: message ModelConfig has no field "bakend"`},
		{"name", edit(prep, `"shop_prep"`, `"prep"`), ensemble.RuleName, prep, `is "prep", the folder is "shop_prep"`},
		{"backend", edit(prep, `backend: "onnxruntime"`, ""), ensemble.RuleBackend, prep, "names neither backend nor platform"},
		{"no dims", edit(prep, "dims: [ 4 ]", ""), ensemble.RuleTensor, prep, "has no dims"},
		{"size 0", edit(prep, "dims: [ 4 ]", "dims: [ 0 ]"), ensemble.RuleTensor, prep, "has dims [0]"},
		{"no data type", edit(prep, "data_type: TYPE_FP32", ""), ensemble.RuleTensor, prep, "has no data type"},
		{"name twice", edit(prep, `name: "likes"`, `name: "user_id"`), ensemble.RuleTensor, prep, "has no name or one that is taken"},
		{"reshape", edit(prep, "reshape { shape: [ ] }", "reshape { shape: [ 2 ] }"), ensemble.RuleTensor, prep, "cannot be reshaped"},
		{"batch size", edit(prep, "max_batch_size: 8", "max_batch_size: -1"), ensemble.RuleTensor, prep, "is -1"},
		{"output that a step reads", edit(top, `output { name: "explain_query"`, `output { name: "query"`), ensemble.RuleOutput, top, "unexpected deadlock"},
		{"no served version", edit(prep, "versions: [ 1 ]", "versions: [ 2 ]"), ensemble.RuleVersion, prep, "serves no version: the folder has version 1"},
		{"no ensemble version", remove("shop/1"), ensemble.RuleVersion, top, "the folder has no version folder"},
		{"policy latest", edit(prep, "specific { versions: [ 1 ] }", "latest { num_versions: 2 }"), ensemble.RulePolicy, prep, "does not name versions"},
		{"no model file", remove("shop_prep/1/model.onnx"), ensemble.RuleModelFile, "shop_prep/1/model.onnx", "no such file"},
		{"broken model", edit("shop_prep/1/model.onnx", "recsys", "recsy"), ensemble.RuleModelFile, "shop_prep/1/model.onnx", "read ModelProto"},
		{"model's output dims", edit(prep, `"query" data_type: TYPE_FP32 dims: [ 4 ]`, `"query" data_type: TYPE_FP32 dims: [ 5 ]`), ensemble.RuleModel, "shop_prep/1/model.onnx", "the configuration says [5] for each user, the model has [4]"},
		{"model's output free", edit(prep, `"query" data_type: TYPE_FP32 dims: [ 4 ]`, `"query" data_type: TYPE_FP32 dims: [ -1 ]`), ensemble.RuleModel, "shop_prep/1/model.onnx", "the configuration says [-1]"},
		{"model's type", edit(prep, `"query" data_type: TYPE_FP32`, `"query" data_type: TYPE_FP64`), ensemble.RuleModel, "shop_prep/1/model.onnx", "TYPE_FP64, the model has TYPE_FP32"},
		{"model's names", edit(prep, `output { name: "query"`, `output { name: "quary"`), ensemble.RuleModel, "shop_prep/1/model.onnx", "the model has no such output"},
		{"model's inputs", edit(prep, "input { name: \"likes\" data_type: TYPE_INT64 dims: [ 3 ] }\n", ""), ensemble.RuleModel, "shop_prep/1/model.onnx", "lacks this input"},
		{"no batch", edit(prep, "max_batch_size: 8", "max_batch_size: 0"), ensemble.RuleModel, "shop_prep/1/model.onnx", "for each user, the model has [B"},
		{"random warm-up", edit(prep, "dims: [ 3 ] zero_data", "dims: [ 3 ] random_data"), ensemble.RuleWarmup, prep, "random integers"},
		{"large warm-up", edit(prep, "batch_size: 1\n", "batch_size: 9\n"), ensemble.RuleWarmup, prep, "has batch size 9"},
		{"warm-up without an input", edit(prep, "  inputs { key: \"likes\" value { data_type: TYPE_INT64 dims: [ 3 ] zero_data: true } }\n", ""), ensemble.RuleWarmup, prep, `gives input "likes" 0 times`},
		{"warm-up of another type", edit(prep, "TYPE_INT64 dims: [ 3 ] zero_data", "TYPE_INT32 dims: [ 3 ] zero_data"), ensemble.RuleWarmup, prep, "the warm-up gives TYPE_INT32"},
		{"warm-up of no input", edit(prep, `inputs { key: "likes"`, `inputs { key: "x"`), ensemble.RuleWarmup, prep, `gives "x", which is no input`},
		{"instances of an ensemble", edit(top, "max_batch_size", "instance_group { count: 1 }\nmax_batch_size"), ensemble.RuleEnsemble, top, "an ensemble has no"},
		{"steps of a stage", edit(prep, "max_batch_size", "ensemble_scheduling { step { model_name: \"x\" } }\nmax_batch_size"), ensemble.RuleEnsemble, prep, "the model is no ensemble"},
		{"missing stage", remove("shop_recall"), ensemble.RuleStep, top, `has no readable model "shop_recall"`},
		{"ensemble as a step", edit(top, `model_name: "shop_prep"`, `model_name: "shop"`), ensemble.RuleStep, top, "is an ensemble itself"},
		{"unpinned step", edit(top, "model_version: 1", "model_version: -1"), ensemble.RulePolicy, top, "generations could mix"},
		{"pin of a missing version", edit(top, "model_version: 1", "model_version: 3"), ensemble.RulePin, top, `version 3 of "shop_prep" is not served`},
		{"unmapped input", edit(top, "    input_map { key: \"likes\" value: \"likes\" }\n", ""), ensemble.RuleMapping, top, `input "likes" of model "shop_prep" is mapped 0 times`},
		{"unused input", edit(top, "    input_map { key: \"likes\" value: \"likes\" }\n", ""), ensemble.RuleMapping, top, "no step uses it"},
		{"unknown input", edit(top, `key: "likes"`, `key: "x"`), ensemble.RuleMapping, top, `model "shop_prep" has no input "x"`},
		{"unknown output", edit(top, `key: "query" value: "query"`, `key: "x" value: "query"`), ensemble.RuleMapping, top, `"x"`},
		{"input from nowhere", edit(top, `value: "likes"`, `value: "x"`), ensemble.RuleProducer, top, `tensor "x" is made by no step`},
		{"two producers", edit(top, `key: "explain_like" value: "explain_like"`, `key: "explain_like" value: "query"`), ensemble.RuleProducer, top, `tensor "query" is made by`},
		{"output from nowhere", edit(top, `output { name: "explain_like"`, `output { name: "x"`), ensemble.RuleProducer, top, "no step makes it"},
		{"tensor for nobody", edit(top, `key: "explain_like" value: "explain_like"`, `key: "explain_like" value: "nobody"`), ensemble.RuleMapping, top, "no step reads it and it is no output"},
		{"cycle", edit(top, `input_map { key: "query" value: "query" }`, `input_map { key: "query" value: "explain_like" }`), ensemble.RuleProducer, top, "wait for each other"},
		{"type between stages", edit(recall, `input { name: "query" data_type: TYPE_FP32`, `input { name: "query" data_type: TYPE_FP64`), ensemble.RuleDType, top, "is TYPE_FP64, but"},
		{"dims between stages", edit(recall, `input { name: "query" data_type: TYPE_FP32 dims: [ 4 ]`, `input { name: "query" data_type: TYPE_FP32 dims: [ 8 ]`), ensemble.RuleDims, top, "has shape [-1 8]"},
		{"type of an output", edit(top, `output { name: "explain_like" data_type: TYPE_FP32`, `output { name: "explain_like" data_type: TYPE_INT64`), ensemble.RuleDType, top, "is TYPE_INT64"},
		{"smaller batches of a stage", edit(prep, "max_batch_size: 8", "max_batch_size: 4"), ensemble.RuleMaxBatchSize, top, "max_batch_size 4 is below the ensemble's 8"},
		{"manifest", edit("shop/1/recsys.json", `"format": 1`, `"format": 2`), ensemble.RuleManifest, "shop/1/recsys.json", "unknown manifest format 2"},
		{"manifest's name", edit("shop/1/recsys.json", `"name": "shop"`, `"name": "shup"`), ensemble.RuleManifest, "shop/1/recsys.json", `is "shup", the folder is "shop"`},
		{"manifest's generation", edit("shop/1/recsys.json", `"generation": 1`, `"generation": 2`), ensemble.RuleManifest, "shop/1/recsys.json", "is 2, the folder is 1"},
		{"manifest's batch", edit("shop/1/recsys.json", `"max_batch": 8`, `"max_batch": 9`), ensemble.RuleManifest, "shop/1/recsys.json", "is 9, max_batch_size is 8"},
		{"manifest's inputs", edit("shop/1/recsys.json", `"length": 3`, `"length": 4`), ensemble.RuleManifest, "shop/1/recsys.json", "no raw column of this type and length"},
		{"manifest's outputs", edit("shop/1/recsys.json", `"scores": "scores"`, `"scores": "x"`), ensemble.RuleManifest, "shop/1/recsys.json", "is no output of the ensemble"},
	}
	source := t.TempDir()
	export(t, source, shopEnsemble(t, 1), ensemble.Options{MaxBatch: 8})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
				t.Fatal(err)
			}
			tt.spoil(t, dir)
			findings, err := ensemble.Validate(dir)
			if err != nil {
				t.Fatal(err)
			}
			severity := ensemble.SeverityError
			if tt.rule == ensemble.RulePolicy || tt.rule == ensemble.RuleOutput { // Triton 2.51.0 loads these
				severity = ensemble.SeverityWarning
			}
			for _, f := range findings {
				if f.Severity() == severity && f.Rule == tt.rule && f.File == tt.file && strings.Contains(f.Message, tt.want) && f.Remedy != "" {
					return
				}
			}
			t.Errorf("no finding of rule %s in %s with %q; there are:\n%v", tt.rule, tt.file, tt.want, findings)
		})
	}
}

func TestValidateOtherFolders(t *testing.T) {
	dir := t.TempDir()
	findings, err := ensemble.Validate(dir)
	if err != nil || len(findings) != 1 || findings[0].Rule != ensemble.RuleConfig {
		t.Errorf("an empty folder gives %v, %v; want one finding", findings, err)
	}
	if _, err := ensemble.Validate(filepath.Join(dir, "none")); err == nil {
		t.Error("a folder that does not exist gives no error")
	}
	export(t, dir, shopEnsemble(t, 1), ensemble.Options{})
	for _, name := range []string{".git", "shop_prep/.tmp-9", "shop_prep/09", "shop_prep/notes"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "README.md"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	clean(t, dir)
}
