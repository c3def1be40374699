package main

import (
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/pipeline"
)

// TestEveryModelHasARow: the registry holds models that were measured, and no others.
func TestEveryModelHasARow(t *testing.T) {
	text, err := os.ReadFile("RESULTS.json")
	if err != nil {
		t.Fatal(err)
	}
	results := map[string]result{}
	if err := json.Unmarshal(text, &results); err != nil {
		t.Fatal(err)
	}
	registry := pipeline.Standard()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(registry.Retrieval)), names(results, false)); diff != "" {
		t.Errorf("retrieval models of the registry and of RESULTS.json (-registry +results); run make quality:\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(registry.Ranking)), names(results, true)); diff != "" {
		t.Errorf("rankers of the registry and of RESULTS.json (-registry +results); run make quality:\n%s", diff)
	}
	md, err := os.ReadFile("RESULTS.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(page(results), string(md)); diff != "" {
		t.Errorf("RESULTS.md is not what RESULTS.json says (-json +md):\n%s", diff)
	}
}

// TestRowsAreRead: every row's recsys.yaml is one.
func TestRowsAreRead(t *testing.T) {
	for _, k := range kinds() {
		for _, r := range k.rows {
			if _, err := pipeline.New([]byte(k.text(r)), "", t.TempDir(), 0, pipeline.Options{}); err != nil {
				t.Errorf("%s: %v", r.Name, err)
			}
		}
	}
}
