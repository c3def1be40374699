package triton_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/test/triton"
)

const addConfig = `
name: "add"
backend: "onnxruntime"
max_batch_size: 8
input [
  { name: "a" data_type: TYPE_FP32 dims: 3 },
  { name: "b" data_type: TYPE_FP32 dims: 3 }
]
output { name: "sum" data_type: TYPE_FP32 dims: 3 }
instance_group { kind: KIND_CPU count: 1 }
`

// repository writes a model repository with the model add, which has two inputs and the outputs sum and product.
func repository(tb testing.TB, config string) string {
	tb.Helper()
	model, err := os.ReadFile("../ort/testdata/add.onnx")
	if err != nil {
		tb.Fatal(err)
	}
	dir := tb.TempDir()
	for path, data := range map[string][]byte{"add/config.pbtxt": []byte(config), "add/1/model.onnx": model} {
		path = filepath.Join(dir, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
	return dir
}

func post(tb testing.TB, url, body string) (int, string) {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	request.Close = true // a kept connection would delay the server's end
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		tb.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func TestStartServes(t *testing.T) {
	s := triton.Start(t, repository(t, addConfig), triton.Options{LoadModels: []string{"add"}})
	status, got := post(t, "http://"+s.HTTP+"/v2/models/add/infer", `{
		"inputs": [{"name": "a", "datatype": "FP32", "shape": [1, 3], "data": [1, 2, 3]},
		           {"name": "b", "datatype": "FP32", "shape": [1, 3], "data": [10, 20, 30]}]}`)
	if want := `"data":[11.0,22.0,33.0]`; status != http.StatusOK || !strings.Contains(got, want) {
		t.Errorf("got %d %s, want one with %s", status, got, want)
	}
	if strings.Contains(got, "product") {
		t.Errorf("got an output that the configuration leaves out: %s", got)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err != nil {
		t.Errorf("second stop: %v", err)
	}
}

// TestWrongConfigsAreRefused shows that the Python backend holds configurations to the model. Each edit breaks one
// rule; all of them are loaded by one server, which says why each is refused.
func TestWrongConfigsAreRefused(t *testing.T) {
	const goodInput = `name: "b" data_type: TYPE_FP32 dims: 3`
	tests := []struct{ name, from, to, want string }{
		{"datatype", goodInput, `name: "b" data_type: TYPE_INT64 dims: 3`, "expects datatype TYPE_INT64 for input 'b'"},
		{"input name", goodInput, `name: "c" data_type: TYPE_FP32 dims: 3`, "unexpected inference input 'c', allowed inputs are: a, b"},
		{"input dims", goodInput, `name: "b" data_type: TYPE_FP32 dims: 4`, "tensor 'b': the model expects 2 dimensions (shape [-1, 3])"},
		{"missing input", ",\n  { " + goodInput + " }", "", "configuration expects 1 inputs, model provides 2"},
		{"output name", `name: "sum"`, `name: "total"`, "unexpected inference output 'total'"},
		{"free output dim", `name: "sum" data_type: TYPE_FP32 dims: 3`, `name: "sum" data_type: TYPE_FP32 dims: -1`, "tensor 'sum'"},
		{"optional input", goodInput, goodInput + " optional: true", "optional input 'b' is not supported"},
		{"ragged input", goodInput, goodInput + " allow_ragged_batch: true", "a ragged input is not supported"},
		{"gpu", "KIND_CPU", "KIND_GPU", "has kind KIND_GPU but no GPUs are available"},
		{
			"accelerator", "max_batch_size", "optimization { execution_accelerators { gpu_execution_accelerator { name: \"fast\" } } }\nmax_batch_size",
			"unknown Execution Accelerator 'fast'",
		},
	}
	dir := repository(t, addConfig)
	s := triton.Start(t, dir, triton.Options{})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			config := strings.Replace(addConfig, tt.from, tt.to, 1)
			if config == addConfig {
				t.Fatalf("the configuration does not contain %q", tt.from)
			}
			if err := os.WriteFile(filepath.Join(dir, "add", "config.pbtxt"), []byte(config), 0o644); err != nil {
				t.Fatal(err)
			}
			status, got := post(t, "http://"+s.HTTP+"/v2/repository/models/add/load", "")
			if status == http.StatusOK || !strings.Contains(got, tt.want) {
				t.Errorf("got %d %s, want an error with %q", status, got, tt.want)
			}
		})
	}
}
