package repository_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/client"
	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/test/triton"
)

// TestSeverity breaks a copy of a good repository in one way at a time: an error of the checker is an ensemble that Triton
// refuses, a warning one that it loads. All copies are loaded by one server, each from a folder of its own.
func TestSeverity(t *testing.T) {
	const stage, top = "prep", ""
	tests := []struct {
		name, model, from, to, rule string
	}{
		{name: "good"},
		{"no data type", stage, "data_type: TYPE_FP32", "", ensemble.RuleTensor},
		{"unknown field", stage, "backend", "bakend", ensemble.RuleConfig},
		{"model's output dims", stage, `"query" data_type: TYPE_FP32 dims: [ 4 ]`, `"query" data_type: TYPE_FP32 dims: [ 5 ]`, ensemble.RuleModel},
		{"no served version", stage, "versions: [ 1 ]", "versions: [ 2 ]", ensemble.RuleVersion},
		{"pin of a missing version", top, "model_version: 1", "model_version: 3", ensemble.RulePin},
		{"unmapped output", top, `key: "query" value: "query"`, `key: "x" value: "query"`, ensemble.RuleMapping},
		// The other way round, a stage of smaller batches than its own warm-up, ended the server.
		{"larger batches", top, "max_batch_size: 8", "max_batch_size: 16", ensemble.RuleMaxBatchSize},
		{"tensor for nobody", top, `output { name: "explain_query" data_type: TYPE_FP32 dims: [ 4 ] }`, "", ensemble.RuleMapping},
		{"type of an output", top, `output { name: "explain_like" data_type: TYPE_FP32`, `output { name: "explain_like" data_type: TYPE_INT64`, ensemble.RuleDType},
		{"policy latest", stage, "specific { versions: [ 1 ] }", "latest { num_versions: 1 }", ensemble.RulePolicy},
		{"unpinned step", top, "model_version: 1", "model_version: -1", ensemble.RulePolicy},
		{"output that a step reads", top, `output { name: "explain_query"`, "output { name: \"query\" data_type: TYPE_FP32 dims: [ 4 ] }\noutput { name: \"explain_query\"", ensemble.RuleOutput},
	}
	dir := t.TempDir()
	names := make([]string, len(tests))
	for i := range tests {
		names[i] = "shop" + string(rune('a'+i))
		export(t, dir, names[i])
	}
	for i, tt := range tests { // an export refuses a repository that is broken
		if tt.from == "" {
			continue
		}
		model := names[i]
		if tt.model != "" {
			model += "_" + tt.model
		}
		edit(t, filepath.Join(dir, model, ensemble.ConfigFile), tt.from, tt.to)
	}
	findings, err := ensemble.Validate(dir)
	if err != nil {
		t.Fatal(err)
	}
	server := triton.Start(t, dir, triton.Options{})
	c, err := client.New(t.Context(), server.GRPC)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			own := slices.DeleteFunc(slices.Clone(findings), func(f ensemble.Finding) bool { return !strings.HasPrefix(f.File, names[i]) })
			if tt.rule != "" && !slices.ContainsFunc(own, func(f ensemble.Finding) bool { return f.Rule == tt.rule }) {
				t.Errorf("no finding of rule %s; there are %v", tt.rule, own)
			}
			wantLoaded := !slices.ContainsFunc(own, func(f ensemble.Finding) bool {
				return f.Severity() == ensemble.SeverityError && f.Rule != ensemble.RuleManifest // which the gateway reads, not Triton
			})
			loadErr := c.Load(t.Context(), names[i], client.LoadOptions{})
			loaded, err := c.ModelReady(t.Context(), names[i], "1") // a load's status alone does not tell
			if err != nil {
				t.Fatal(err)
			}
			if loaded != wantLoaded {
				t.Errorf("Triton loads it: %v (%v), the checker says: %v", loaded, loadErr, own)
			}
		})
	}
}

func export(t *testing.T, dir, name string) {
	t.Helper()
	e, m, err := ensembletest.Shop(1)
	if err != nil {
		t.Fatal(err)
	}
	e.Name = name
	if _, err := ensemble.Write(t.Context(), dir, e, m, ensemble.Options{MaxBatch: 8}); err != nil {
		t.Fatal(err)
	}
}

func edit(t *testing.T, path, from, to string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), from) {
		t.Fatalf("%s has no %q", path, from)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
