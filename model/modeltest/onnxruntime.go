package modeltest

import (
	"testing"

	"recsys/graph"
	"recsys/onnx"
	"recsys/tensor"
	"recsys/test/ort"
)

// agreesWithONNXRuntime compares the outputs of g. It skips without ONNX Runtime.
func agreesWithONNXRuntime(t *testing.T, g *graph.Graph, in tensor.Map) {
	t.Helper()
	file, err := onnx.Marshal(g, onnx.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	want := ort.Run(t, file, in, nil)
	ort.Check(t, file)
	got, err := run(t.Context(), g, in)
	if err != nil {
		t.Fatal(err)
	}
	if err := same("against ONNX Runtime", got, want); err != nil {
		t.Error(err)
	}
}
