package repository_test

import (
	"os"
	"path/filepath"
	"testing"

	"recsys/client"
	"recsys/ensemble"
	"recsys/graph"
	"recsys/onnx"
	"recsys/tensor"
	"recsys/test/triton"
)

// TestAutoComplete has a server that may complete configurations load what the checker warns of: no configuration, and one without
// backend, inputs and outputs. TestRules has one that may not.
func TestAutoComplete(t *testing.T) {
	dir := t.TempDir()
	b := graph.NewBuilder("increment")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(4)})
	b.Output("y", b.Add(x, b.Const("one", tensor.Scalar(float32(1)))))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"none": "", "empty": "max_batch_size: 4\n"} {
		version := filepath.Join(dir, name, "1")
		if err := os.MkdirAll(version, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := onnx.Write(filepath.Join(version, ensemble.DefaultModelFile), g, onnx.Meta{}); err != nil {
			t.Fatal(err)
		}
		if text == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, name, ensemble.ConfigFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	findings, err := ensemble.Validate(dir)
	if err != nil {
		t.Fatal(err)
	}
	warned := map[string]bool{}
	for _, f := range findings {
		if f.Severity() != ensemble.SeverityWarning {
			t.Error(f)
		}
		if f.Rule == ensemble.RuleAutoComplete {
			warned[filepath.Dir(f.File)] = true
		}
	}
	if len(warned) != 2 {
		t.Errorf("warned of %v, want both", warned)
	}
	server := triton.Start(t, dir, triton.Options{AutoComplete: true})
	c := connect(t, server)
	for _, name := range []string{"none", "empty"} {
		if err := c.Load(t.Context(), name, client.LoadOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
