package kernel_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestAssemblerIsAsGenerated runs the generators, which write into the folder that they run in.
func TestAssemblerIsAsGenerated(t *testing.T) {
	source, err := os.ReadFile("set.go")
	if err != nil {
		t.Fatal(err)
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	command, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command")
	}
	dir := t.TempDir()
	for line := range strings.Lines(string(source)) {
		names, ok := strings.CutPrefix(strings.TrimSpace(line), "//go:generate go run ")
		if !ok {
			continue
		}
		args := []string{"run"}
		for name := range strings.FieldsSeq(names) {
			args = append(args, filepath.Join(here, name))
		}
		cmd := exec.CommandContext(t.Context(), command, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOOS=", "GOARCH=", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", names, err, out)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 6 {
		t.Fatalf("%d files, want a .go and a .s of three sets: %v", len(files), err)
	}
	for _, f := range files {
		got, err := os.ReadFile(f.Name())
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is not what go generate writes", f.Name())
		}
	}
}
