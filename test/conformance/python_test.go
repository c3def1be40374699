package conformance_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// runPython runs the script of Python's clients.
func runPython(t *testing.T, python string, a addresses, dir string) []answer {
	t.Helper()
	text, err := exec.CommandContext(t.Context(), python, "testdata/script.py", a.grpc, a.http, filepath.Join(dir, "cold/1/model.onnx")).Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("script.py: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var calls [][2]any
	if err := d.Decode(&calls); err != nil {
		t.Fatal(err)
	}
	list := make([]answer, len(calls))
	for i, c := range calls {
		name, ok := c[0].(string)
		if !ok {
			t.Fatalf("call %d of script.py has the name %v", i, c[0])
		}
		list[i] = answer{name, c[1]}
	}
	return list
}

func pythonOf(t *testing.T, env string) string {
	t.Helper()
	python := os.Getenv(env)
	if python == "" {
		t.Skip(env + " is not set: Python's tritonclient is not asked; see test/ort/install.sh")
	}
	return python
}
