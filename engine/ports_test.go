package engine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/graph"
	"recsys/internal/onnxpb"
	"recsys/onnx"
	"recsys/tensor"
)

// unbatched writes double without batches: y = 2x of a shape, with dims in the configuration.
func unbatched(t *testing.T, dir string, shape graph.Shape, dims string) {
	t.Helper()
	double(t, dir, "double", "1", "")
	b := graph.NewBuilder("unbatched")
	b.Output("y", b.Mul(b.Input("x", tensor.Float32, shape), b.Float32(2)))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Write(filepath.Join(dir, "double", "1", "model.onnx"), g, onnx.Meta{}); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(`name: "double" backend: "onnxruntime"
input { name: "x" data_type: TYPE_FP32 dims: DIMS } output { name: "y" data_type: TYPE_FP32 dims: DIMS }`, "DIMS", dims)
	if err := os.WriteFile(filepath.Join(dir, "double", "config.pbtxt"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestOpenRefusesAnAxisTooFew: a stage that takes one user only is no part for an ensemble of many, though Triton loads it; it may be served
// by itself.
func TestOpenRefusesAnAxisTooFew(t *testing.T) {
	dir := t.TempDir()
	unbatched(t, dir, graph.Shape{graph.Sym("L")}, "-1")
	if err := os.MkdirAll(filepath.Join(dir, "pair", "5"), 0o755); err != nil {
		t.Fatal(err)
	}
	writePair(t, dir, "1")
	if _, err := engine.Open(t.Context(), dir, engine.Options{}); err == nil || !strings.Contains(err.Error(), "requests of one user pass, those of more fail") {
		t.Errorf("a start gives %v", err)
	}
	e := open(t, dir, engine.Options{Models: []string{"double"}})
	if y := asked(t, e, tensor.Of([]float32{3, 4}, 2)); !y.Equal(tensor.Of([]float32{6, 8}, 2)) {
		t.Errorf("y = %v, want [6 8]", y.Any())
	}
}

// TestScalarWithoutBatches: a model without batches takes and gives a scalar as dims of 1.
func TestScalarWithoutBatches(t *testing.T) {
	dir := t.TempDir()
	unbatched(t, dir, graph.Shape{}, "1")
	out, _, err := open(t, dir, engine.Options{}).Infer(t.Context(), "double", tensor.Map{"x": tensor.Of([]float32{3}, 1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !out["y"].Equal(tensor.Of([]float32{6}, 1)) {
		t.Errorf("y = %v of shape %v, want [6] of [1]", out["y"].Any(), out["y"].Shape())
	}
}

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
