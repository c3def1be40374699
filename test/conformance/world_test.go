package conformance_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/graph"
	"recsys/onnx"
	"recsys/tensor"
)

// types are those of identity.onnx, each with its name in config.pbtxt.
var types = [][2]string{
	{"bool", "BOOL"},
	{"uint8", "UINT8"},
	{"uint16", "UINT16"},
	{"uint32", "UINT32"},
	{"uint64", "UINT64"},
	{"int8", "INT8"},
	{"int16", "INT16"},
	{"int32", "INT32"},
	{"int64", "INT64"},
	{"float16", "FP16"},
	{"float32", "FP32"},
	{"float64", "FP64"},
	{"string", "STRING"},
}

// configs are the models' configurations by folder, without name and backend.
var configs = map[string]string{
	"add": `max_batch_size: 4
input [ { name: "a" data_type: TYPE_FP32 dims: 3 }, { name: "b" data_type: TYPE_FP32 dims: 3 } ]
output [ { name: "sum" data_type: TYPE_FP32 dims: 3 }, { name: "product" data_type: TYPE_FP32 dims: 3 } ]
instance_group { kind: KIND_CPU count: 1 }
version_policy { specific { versions: [ 1, 3 ] } }
metric_tags { key: "stage" value: "rank" }
`,
	"latest": `max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: 3 }
output { name: "y" data_type: TYPE_FP32 dims: 3 }
instance_group { kind: KIND_CPU count: 1 }
version_policy { latest { num_versions: 2 } }
`,
	"all": `input { name: "x" data_type: TYPE_FP32 dims: [ -1, 3 ] }
output { name: "y" data_type: TYPE_FP32 dims: [ -1, 3 ] }
instance_group { kind: KIND_CPU count: 1 }
version_policy { all { } }
`,
	"lookup": `max_batch_size: 4
input { name: "i" data_type: TYPE_INT64 dims: 1 reshape { shape: [ ] } }
output { name: "row" data_type: TYPE_FP32 dims: 2 }
instance_group { kind: KIND_CPU count: 1 }
dynamic_batching { preferred_batch_size: [ 4 ] max_queue_delay_microseconds: 3000000 }
`,
	"queue": `max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: 3 }
output { name: "y" data_type: TYPE_FP32 dims: 3 }
instance_group { kind: KIND_CPU count: 1 }
dynamic_batching {
  preferred_batch_size: [ 8 ]
  max_queue_delay_microseconds: 9000000
  priority_levels: 2
  default_priority_level: 2
  default_queue_policy { default_timeout_microseconds: 2000000 allow_timeout_override: true max_queue_size: 2 }
}
`,
	"square": `platform: "ensemble"
max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: 3 }
output [ { name: "doubled" data_type: TYPE_FP32 dims: 3 }, { name: "squared" data_type: TYPE_FP32 dims: 3 } ]
ensemble_scheduling { step {
  model_name: "add" model_version: 1
  input_map { key: "a" value: "x" } input_map { key: "b" value: "x" }
  output_map { key: "sum" value: "doubled" } output_map { key: "product" value: "squared" }
} }
version_policy { specific { versions: 7 } }
`,
	"chain": `platform: "ensemble"
max_batch_size: 4
input { name: "i" data_type: TYPE_INT64 dims: 1 }
output { name: "row" data_type: TYPE_FP32 dims: 2 }
ensemble_scheduling { step {
  model_name: "lookup" model_version: -1
  input_map { key: "i" value: "i" }
  output_map { key: "row" value: "row" }
} }
`,
	"kept": `max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: 3 }
output { name: "y" data_type: TYPE_FP32 dims: 3 }
instance_group { kind: KIND_CPU count: 1 }
response_cache { enable: true }
`,
	"keeper": `platform: "ensemble"
max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: 3 }
output { name: "y" data_type: TYPE_FP32 dims: 3 }
ensemble_scheduling { step {
  model_name: "kept" model_version: 1
  input_map { key: "x" value: "x" }
  output_map { key: "y" value: "y" }
} }
response_cache { enable: true }
`,
	"wrong": `max_batch_size: 4
input { name: "x" data_type: TYPE_INT64 dims: 3 }
output { name: "y" data_type: TYPE_FP32 dims: 3 }
`,
	"cold": `max_batch_size: 4
input { name: "x" data_type: TYPE_FP32 dims: 3 }
output { name: "y" data_type: TYPE_FP32 dims: 3 }
instance_group { kind: KIND_CPU count: 1 }
`,
}

