package repository_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/client"
	"recsys/ensemble"
	"recsys/graph"
	"recsys/internal/onnxpb"
	"recsys/onnx"
	"recsys/tensor"
	"recsys/test/triton"
)

const (
	// stageText is a stage that adds row id of a table to x, topText an ensemble of it twice.
	stageText = `name: "STAGE"
backend: "onnxruntime"
max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: [ 4 ] }
input { name: "id" data_type: TYPE_INT64 dims: [ 1 ] reshape { shape: [ ] } }
output { name: "y" data_type: TYPE_FP32 dims: [ 4 ] }
version_policy { specific { versions: [ 1 ] } }
instance_group { count: 1 kind: KIND_CPU }
dynamic_batching { }
optimization { graph { level: 0 } }
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
`
	topText = `name: "TOP"
platform: "ensemble"
max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: [ 4 ] }
input { name: "id" data_type: TYPE_INT64 dims: [ 1 ] }
output { name: "y" data_type: TYPE_FP32 dims: [ 4 ] }
version_policy { specific { versions: [ 1 ] } }
` + steps
	steps = `ensemble_scheduling {
  step {
    model_name: "STAGE" model_version: 1
    input_map { key: "x" value: "x" } input_map { key: "id" value: "id" } output_map { key: "y" value: "h" }
  }
  step {
    model_name: "STAGE" model_version: 1
    input_map { key: "x" value: "h" } input_map { key: "id" value: "id" } output_map { key: "y" value: "y" }
  }
}
`
)

const (
	// single is an ensemble of one step, second a step that stands beside it.
	single = `ensemble_scheduling {` + "\n" + second + `}
`
	second = `step {
  model_name: "STAGE" model_version: 1
  input_map { key: "x" value: "x" } input_map { key: "id" value: "id" } output_map { key: "y" value: "y" }
}
`
)

// change replaces text in a configuration, or with an empty from adds to it.
type change struct{ from, to string }

// broken is a repository of an ensemble and its stage in which one rule is broken, or none.
type broken struct {
	name, rule string
	stage, top *change
	files      map[string]string // more files of the stage
	without    string            // a file of the stage that is not there
	free       bool              // the model takes any length of x
	foreign    bool              // the model has an operator that we do not know
	model      func(*onnxpb.Model)
}

