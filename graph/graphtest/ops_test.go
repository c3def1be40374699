package graphtest_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
)

var update = flag.Bool("update", false, "write the expected outputs of testdata/ops from ONNX Runtime")

func opFile(typ string) string {
	return filepath.Join("testdata", "ops", strings.ToLower(typ)+".txt")
}

func TestStandardOps(t *testing.T) {
	ops := graph.Standard()
	for _, typ := range slices.Sorted(maps.Keys(ops)) {
		t.Run(typ, func(t *testing.T) {
			file, err := graphtest.Read(opFile(typ))
			if err != nil {
				t.Fatalf("every operator needs a data file: %v", err)
			}
			if *update {
				text, err := graphtest.Update(t, ops[typ], file)
				if err != nil {
					t.Error(err)
				}
				if err := os.WriteFile(file.Path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if file, err = graphtest.Read(file.Path); err != nil {
					t.Fatal(err)
				}
			}
			graphtest.Op(t, ops[typ], file)
		})
	}
}

func TestEveryFileHasAnOperator(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "ops", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for typ := range graph.Standard() {
		known[opFile(typ)] = true
	}
	for _, path := range files {
		if !known[path] {
			t.Errorf("%s belongs to no operator", path)
		}
	}
}