// loaded are the models that both servers load at their start.
var loaded = []string{"identity", "square", "add", "latest", "all", "chain", "lookup", "queue", "kept", "keeper"}

// cacheSize is what both servers keep answers in, in bytes: more than those of the script.
const cacheSize = 1 << 20

// repository writes the models of the script.
func repository(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	identity, err := os.ReadFile("../ort/testdata/identity.onnx")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "identity/1/model.onnx", identity)
	write(t, dir, "identity/config.pbtxt", []byte(identityConfig()))
	for name, text := range configs {
		if !strings.Contains(text, "platform:") {
			text = "backend: \"onnxruntime\"\n" + text
		}
		write(t, dir, name+"/config.pbtxt", fmt.Appendf(nil, "name: %q\n%s", name, text))
	}
	for _, folder := range []string{"square/7", "chain/1", "keeper/1"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "add/1/model.onnx", addModel(t, false))
	write(t, dir, "add/2/model.onnx", addModel(t, false))
	write(t, dir, "add/3/model.onnx", addModel(t, true))
	for i, path := range []string{"latest/1", "latest/2", "latest/10", "all/1", "all/4", "queue/1", "kept/1", "wrong/1", "cold/1", "cold/2"} {
		write(t, dir, path+"/model.onnx", scaleModel(t, float32(i+1)))
	}
	write(t, dir, "lookup/1/model.onnx", lookupModel(t))
	return dir
}

func write(t *testing.T, dir, path string, data []byte) {
	t.Helper()
	path = filepath.Join(dir, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func identityConfig() string {
	var b strings.Builder
	b.WriteString("name: \"identity\"\nbackend: \"onnxruntime\"\nmax_batch_size: 8\ninstance_group { kind: KIND_CPU count: 1 }\n")
	for _, t := range types {
		fmt.Fprintf(&b, "input { name: \"x_%s\" data_type: TYPE_%s dims: -1 }\n", t[0], t[1])
		fmt.Fprintf(&b, "output { name: \"y_%s\" data_type: TYPE_%s dims: -1 }\n", t[0], t[1])
	}
	return b.String()
}

func marshal(t *testing.T, b *graph.Builder) []byte {
	t.Helper()
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

// addModel makes sum = a + b, or a - b for less, and product = a * b, [B,3].
func addModel(t *testing.T, less bool) []byte {
	t.Helper()
	b := graph.NewBuilder("add")
	x, y := b.Input("a", tensor.Float32, rows(3)), b.Input("b", tensor.Float32, rows(3))
	if less {
		b.Output("sum", b.Sub(x, y))
	} else {
		b.Output("sum", b.Add(x, y))
	}
	b.Output("product", b.Mul(x, y))
	return marshal(t, b)
}

// scaleModel makes y = factor * x, [B,3].
func scaleModel(t *testing.T, factor float32) []byte {
	t.Helper()
	b := graph.NewBuilder("scale")
	b.Output("y", b.Mul(b.Input("x", tensor.Float32, rows(3)), b.Float32(factor)))
	return marshal(t, b)
}

// lookupModel makes row = table[i], [B] to [B,2] of 4 rows: other indices fail.
func lookupModel(t *testing.T) []byte {
	t.Helper()
	b := graph.NewBuilder("lookup")
	table := b.Const("table", tensor.Of([]float32{0, 1, 10, 11, 20, 21, 30, 31}, 4, 2))
	b.Output("row", b.Gather(table, b.Input("i", tensor.Int64, rows()), 0))
	return marshal(t, b)
}

// rows is the shape [B,sizes...].
func rows(sizes ...int) graph.Shape {
	shape := graph.Shape{graph.Sym("B")}
	for _, n := range sizes {
		shape = append(shape, graph.Fixed(n))
	}
	return shape
}
