package ensemble_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/ensemble"
)

// mutation is a way to break a repository, and what the checker has to say about it.
type mutation struct {
	name  string
	spoil func(t *testing.T, dir string)
	rule  string
	file  string
	want  string
}

func both(first, second func(*testing.T, string)) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		t.Helper()
		first(t, dir)
		second(t, dir)
	}
}

// moreMutations break rules about what ensembles of our own do not have.
func moreMutations(edit func(path, from, to string) func(*testing.T, string), prep, recall, top string) []mutation {
	add := func(text string) func(*testing.T, string) {
		return edit(prep, "max_batch_size", text+"\nmax_batch_size")
	}
	batching := func(text string) func(*testing.T, string) {
		return edit(prep, "dynamic_batching { }", "dynamic_batching { "+text+" }")
	}
	const threads = `"intra_op_thread_count" value { string_value: `
	const cuda = `gpu_execution_accelerator { name: "cuda" parameters { key: "use_tf32" value: "0" } }`
	accelerator := func(text string) func(*testing.T, string) { return edit(prep, cuda, text) }
	return []mutation{
		{"no inputs", edit(prep, "input {", "#"), ensemble.RuleModel, "shop_prep/1/model.onnx", "lacks this input"},
		{"optional", edit(prep, "dims: [ 3 ] }", "dims: [ 3 ] optional: true }"), ensemble.RuleOptional, prep, "is optional"},
		{"format", edit(prep, "dims: [ 3 ] }", "dims: [ 3 ] format: FORMAT_NHWC }"), ensemble.RuleTensor, prep, "has FORMAT_NHWC"},
		{"shape tensor", edit(prep, "dims: [ 3 ] }", "dims: [ 3 ] is_shape_tensor: true }"), ensemble.RuleTensor, prep, "is a shape tensor"},
		{"labels", edit(prep, "dims: [ 4 ] }", "dims: [ 4 ] label_filename: \"none.txt\" }"), ensemble.RuleLabels, prep, `names "none.txt", which is not there`},
		{"labels elsewhere", edit(prep, "dims: [ 4 ] }", "dims: [ 4 ] label_filename: \"../shop/config.pbtxt\" }"), ensemble.RulePath, prep, "leads out of the folder"},
		{"model elsewhere", add(`default_model_filename: "../../shop_recall/1/model.onnx"`), ensemble.RulePath, prep, "leads out of the folder"},
		{"batch_input", add(`batch_input { target_name: "n" data_type: TYPE_INT32 source_input: "x" }`), ensemble.RuleBatchIO, prep, `the source "x", which is no input`},
		{"batch_input's type", add(`batch_input { target_name: "n" data_type: TYPE_INT64 source_input: "likes" }`), ensemble.RuleBatchIO, prep, "has the type TYPE_INT64"},
		{"batch_output", add(`batch_output { target_name: "n" source_input: "likes" }`), ensemble.RuleBatchIO, prep, `the target "n", which is no output`},
		{"latest none", edit(prep, "specific { versions: [ 1 ] }", "latest { }"), ensemble.RuleVersion, prep, "serves no version"},
		{"version without a folder", edit(prep, "versions: [ 1 ]", "versions: [ 1, 7 ]"), ensemble.RuleMissingVersion, prep, "names version 7"},
		{"preferred size", batching("preferred_batch_size: [ 4, 16 ]"), ensemble.RuleBatching, prep, "is 16, max_batch_size is 8"},
		{"default level", batching("priority_levels: 2"), ensemble.RuleBatching, prep, "is 0, priority_levels is 2"},
		{"level of a policy", batching("priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 3 value { } }"), ensemble.RuleBatching, prep, "has level 3"},
		{"order and levels", batching("preserve_ordering: true priority_levels: 2 default_priority_level: 1"), ensemble.RuleBatching, prep, "that 2 priorities change"},
		{"order and delay", batching("preserve_ordering: true default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 1 }"), ensemble.RuleBatching, prep, "delays requests"},
		{"default level of none", batching("default_priority_level: 1"), ensemble.RuleIgnored, prep, "means nothing without priority_levels"},
		{"policy of no level", batching("priority_queue_policy { key: 1 value { } }"), ensemble.RuleIgnored, prep, "means nothing without priority_levels"},
		{"queue size", batching("default_queue_policy { max_queue_size: 8 }"), ensemble.RuleQueueSize, prep, "is 8: before 26.03"},
		{"queue delay", batching("max_queue_delay_microseconds: 100"), ensemble.RuleQueueDelay, prep, "is 100, which every request waits"},
		{"free length", edit(prep, "dims: [ 3 ] }", "dims: [ -1 ] }"), ensemble.RuleFreeLength, prep, "share no batch"},
		{"GPUs of a CPU", edit(prep, "kind: KIND_AUTO", "kind: KIND_CPU gpus: [ 0 ]"), ensemble.RuleInstances, prep, "names GPUs and is of KIND_CPU"},
		{"profile", edit(prep, "kind: KIND_AUTO", "kind: KIND_AUTO profile: \"0\""), ensemble.RuleInstances, prep, "is for TensorRT's models only"},
		{"no count", edit(prep, "count: 1 kind: KIND_AUTO", "kind: KIND_AUTO"), ensemble.RuleInstanceCount, prep, "has no count"},
		{"no group", edit(prep, "instance_group { count: 1 kind: KIND_AUTO }", ""), ensemble.RuleInstanceCount, prep, "is not given"},
		{"rate limiter", edit(prep, "kind: KIND_AUTO", "kind: KIND_AUTO rate_limiter { priority: 1 }"), ensemble.RuleRateLimiter, prep, "means nothing"},
		{"GPU where there is none", edit(prep, "kind: KIND_AUTO", "kind: KIND_GPU"), ensemble.RuleGPU, prep, "the servers have no GPU"},
		{"a GPU where there is none", edit(prep, "kind: KIND_AUTO", "kind: KIND_AUTO gpus: [ 0 ]"), ensemble.RuleGPU, prep, "names GPUs, and the servers have none"},
		{"accelerator", accelerator(`gpu_execution_accelerator { name: "x" }`), ensemble.RuleAccelerator, prep, `is "x", which`},
		{"CPU accelerator", accelerator(`cpu_execution_accelerator { name: "x" }`), ensemble.RuleAccelerator, prep, `is "x", which`},
		{"TensorRT without shapes", accelerator(`gpu_execution_accelerator { name: "tensorrt" }`), ensemble.RuleTensorRT, prep, "lacks trt_profile_min_shapes"},
		{
			"TensorRT with TopK", edit(recall, cuda, `gpu_execution_accelerator { name: "tensorrt" }`), ensemble.RuleTensorRT,
			"shop_recall/1/model.onnx", "TopK, Where beside dense layers",
		},
		{"a model of 2 GiB", func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Truncate(filepath.Join(dir, "shop_prep", "1", "model.onnx"), 1<<31); err != nil { // A hole: it takes no space.
				t.Fatal(err)
			}
		}, ensemble.RuleModelFile, "shop_prep/1/model.onnx", "has 2147483648 bytes"},
		{"TensorRT's parameter", accelerator(`gpu_execution_accelerator { name: "tensorrt" parameters { key: "x" value: "1" } }`), ensemble.RuleTensorRT, prep, `has "x", a parameter`},
		{"CUDA's parameter", accelerator(`gpu_execution_accelerator { name: "cuda" parameters { key: "gpu_mem_limit" value: "1" } }`), ensemble.RuleCUDA, prep, "has gpu_mem_limit"},
		{"CUDA's graphs", edit(prep, "graph { level: 0 }", "cuda { graphs: true }"), ensemble.RuleCUDA, prep, "is read by TensorRT's backend only"},
		{"graph level", edit(prep, "level: 0", "level: 2"), ensemble.RuleGraphLevel, prep, "switches all optimisation off"},
		{"threads", edit(prep, threads+`"1"`, threads+`"4"`), ensemble.RuleThreads, prep, "intra_op_thread_count is 4"},
		{"threads of default", edit(prep, `key: "intra_op_thread_count"`, `key: "other"`), ensemble.RuleThreads, prep, "have no intra_op_thread_count"},
		{"parameter", edit(prep, threads+`"1"`, threads+`"one"`), ensemble.RuleParameter, prep, `is "one"`},
		{"execution mode", add(`parameters { key: "execution_mode" value { string_value: "2" } }`), ensemble.RuleParameter, prep, "is 2"},
		{"control", edit(prep, "dynamic_batching { }", "sequence_batching { control_input { name: \"s\" control { kind: CONTROL_SEQUENCE_END } } }"), ensemble.RuleSequence, prep, "CONTROL_SEQUENCE_END has 0 values"},
		{
			"control of no input", edit(prep, "dynamic_batching { }", "sequence_batching { control_input { name: \"s\" control { kind: CONTROL_SEQUENCE_END bool_false_true: [ false, true ] } } }"),
			ensemble.RuleModel, "shop_prep/1/model.onnx", "the model has no such input",
		},
		{"preferred size of sequences", edit(prep, "dynamic_batching { }", "sequence_batching { oldest { preferred_batch_size: 16 } }"), ensemble.RuleBatching, prep, "is 16"},
		{"cache of sequences", both(add("response_cache { enable: true }"), edit(prep, "dynamic_batching { }", "sequence_batching { }")), ensemble.RuleCache, prep, "is for models with one answer"},
		{"cache of decoupled", add("response_cache { enable: true } model_transaction_policy { decoupled: true }"), ensemble.RuleCache, prep, "is for models with one answer"},
		{"cache", edit(top, "max_batch_size", "response_cache { enable: true }\nmax_batch_size"), ensemble.RuleCacheServer, top, "works on servers that are started with a cache"},
		{"checksum", add(`model_repository_agents { agents { name: "checksum" parameters { key: "MD5:1/model.onnx" value: "00" } } }`), ensemble.RuleChecksum, prep, "says 00 of"},
		{"checksum of no file", add(`model_repository_agents { agents { name: "checksum" parameters { key: "MD5:2/model.onnx" value: "00" } } }`), ensemble.RuleChecksum, prep, "which is not there"},
		{"batch axis", edit(recall, "max_batch_size: 8", "max_batch_size: 0"), ensemble.RuleBatchAxis, top, "requests of one user pass, those of more fail"},
		{"scalar", edit(prep, "max_batch_size: 8", "max_batch_size: 0"), ensemble.RuleTensor, prep, "is reshaped to a scalar"},
		{"unknown parameter", add(`parameters { key: "intra_op_threads" value { string_value: "2" } }`), ensemble.RuleIgnored, prep, "is none that ONNX Runtime's backend reads"},
		{"agent", add(`model_repository_agents { agents { name: "decrypt" } }`), ensemble.RuleAgent, prep, `names the agent "decrypt"`},
		{"decoupled", add("model_transaction_policy { decoupled: true }"), ensemble.RuleDecoupled, top, `joins tensors of step[0] "shop_prep"`},
		{"warm-up of any size", edit(prep, "dims: [ 3 ] zero_data", "dims: [ -1 ] zero_data"), ensemble.RuleWarmup, prep, "has dims [-1]"},
		{"warm-up of nothing", edit(prep, "dims: [ 3 ] zero_data: true", "dims: [ 3 ]"), ensemble.RuleWarmup, prep, "does not say what"},
		{"warm-up of no file", edit(prep, "dims: [ 3 ] zero_data: true", "dims: [ 3 ] input_data_file: \"none\""), ensemble.RuleWarmup, prep, `names "none", which is not there`},
		{"key twice", add(`metric_tags { key: "a" value: "1" } metric_tags { key: "a" value: "2" }`), ensemble.RuleRepeatedKey, prep, `key "a" is given twice`},
		{"release", edit(top, "ensemble_scheduling {", "ensemble_scheduling { max_inflight_requests: 4"), ensemble.RuleRelease, top, "releases before 25.11"},
		{"ensemble's reshape", edit(top, "dims: [ 1 ] }", "dims: [ 1 ] reshape { shape: [ ] } }"), ensemble.RuleDims, top, "has shape [-1 1]"},
		{"nested", both(edit(top, `model_name: "shop_prep"`, `model_name: "shop_recall"`), edit(recall, `backend: "onnxruntime"`, `platform: "ensemble"`)), ensemble.RuleNested, top, "is an ensemble itself"},
		{"operator", edit("shop_prep/1/model.onnx", "MatMul", "MatMux"), ensemble.RuleUnreadModel, "shop_prep/1/model.onnx", "MatMux"},
	}
}

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
	tests := []mutation{
		{"no configuration", remove(prep), ensemble.RuleAutoComplete, prep, "there is no file"},
		{"no configuration and no model", both(remove(prep), remove("shop_prep/1/model.onnx")), ensemble.RuleConfig, prep, "no such file"},
		{"text", edit(prep, "backend", "bakend"), ensemble.RuleConfig, prep, `config.pbtxt:2:1: message ModelConfig has no field "bakend"; did you mean "backend"?`},
		{"name", edit(prep, `"shop_prep"`, `"prep"`), ensemble.RuleName, prep, `is "prep", the folder is "shop_prep"`},
		{"no backend", both(edit(prep, `backend: "onnxruntime"`, ""), remove("shop_prep/1/model.onnx")), ensemble.RuleBackend, prep, "names neither"},
		{"backend by the file", edit(prep, `backend: "onnxruntime"`, ""), ensemble.RuleAutoComplete, prep, "is not named: Triton takes it for onnxruntime"},
		{"two backends", edit(prep, "max_batch_size", "platform: \"tensorrt_plan\"\nmax_batch_size"), ensemble.RuleBackend, prep, `is "tensorrt_plan" of backend "tensorrt"`},
		{"file of another backend", edit(prep, `"onnxruntime"`, `"python"`), ensemble.RuleModelFile, "shop_prep/1", "has no model.py"},
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
		{"random warm-up", edit(prep, "dims: [ 3 ] zero_data", "dims: [ 3 ] random_data"), ensemble.RuleRandomWarmup, prep, "random integers"},
		{"large warm-up", edit(prep, "batch_size: 1\n", "batch_size: 9\n"), ensemble.RuleWarmup, prep, "has batch size 9"},
		{"warm-up without an input", edit(prep, "  inputs { key: \"likes\" value { data_type: TYPE_INT64 dims: [ 3 ] zero_data: true } }\n", ""), ensemble.RuleWarmup, prep, `gives input "likes" 0 times`},
		{"warm-up of another type", edit(prep, "TYPE_INT64 dims: [ 3 ] zero_data", "TYPE_INT32 dims: [ 3 ] zero_data"), ensemble.RuleWarmup, prep, "the warm-up gives TYPE_INT32"},
		{"warm-up of no input", edit(prep, `inputs { key: "likes"`, `inputs { key: "x"`), ensemble.RuleWarmup, prep, `gives "x", which is no input`},
		{"instances of an ensemble", edit(top, "max_batch_size", "instance_group { count: 1 }\nmax_batch_size"), ensemble.RuleEnsemble, top, "an ensemble has no"},
		{"steps of a stage", edit(prep, "dynamic_batching { }", "ensemble_scheduling { step { model_name: \"x\" } }"), ensemble.RuleEnsemble, prep, "the model is no ensemble"},
		{"missing stage", remove("shop_recall"), ensemble.RuleStep, top, `has no readable model "shop_recall"`},
		{"ensemble as a step", edit(top, `model_name: "shop_prep"`, `model_name: "shop"`), ensemble.RuleStep, top, "is the ensemble itself"},
		{"unpinned step", edit(top, "model_version: 1", "model_version: -1"), ensemble.RuleUnpinned, top, "generations could mix"},
		{"pin of a missing version", edit(top, "model_version: 1", "model_version: 3"), ensemble.RulePin, top, `version 3 of "shop_prep" is not served`},
		{"unmapped input", edit(top, "    input_map { key: \"likes\" value: \"likes\" }\n", ""), ensemble.RuleMapping, top, `input "likes" of model "shop_prep" is not mapped`},
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
	tests = append(tests, moreMutations(edit, prep, recall, top)...)
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
			if r, err := ensemble.Open(dir); err == nil {
				findings = append(findings, r.CheckNoGPU()...)
			}
			for _, f := range findings {
				if f.Rule == tt.rule && f.File == tt.file && strings.Contains(f.Message, tt.want) && f.Remedy != "" {
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