func (b broken) write(t *testing.T, dir, top string, models map[bool][]byte) {
	t.Helper()
	stage := top + "_stage"
	put := func(path, text string) {
		t.Helper()
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	apply := func(text string, c *change) string {
		t.Helper()
		switch {
		case c == nil:
		case c.from == "":
			text += c.to + "\n"
		case !strings.Contains(text, c.from):
			t.Fatalf("%s: no %q", b.name, c.from)
		default:
			text = strings.Replace(text, c.from, c.to, 1)
		}
		return strings.NewReplacer("TOP", top, "STAGE", stage).Replace(text)
	}
	put(top+"/config.pbtxt", apply(topText, b.top))
	put(stage+"/config.pbtxt", apply(stageText, b.stage))
	file := string(models[b.free])
	if b.foreign {
		file = strings.Replace(file, "Sqrt", "Sinh", 1)
	}
	if b.model != nil {
		m, err := onnxpb.Unmarshal([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		b.model(m)
		file = string(m.Marshal())
	}
	put(stage+"/1/model.onnx", file)
	for name, text := range b.files {
		put(stage+"/"+name, text)
	}
	if b.without != "" {
		if err := os.Remove(filepath.Join(dir, stage, b.without)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, top, "1"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// warm is a warm-up that gives x and id.
func warm(x, id string) string {
	return fmt.Sprintf(`model_warmup { name: "w" batch_size: 1
inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 4 ] %s } } inputs { key: "id" value { data_type: TYPE_INT64 dims: [ 1 ] %s } } }`, x, id)
}

func batching(text string) *change {
	return &change{"dynamic_batching { }", "dynamic_batching { " + text + " }"}
}

func accelerators(text string) *change {
	return &change{"graph { level: 0 }", "execution_accelerators { " + text + " }"}
}

// opset names an operator set in a version.
func opset(domain string, version int64) func(*onnxpb.Model) {
	return func(m *onnxpb.Model) {
		for _, s := range m.Opsets {
			if s.Domain == domain {
				s.Version = version
				return
			}
		}
		m.Opsets = append(m.Opsets, &onnxpb.OperatorSetID{Domain: domain, Version: version})
	}
}

// operator takes a node to an operator of another domain, which the model names or not.
func operator(domain string, named bool) func(*onnxpb.Model) {
	return func(m *onnxpb.Model) {
		m.Graph.Nodes[0].Domain = domain
		if named {
			m.Opsets = append(m.Opsets, &onnxpb.OperatorSetID{Domain: domain, Version: 1})
		}
	}
}

// unbatched is a stage without batches whose x and y have dims, and whose id has what is said.
func unbatched(dims, id string) *change {
	return &change{stageText[strings.Index(stageText, "max_batch_size"):strings.Index(stageText, "optimization")], `max_batch_size: 0
input { name: "x" data_type: TYPE_FP32 dims: [ ` + dims + ` ] }
input { name: "id" data_type: TYPE_INT64 ` + id + ` }
output { name: "y" data_type: TYPE_FP32 dims: [ ` + dims + ` ] }
version_policy { specific { versions: [ 1 ] } }
instance_group { count: 1 kind: KIND_CPU }
`}
}

// start is a batcher of sequences that gives an input "start" of a type.
func start(dtype string) string {
	return `direct { } control_input { name: "start" control { kind: CONTROL_SEQUENCE_START ` + dtype + `_false_true: [ 0, 1 ] } }`
}

// forOne takes the batch axis from the inputs and outputs.
func forOne(m *onnxpb.Model) {
	four := &onnxpb.Shape{Dims: []*onnxpb.Dim{{HasValue: true, Value: 4}}}
	m.Graph.Inputs[0].Type.Tensor.Shape, m.Graph.Inputs[1].Type.Tensor.Shape, m.Graph.Outputs[0].Type.Tensor.Shape = four, &onnxpb.Shape{}, four
}

// addInput adds an input "start" FP32 [B,1].
func addInput(m *onnxpb.Model) {
	m.Graph.Inputs = append(m.Graph.Inputs, &onnxpb.ValueInfo{Name: "start", Type: &onnxpb.Type{Tensor: &onnxpb.TensorType{
		ElemType: onnxpb.Float, Shape: &onnxpb.Shape{Dims: []*onnxpb.Dim{{Param: ensemble.BatchDim}, {HasValue: true, Value: 1}}},
	}}})
}

func brokenRules() []broken {
	decoupled := &change{"", "model_transaction_policy { decoupled: true }"}
	add := func(text string) *change { return &change{"", text} }
	x := func(text string) *change { return &change{`TYPE_FP32 dims: [ 4 ] }` + "\ninput", text + " }\ninput"} }
	sequence := func(text string) *change {
		return &change{"dynamic_batching { }", "sequence_batching { " + text + " }"}
	}
	return []broken{
		{name: "good"},
		{name: "config", rule: ensemble.RuleConfig, stage: &change{"backend", "bakend"}},
		{name: "two schedulers", rule: ensemble.RuleConfig, stage: add("sequence_batching { }")},
		{name: "name", rule: ensemble.RuleName, stage: &change{`name: "STAGE"`, `name: "other"`}},
		{name: "no name", stage: &change{`name: "STAGE"`, ``}},
		{name: "backend", rule: ensemble.RuleBackend, stage: add(`platform: "tensorrt_plan"`)},
		{name: "backend by the file", rule: ensemble.RuleAutoComplete, stage: &change{`backend: "onnxruntime"`, ""}},
		{name: "negative batch", rule: ensemble.RuleTensor, stage: &change{"max_batch_size: 8", "max_batch_size: -1"}},
		{name: "name twice", rule: ensemble.RuleTensor, stage: &change{`input { name: "id"`, `input { name: "x"`}},
		{name: "no dims", rule: ensemble.RuleTensor, stage: x("TYPE_FP32")},
		{name: "dims of 0", rule: ensemble.RuleTensor, stage: x("TYPE_FP32 dims: [ 0 ]")},
		{name: "dims of -2", rule: ensemble.RuleTensor, stage: x("TYPE_FP32 dims: [ -2 ]")},
		{name: "format", rule: ensemble.RuleTensor, stage: x("TYPE_FP32 dims: [ 4 ] format: FORMAT_NHWC")},
		{name: "shape tensor", rule: ensemble.RuleTensor, stage: x("TYPE_FP32 dims: [ 4 ] is_shape_tensor: true")},
		{name: "reshape", rule: ensemble.RuleTensor, stage: &change{"shape: [ ]", "shape: [ 2 ]"}},
		{name: "free reshape", rule: ensemble.RuleTensor, stage: &change{"dims: [ 1 ] reshape { shape: [ ] }", "dims: [ -1 ] reshape { shape: [ -1, -1 ] }"}},
		{name: "optional", rule: ensemble.RuleOptional, stage: x("TYPE_FP32 dims: [ 4 ] optional: true")},
		{name: "batch-io", rule: ensemble.RuleBatchIO, stage: add(`batch_input { kind: BATCH_ELEMENT_COUNT target_name: "n" data_type: TYPE_INT32 source_input: "q" }`)},
		{name: "batch-io's type", rule: ensemble.RuleBatchIO, stage: add(`batch_input { kind: BATCH_ELEMENT_COUNT target_name: "n" data_type: TYPE_INT64 source_input: "x" }`)},
		{name: "labels", rule: ensemble.RuleLabels, stage: &change{`name: "y" data_type: TYPE_FP32`, `name: "y" label_filename: "l.txt" data_type: TYPE_FP32`}},
		{name: "good labels", stage: &change{`name: "y" data_type: TYPE_FP32`, `name: "y" label_filename: "l.txt" data_type: TYPE_FP32`}, files: map[string]string{"l.txt": "a\nb\nc\nd\n"}},
		{name: "path", rule: ensemble.RulePath, stage: &change{`name: "y" data_type: TYPE_FP32`, `name: "y" label_filename: "../TOP/config.pbtxt" data_type: TYPE_FP32`}},
		{name: "version", rule: ensemble.RuleVersion, stage: &change{"specific { versions: [ 1 ] }", "latest { }"}},
		{name: "missing-version", rule: ensemble.RuleMissingVersion, stage: &change{"versions: [ 1 ]", "versions: [ 1, 7 ]"}},
		{name: "policy", rule: ensemble.RulePolicy, stage: &change{"specific { versions: [ 1 ] }", "latest { num_versions: 2 }"}},
		{name: "model-file", rule: ensemble.RuleModelFile, without: "1/model.onnx"},
		{name: "no ONNX file", rule: ensemble.RuleModelFile, files: map[string]string{"1/model.onnx": "no model"}},
		{name: "model", rule: ensemble.RuleModel, stage: x("TYPE_FP32 dims: [ 5 ]")},
		{name: "preferred size", rule: ensemble.RuleBatching, stage: batching("preferred_batch_size: [ 16 ]")},
		{name: "preferred size of 0", rule: ensemble.RuleBatching, stage: batching("preferred_batch_size: [ 0 ]")},
		{name: "default priority", rule: ensemble.RuleBatching, stage: batching("priority_levels: 2")},
		{name: "priority policy", rule: ensemble.RuleBatching, stage: batching("priority_levels: 2 default_priority_level: 1 priority_queue_policy { key: 3 value { } }")},
		{name: "order and priorities", rule: ensemble.RuleBatching, stage: batching("preserve_ordering: true priority_levels: 2 default_priority_level: 1")},
		{name: "order and delay", rule: ensemble.RuleBatching, stage: batching("preserve_ordering: true default_queue_policy { timeout_action: DELAY default_timeout_microseconds: 9 }")},
		{name: "ignored", rule: ensemble.RuleIgnored, stage: batching("default_priority_level: 3")},
		{name: "queue-size", rule: ensemble.RuleQueueSize, stage: batching("default_queue_policy { max_queue_size: 4 }")},
		{name: "queue-delay", rule: ensemble.RuleQueueDelay, stage: batching("max_queue_delay_microseconds: 100")},
		{name: "free-length", rule: ensemble.RuleFreeLength, stage: x("TYPE_FP32 dims: [ -1 ]"), free: true},
		{name: "free input of a fixed model", rule: ensemble.RuleModel, stage: x("TYPE_FP32 dims: [ -1 ]")},
		{name: "fixed input of a free model", free: true},
		{name: "GPUs of a CPU", rule: ensemble.RuleInstances, stage: &change{"kind: KIND_CPU", "kind: KIND_CPU gpus: [ 0 ]"}},
		{name: "GPUs of a model", rule: ensemble.RuleInstances, stage: &change{"kind: KIND_CPU", "kind: KIND_MODEL gpus: [ 0 ]"}},
		{name: "profile", rule: ensemble.RuleInstances, stage: &change{"kind: KIND_CPU", `kind: KIND_CPU profile: [ "0" ]`}},
		{name: "gpu", rule: ensemble.RuleGPU, stage: &change{"kind: KIND_CPU", "kind: KIND_GPU"}},
		{name: "gpu by number", rule: ensemble.RuleGPU, stage: &change{"kind: KIND_CPU", "kind: KIND_AUTO gpus: [ 0 ]"}},
		{name: "instance-count", rule: ensemble.RuleInstanceCount, stage: &change{"count: 1 kind: KIND_CPU", "kind: KIND_CPU"}},
		{name: "rate-limiter", rule: ensemble.RuleRateLimiter, stage: &change{"kind: KIND_CPU", `kind: KIND_CPU rate_limiter { resources { name: "r" count: 1 } }`}},
		{name: "accelerator", rule: ensemble.RuleAccelerator, stage: accelerators(`gpu_execution_accelerator { name: "nothing" }`)},
		{name: "accelerator of CPUs", rule: ensemble.RuleAccelerator, stage: accelerators(`cpu_execution_accelerator { name: "nothing" }`)},
		{name: "tensorrt", rule: ensemble.RuleTensorRT, stage: accelerators(`gpu_execution_accelerator { name: "tensorrt" }`)},
		{name: "cuda", rule: ensemble.RuleCUDA, stage: &change{"graph { level: 0 }", "cuda { graphs: true }"}},
		{name: "graph-level", rule: ensemble.RuleGraphLevel, stage: &change{"level: 0", "level: 2"}},
		{name: "threads", rule: ensemble.RuleThreads, stage: &change{`string_value: "1"`, `string_value: "2"`}},
		{name: "parameter", rule: ensemble.RuleParameter, stage: &change{`string_value: "1"`, `string_value: "x"`}},
		{name: "execution mode", rule: ensemble.RuleParameter, stage: add(`parameters { key: "execution_mode" value { string_value: "7" } }`)},
		{name: "sequence", rule: ensemble.RuleSequence, stage: sequence(`direct { } control_input { name: "s" control { kind: CONTROL_SEQUENCE_START } }`)},
		{name: "control of sequences", stage: sequence(start("fp32")), model: addInput},
		{name: "control of no input", rule: ensemble.RuleModel, stage: sequence(start("fp32"))},
		{name: "control of another type", rule: ensemble.RuleModel, stage: sequence(start("int32")), model: addInput},
		{name: "input that no control gives", rule: ensemble.RuleModel, stage: sequence("direct { }"), model: addInput},
		{name: "sequence's preferred size", rule: ensemble.RuleBatching, stage: sequence("oldest { max_candidate_sequences: 4 preferred_batch_size: [ 16 ] }")},
		{name: "cache", rule: ensemble.RuleCache, stage: add("response_cache { enable: true }\nmodel_transaction_policy { decoupled: true }")},
		{name: "cache-server", rule: ensemble.RuleCacheServer, top: add("response_cache { enable: true }")},
		{name: "checksum", rule: ensemble.RuleChecksum, stage: add(`model_repository_agents { agents { name: "checksum" parameters { key: "MD5:1/model.onnx" value: "d41d8cd98f00b204e9800998ecf8427e" } } }`)},
		{name: "agent", rule: ensemble.RuleAgent, stage: add(`model_repository_agents { agents { name: "nobody" } }`)},
		{name: "warm-up", stage: add(warm("zero_data: true", "zero_data: true"))},
		{name: "warm-up without an input", rule: ensemble.RuleWarmup, stage: add(`model_warmup { name: "w" batch_size: 1 inputs { key: "x" value { data_type: TYPE_FP32 dims: [ 4 ] zero_data: true } } }`)},
		{name: "warm-up of nothing", rule: ensemble.RuleWarmup, stage: add(warm("", "zero_data: true"))},
		{name: "warm-up's file", rule: ensemble.RuleWarmup, stage: add(warm(`input_data_file: "none"`, "zero_data: true"))},
		{name: "random-warmup", rule: ensemble.RuleRandomWarmup, stage: add(warm("random_data: true", "random_data: true"))},
		{name: "newest opset", rule: ensemble.RuleRelease, model: opset("", 28)},
		{name: "opset", rule: ensemble.RuleOpset, model: opset("", 29)},
		{name: "opset of ai.onnx.ml", rule: ensemble.RuleOpset, model: opset("ai.onnx.ml", 6)},
		{name: "newest IR version", rule: ensemble.RuleRelease, model: func(m *onnxpb.Model) { m.IRVersion = 14 }},
		{name: "IR version", rule: ensemble.RuleOpset, model: func(m *onnxpb.Model) { m.IRVersion = 15 }},
		{name: "operator of nobody's", rule: ensemble.RuleOpset, model: operator("com.acme", true)},
		{name: "operator of no set", rule: ensemble.RuleOpset, model: operator("com.microsoft", false)},
		{name: "a set that no operator is of", model: opset("com.acme", 1)},
		{name: "unread-model", rule: ensemble.RuleUnreadModel, foreign: true},
		{name: "unread model of other inputs", rule: ensemble.RuleModel, foreign: true, stage: x("TYPE_FP32 dims: [ 5 ]")},
		{name: "repeated-key", rule: ensemble.RuleRepeatedKey, stage: add(`metric_tags { key: "a" value: "1" } metric_tags { key: "a" value: "2" }`)},
		{name: "no steps", rule: ensemble.RuleEnsemble, top: &change{steps, "ensemble_scheduling { }\n"}},
		{name: "an ensemble's instances", rule: ensemble.RuleEnsemble, top: add("instance_group { count: 1 }")},
		{name: "an ensemble's backend", rule: ensemble.RuleEnsemble, top: add(`backend: "onnxruntime"`)},
		{name: "an ensemble's optimization", rule: ensemble.RuleEnsemble, top: add("optimization { graph { level: 1 } }")},
		{name: "steps of a stage", rule: ensemble.RuleEnsemble, stage: &change{"dynamic_batching { }", `ensemble_scheduling { step { model_name: "TOP" model_version: 1 input_map { key: "x" value: "x" } output_map { key: "y" value: "y" } } }`}},
		{name: "step", rule: ensemble.RuleStep, top: &change{`"STAGE"`, `"nowhere"`}},
		{name: "step of itself", rule: ensemble.RuleStep, top: &change{`"STAGE"`, `"TOP"`}},
		{name: "pin", rule: ensemble.RulePin, top: &change{" model_version: 1", " model_version: 3"}},
		{name: "pin of none", rule: ensemble.RulePin, top: &change{" model_version: 1", ""}},
		{name: "unpinned", rule: ensemble.RuleUnpinned, top: &change{" model_version: 1", " model_version: -1"}},
		{name: "mapping", rule: ensemble.RuleMapping, top: &change{`input_map { key: "id" value: "id" }`, ""}},
		{name: "mapping twice", rule: ensemble.RuleRepeatedKey, top: &change{`input_map { key: "id" value: "id" }`, `input_map { key: "id" value: "id" } input_map { key: "id" value: "id" }`}},
		{name: "unused input", rule: ensemble.RuleMapping, top: &change{"output {", "input { name: \"z\" data_type: TYPE_FP32 dims: [ 4 ] }\noutput {"}},
		{name: "tensor for nobody", rule: ensemble.RuleMapping, top: &change{`value: "y" }
  }`, `value: "z" }
  }`}},
		{name: "producer", rule: ensemble.RuleProducer, top: &change{`key: "x" value: "h"`, `key: "x" value: "nothing"`}},
		{name: "two producers", rule: ensemble.RuleProducer, top: &change{`value: "y" }
  }`, `value: "h" }
  }`}},
		{name: "dtype", rule: ensemble.RuleDType, top: &change{`name: "x" data_type: TYPE_FP32`, `name: "x" data_type: TYPE_INT64`}},
		{name: "dims", rule: ensemble.RuleDims, top: &change{`name: "x" data_type: TYPE_FP32 dims: [ 4 ]`, `name: "x" data_type: TYPE_FP32 dims: [ 5 ]`}},
		{name: "an ensemble's reshape", rule: ensemble.RuleDims, top: &change{`TYPE_INT64 dims: [ 1 ]`, `TYPE_INT64 dims: [ 1 ] reshape { shape: [ ] }`}},
		{name: "an ensemble's free dims", top: &change{`name: "x" data_type: TYPE_FP32 dims: [ 4 ]`, `name: "x" data_type: TYPE_FP32 dims: [ -1 ]`}},
		{name: "decoupled", rule: ensemble.RuleDecoupled, stage: decoupled},
		{name: "decoupled and alone", stage: decoupled, top: &change{steps, single}},
		{name: "an output of a decoupled model and another", rule: ensemble.RuleDecoupled, stage: decoupled, top: &change{
			"version_policy { specific { versions: [ 1 ] } }\n" + steps,
			"output { name: \"z\" data_type: TYPE_FP32 dims: [ 4 ] }\n" + single[:len(single)-2] + strings.Replace(second, `"y" }`, `"z" }`, 1) + "}\n",
		}},
		{name: "a stage without batches", rule: ensemble.RuleBatchAxis, stage: unbatched("-1, 4", "dims: [ -1 ]")},
		{name: "a stage for one user", rule: ensemble.RuleBatchAxis, stage: unbatched("4", "dims: [ 1 ]"), model: forOne},
		{name: "a reshape to a scalar without batches", rule: ensemble.RuleTensor, stage: unbatched("4", "dims: [ 1 ] reshape { shape: [ ] }"), model: forOne},
		{name: "an unknown parameter", rule: ensemble.RuleIgnored, stage: add(`parameters { key: "inter_op_threads" value { string_value: "1" } }`)},
		{name: "max-batch-size", rule: ensemble.RuleMaxBatchSize, top: &change{"max_batch_size: 8", "max_batch_size: 16"}},
		{name: "output", rule: ensemble.RuleOutput, top: &change{"version_policy", "output { name: \"h\" data_type: TYPE_FP32 dims: [ 4 ] }\nversion_policy"}},
		{name: "nested", rule: ensemble.RuleNested, top: &change{`"STAGE" model_version: 1`, `"a000" model_version: 1`}},
	}
}

// addingModel adds row id modulo 10 of a table of zeros to x, or to the sum of an x of any length.
func addingModel(t *testing.T, length graph.Dim) []byte {
	t.Helper()
	b := graph.NewBuilder("adding")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym(ensemble.BatchDim), length})
	id := b.Input("id", tensor.Int64, graph.Shape{graph.Sym(ensemble.BatchDim)})
	if !length.IsFixed() {
		x = b.ReduceSum(x, []int64{1}, true)
	}
	row := b.Gather(b.Const("table", tensor.Zeros(tensor.Float32, 10, 4)), b.Mod(id, b.Int64(10)), 0)
	b.Output("y", b.Add(x, b.Sqrt(row)))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	data, err := onnx.Marshal(g, onnx.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func connect(t *testing.T, server *triton.Server) *client.Client {
	t.Helper()
	c, err := client.New(t.Context(), server.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// TestRules breaks one rule at a time: of a rule that is an error the server loads no ensemble, of one that is a warning, and of what
// has no finding, it does.
func TestRules(t *testing.T) {
	dir, tests := t.TempDir(), brokenRules()
	models := map[bool][]byte{false: addingModel(t, graph.Fixed(4)), true: addingModel(t, graph.Sym("L"))}
	names := make([]string, len(tests))
	for i, b := range tests {
		names[i] = fmt.Sprintf("a%03d", i)
		b.write(t, dir, names[i], models)
	}
	findings, err := ensemble.Validate(dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := ensemble.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	findings = append(findings, r.CheckNoGPU()...)
	server := triton.Start(t, dir, triton.Options{})
	c := connect(t, server)
	for i, b := range tests {
		t.Run(b.name, func(t *testing.T) {
			own := slices.DeleteFunc(slices.Clone(findings), func(f ensemble.Finding) bool { return !strings.HasPrefix(f.File, names[i]) })
			if b.rule != "" && !slices.ContainsFunc(own, func(f ensemble.Finding) bool { return f.Rule == b.rule }) || b.rule == "" && len(own) > 0 {
				t.Errorf("want a finding of rule %q; there are %v", b.rule, own)
			}
			want := !slices.ContainsFunc(own, func(f ensemble.Finding) bool { return f.Severity() == ensemble.SeverityError })
			loadErr := c.Load(t.Context(), names[i], client.LoadOptions{})
			loaded, err := c.ModelReady(t.Context(), names[i], "1") // a load's status alone does not tell
			if err != nil {
				t.Fatal(err)
			}
			if loaded != want {
				t.Errorf("Triton loads it: %v (%v), the checker says: %v", loaded, loadErr, own)
			}
			if loaded { // with the backend's processes
				if err := c.Unload(t.Context(), names[i], client.UnloadOptions{Dependents: true}); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
