package engine_test

import (
	"os"
	"path/filepath"
	"testing"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/internal/onnxpb"
	"recsys/tensor"
)

// TestUnusedInput: a model may have an input that nothing in it uses, as exporters leave them; requests give it all the same.
func TestUnusedInput(t *testing.T) {
	dir := t.TempDir()
	double(t, dir, "double", "1", `dynamic_batching { } input { name: "idle" data_type: TYPE_INT64 dims: 2 }`)
	path := filepath.Join(dir, "double", "1", "model.onnx")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := onnxpb.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	m.Graph.Inputs = append(m.Graph.Inputs, &onnxpb.ValueInfo{Name: "idle", Type: &onnxpb.Type{Tensor: &onnxpb.TensorType{
		ElemType: onnxpb.Int64, Shape: &onnxpb.Shape{Dims: []*onnxpb.Dim{{Param: "B"}, {HasValue: true, Value: 2}}},
	}}})
	if err := os.WriteFile(path, m.Marshal(), 0o600); err != nil {
		t.Fatal(err)
	}
	findings, err := ensemble.Validate(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		if f.Severity() == ensemble.SeverityError {
			t.Error(f)
		}
	}
	e := open(t, dir, engine.Options{})
	x := tensor.Of([]float32{1, 2}, 2, 1)
	out, _, err := e.Infer(t.Context(), "double", tensor.Map{"x": x, "idle": tensor.Zeros(tensor.Int64, 2, 2)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !out["y"].Equal(tensor.Of([]float32{2, 4}, 2, 1)) {
		t.Errorf("y = %v, want 2x", out["y"].Any())
	}
	if _, _, err := e.Infer(t.Context(), "double", tensor.Map{"x": x}, nil); err == nil {
		t.Error("a request without the input is answered; Triton refuses it")
	}
}
