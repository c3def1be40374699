package ensemble_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble"
	"recsys/tensor"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got); go test -update accepts it:\n%s", path, diff)
	}
}

func stageConfig() *ensemble.Config {
	level := 0
	zero := func(name string, batch int) ensemble.Warmup {
		return ensemble.Warmup{Name: name, BatchSize: batch, Count: 1, Inputs: []ensemble.WarmupInput{
			{Name: "user_id", DType: tensor.String, Dims: []int64{1}, Zero: true},
			{Name: "history", DType: tensor.Int64, Dims: []int64{50}, Zero: true},
		}}
	}
	return &ensemble.Config{
		Name: "rec_prep", Backend: ensemble.BackendONNX, MaxBatchSize: 64,
		VersionPolicy: ensemble.VersionPolicy{Specific: []int64{7, 8}},
		Inputs: []ensemble.TensorConfig{
			{Name: "user_id", DType: tensor.String, Dims: []int64{1}, Reshape: &ensemble.Reshape{}},
			{Name: "history", DType: tensor.Int64, Dims: []int64{50}},
		},
		Outputs:         []ensemble.TensorConfig{{Name: "query", DType: tensor.Float32, Dims: []int64{64}}},
		DynamicBatching: &ensemble.DynamicBatching{},
		InstanceGroups:  []ensemble.InstanceGroup{{Count: 1, Kind: "KIND_AUTO"}},
		Optimization:    &ensemble.Optimization{GraphLevel: &level},
		Parameters:      map[string]string{"intra_op_thread_count": "1", "enable_mem_arena": "1"},
		Warmup:          []ensemble.Warmup{zero("zero_1", 1), zero("zero_64", 64)},
	}
}

func fullConfig() *ensemble.Config {
	level := -1
	return &ensemble.Config{
		Name: "rec_score", Platform: ensemble.PlatformONNX, DefaultModelFilename: "score.onnx", MaxBatchSize: 8,
		VersionPolicy: ensemble.VersionPolicy{Latest: 2},
		Inputs:        []ensemble.TensorConfig{{Name: "x", DType: tensor.BFloat16, Dims: []int64{-1, 4}}},
		Outputs: []ensemble.TensorConfig{
			{Name: "y", DType: tensor.Bool, Dims: []int64{4}, Reshape: &ensemble.Reshape{Shape: []int64{2, 2}}},
		},
		DynamicBatching: &ensemble.DynamicBatching{
			PreferredBatchSizes: []int64{4, 8}, MaxQueueDelayMicroseconds: 100, PreserveOrdering: true, PriorityLevels: 2,
			DefaultPriorityLevel: 1,
			QueuePolicy:          ensemble.QueuePolicy{DefaultTimeoutMicroseconds: 5000, AllowTimeoutOverride: true, MaxQueueSize: 16},
			PriorityQueuePolicy:  map[int64]ensemble.QueuePolicy{2: {TimeoutAction: "DELAY", MaxQueueSize: 4}, 1: {}},
		},
		InstanceGroups: []ensemble.InstanceGroup{{Name: "gpu", Count: 2, Kind: "KIND_GPU", GPUs: []int64{0, 1}}},
		Optimization: &ensemble.Optimization{
			GraphLevel:      &level,
			GPUAccelerators: []ensemble.Accelerator{{Name: "tensorrt", Parameters: map[string]string{"precision_mode": "FP16", "a": "b"}}},
			CPUAccelerators: []ensemble.Accelerator{{Name: "openvino"}},
		},
		Warmup: []ensemble.Warmup{{Name: "file", BatchSize: 1, Inputs: []ensemble.WarmupInput{
			{Name: "x", DType: tensor.BFloat16, Dims: []int64{3, 4}, File: "x.raw"},
		}}, {Name: "random", BatchSize: 2, Inputs: []ensemble.WarmupInput{
			{Name: "x", DType: tensor.BFloat16, Dims: []int64{3, 4}, Random: true},
		}}},
		ResponseCache: true, MetricTags: map[string]string{"stage": "score", "pipeline": "rec"}, Decoupled: true,
		Agents: []ensemble.Agent{{Name: "checksum", Parameters: map[string]string{"MD5:1/score.onnx": "900150983cd24fb0d6963f7d28e17f72"}}},
	}
}

func ensembleConfig() *ensemble.Config {
	return &ensemble.Config{
		Name: "rec", Platform: ensemble.PlatformEnsemble, MaxBatchSize: 64,
		VersionPolicy: ensemble.VersionPolicy{Specific: []int64{8}},
		Inputs:        []ensemble.TensorConfig{{Name: "user_id", DType: tensor.String, Dims: []int64{1}}},
		Outputs:       []ensemble.TensorConfig{{Name: "query", DType: tensor.Float32, Dims: []int64{64}}},
		Steps: []ensemble.Step{{
			Model: "rec_prep", Version: 8,
			Inputs:  []ensemble.Mapping{{Model: "user_id", Ensemble: "user_id"}},
			Outputs: []ensemble.Mapping{{Model: "query", Ensemble: "query"}, {Model: "encoded_age", Ensemble: "age"}},
		}},
	}
}

