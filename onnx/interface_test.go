package onnx_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/onnx"
	"recsys/tensor"
)

// TestPorts reads what a model takes and gives whose operator we do not know.
func TestPorts(t *testing.T) {
	b := graph.NewBuilder("g")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(4)})
	b.Output("y", b.Sqrt(b.Add(x, b.Const("c", tensor.Zeros(tensor.Float32, 4)))))
	path := filepath.Join(t.TempDir(), "model.onnx")
	data := strings.Replace(string(marshal(t, build(t, b))), "Sqrt", "Sinh", 1)
	if err := os.WriteFile(path, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := onnx.Read(path); err == nil {
		t.Fatal("the operator is known: the test needs another one")
	}
	inputs, outputs, err := onnx.Ports(path)
	if err != nil {
		t.Fatal(err)
	}
	shape := graph.Shape{graph.Sym("B"), graph.Fixed(4)}
	if diff := cmp.Diff([]onnx.Port{{Name: "x", DType: tensor.Float32, Shape: shape}}, inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]onnx.Port{{Name: "y", DType: tensor.Float32, Shape: shape}}, outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"no model", ""} {
		if err := os.WriteFile(path, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := onnx.Ports(path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%q: got error %v, want one with the path", bad, err)
		}
	}
	if _, _, err := onnx.Ports(filepath.Dir(path)); err == nil {
		t.Error("no error for a folder")
	}
}
