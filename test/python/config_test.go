package python_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/internal/pbtxt"
	"recsys/test/ort"
)

// TestConfigsAsProtobufReadsThem has Python's protobuf read foreign configurations and spoiled ones: it takes what ParseConfig takes, and
// what pbtxt makes of a text says the same as the text.
func TestConfigsAsProtobufReadsThem(t *testing.T) {
	python := os.Getenv(ort.Env)
	if python == "" {
		t.Skip(ort.Env + " is not set: no protobuf of Python's to ask; see test/ort/install.sh")
	}
	paths, err := filepath.Glob("../../ensemble/testdata/foreign/*/config.pbtxt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no foreign configurations: %v", err)
	}
	var pairs [][2]*string
	var faults []error
	add := func(text string) {
		_, err := ensemble.ParseConfig("config.pbtxt", []byte(text))
		faults = append(faults, err)
		pair := [2]*string{&text}
		if tree, err := pbtxt.Parse([]byte(text)); err == nil {
			again := string(tree.Marshal())
			pair[1] = &again
		}
		pairs = append(pairs, pair)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		add(string(text))
		words := strings.SplitAfter(string(text), " ")
		for i := range words {
			add(strings.Join(slices.Delete(slices.Clone(words), i, i+1), ""))
			add(strings.Join(slices.Insert(slices.Clone(words), i, words[i]), ""))
		}
	}
	in, err := json.Marshal(pairs)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "configs.py")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var answers []string
	if err := json.Unmarshal(out, &answers); err != nil || len(answers) != len(pairs) {
		t.Fatalf("%d answers to %d texts: %v", len(answers), len(pairs), err)
	}
	refused := 0
	for i, answer := range answers {
		if strings.HasPrefix(answer, "refused") {
			refused++
		}
		if strings.HasPrefix(answer, "refused") != (faults[i] != nil) || answer == "different" {
			t.Errorf("protobuf says %q, ParseConfig %v to\n%s", answer, faults[i], *pairs[i][0])
		}
	}
	t.Logf("%d texts, %d refused", len(answers), refused)
}
