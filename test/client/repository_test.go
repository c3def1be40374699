package client_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"recsys/client"
	"recsys/test/triton"
)

// types are those that the Python ONNX Runtime backend takes: identity.onnx has an input and an output for each.
var types = []string{ // a constant list
	"bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64", "float16", "float32", "float64", "string",
}

const addConfig = `
name: "add"
backend: "onnxruntime"
max_batch_size: 8
input [
  { name: "a" data_type: TYPE_FP32 dims: 3 },
  { name: "b" data_type: TYPE_FP32 dims: 3 }
]
output [
  { name: "sum" data_type: TYPE_FP32 dims: 3 },
  { name: "product" data_type: TYPE_FP32 dims: 3 }
]
instance_group { kind: KIND_CPU count: 1 }
version_policy { specific { versions: [1, 2] } }
dynamic_batching { default_queue_policy { allow_timeout_override: true } }
`

// square is an ensemble of add: (a + a) and (a * a).
const squareConfig = `
name: "square"
platform: "ensemble"
max_batch_size: 8
input { name: "x" data_type: TYPE_FP32 dims: 3 }
output [
  { name: "doubled" data_type: TYPE_FP32 dims: 3 },
  { name: "squared" data_type: TYPE_FP32 dims: 3 }
]
ensemble_scheduling {
  step {
    model_name: "add"
    model_version: 1
    input_map { key: "a" value: "x" }
    input_map { key: "b" value: "x" }
    output_map { key: "sum" value: "doubled" }
    output_map { key: "product" value: "squared" }
  }
}
version_policy { specific { versions: 7 } }
`

func identityConfig() string {
	var b strings.Builder
	b.WriteString("name: \"identity\"\nbackend: \"onnxruntime\"\nmax_batch_size: 8\n")
	for _, name := range types {
		config := "TYPE_" + strings.ToUpper(strings.Replace(name, "float", "fp", 1))
		fmt.Fprintf(&b, "input { name: \"x_%s\" data_type: %s dims: -1 }\n", name, config)
		fmt.Fprintf(&b, "output { name: \"y_%s\" data_type: %s dims: -1 }\n", name, config)
	}
	b.WriteString("instance_group { kind: KIND_CPU count: 1 }\n")
	return b.String()
}

// repository writes the models above into a folder.
func repository(tb testing.TB) string {
	tb.Helper()
	dir := tb.TempDir()
	write := func(path string, data []byte) {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	write("identity/config.pbtxt", []byte(identityConfig()))
	write("identity/1/model.onnx", onnx(tb, "identity.onnx"))
	write("add/config.pbtxt", []byte(addConfig))
	write("add/1/model.onnx", onnx(tb, "add.onnx"))
	write("add/2/model.onnx", onnx(tb, "add.onnx"))
	write("square/config.pbtxt", []byte(squareConfig))
	write("square/7/.keep", nil)
	return dir
}

func onnx(tb testing.TB, name string) []byte {
	tb.Helper()
	data, err := os.ReadFile(filepath.Join("..", "ort", "testdata", name))
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// connect starts a server with the models, and returns a client of it.
func connect(tb testing.TB, models ...string) (*triton.Server, *client.Client) {
	tb.Helper()
	s := triton.Start(tb, repository(tb), triton.Options{LoadModels: models})
	return s, dial(tb, s.GRPC)
}

func dial(tb testing.TB, target string, opts ...client.Option) *client.Client {
	tb.Helper()
	c, err := client.New(tb.Context(), target, append(opts, client.WithTimeout(30*time.Second))...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := c.Close(); err != nil {
			tb.Error(err)
		}
	})
	return c
}