func TestConfigMarshal(t *testing.T) {
	tests := []struct {
		file   string
		config *ensemble.Config
	}{{"stage.pbtxt", stageConfig()}, {"full.pbtxt", fullConfig()}, {"ensemble.pbtxt", ensembleConfig()}}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			text := tt.config.Marshal()
			golden(t, tt.file, text)
			got, err := ensemble.ParseConfig(tt.file, text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.config, got); diff != "" {
				t.Errorf("read back (-want +got):\n%s", diff)
			}
		})
	}
}

// foreign is in the manner of hand-written configurations: other spellings of the same thing.
const foreign = `
name: 'rec_prep'  # a comment
backend: "onnxruntime"
max_batch_size: 64
input [ { name: "user_id", data_type: TYPE_STRING, dims: [ 1 ], reshape: { shape: [ ] } },
        { name: "history" data_type: TYPE_INT64 dims: 50 } ]
output: { name: "query" data_type: TYPE_FP32 dims: [ 64 ] }
version_policy: { specific { versions: 7 versions: [ 8 ] } }
`

func TestParseForeignConfig(t *testing.T) {
	got, err := ensemble.ParseConfig("config.pbtxt", []byte(foreign))
	if err != nil {
		t.Fatal(err)
	}
	want := stageConfig()
	want.DynamicBatching, want.InstanceGroups, want.Optimization, want.Parameters, want.Warmup = nil, nil, nil, nil, nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read configuration (-want +got):\n%s", diff)
	}
}

func TestParseConfigErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"unknown field", "name: \"a\"\nno_such: 1", `c.pbtxt:2:1: message ModelConfig has no field "no_such"`},
		{"unknown inner field", "input { name: \"a\"\n shape: 1 }", `c.pbtxt:2:2: message ModelInput has no field "shape"`},
		{"text", "name: }", `c.pbtxt:1:7: expected a value, got "}"`},
		{"data type", "input { data_type: TYPE_FLOAT }", `c.pbtxt:1:9: field "data_type": DataType has no value TYPE_FLOAT; it has TYPE_BF16, TYPE_BOOL`},
		{"data type of the wire", "input { data_type: FP32 }", `c.pbtxt:1:9: field "data_type": DataType has no value FP32; did you mean "TYPE_FP32"?`},
		{"kind of value", "max_batch_size: \"4\"", `c.pbtxt:1:1: field "max_batch_size" wants a whole number, got a string`},
		{"twice", "name: \"a\"\nname: \"b\"", `c.pbtxt:2:1: field "name" of ModelConfig is given twice`},
		{"misspelled field", "dynamic_batchin { }", `c.pbtxt:1:1: message ModelConfig has no field "dynamic_batchin"; did you mean "dynamic_batching"?`},
		{"field of another message", "preferred_batch_size: 4", `c.pbtxt:1:1: message ModelConfig has no field "preferred_batch_size"; it belongs into ModelDynamicBatching or ModelSequenceBatching.StrategyOldest`},
		{"misspelled value", "instance_group { kind: KIND_CUP }", `c.pbtxt:1:18: field "kind": ModelInstanceGroup.Kind has no value KIND_CUP; did you mean "KIND_CPU"?`},
		{"two schedulers", "dynamic_batching { }\nsequence_batching { }", `c.pbtxt:2:1: field "sequence_batching" of ModelConfig is given beside "dynamic_batching": only one of them can be`},
		{"list of one", `name: [ "a" ]`, `c.pbtxt:1:1: field "name" wants a string, got a list`},
		{"beyond int32", "max_batch_size: 3000000000", `c.pbtxt:1:1: field "max_batch_size": 3000000000 is beyond int32`},
		{"below 0", "dynamic_batching { priority_levels: -1 }", `c.pbtxt:1:20: field "priority_levels": -1 is beyond uint64`},
		{"not UTF-8", `name: "\xff"`, `c.pbtxt:1:1: field "name" is not UTF-8`},
		{"not a block", "input: 3", `c.pbtxt:1:1: field "input" wants a block { … }, got a whole number`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ensemble.ParseConfig("c.pbtxt", []byte(tt.text))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got error %v, want one that begins with %s", err, tt.want)
			}
		})
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add(stageConfig().Marshal())
	f.Add(fullConfig().Marshal())
	f.Add(ensembleConfig().Marshal())
	f.Add([]byte(foreign))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := ensemble.ParseConfig("config.pbtxt", text)
		if err != nil {
			return
		}
		if _, err := ensemble.ParseConfig("config.pbtxt", c.Marshal()); err != nil {
			t.Errorf("what was written does not parse: %v\n%s", err, c.Marshal())
		}
	})
}
