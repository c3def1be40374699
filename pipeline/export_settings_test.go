package pipeline_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/pipeline"
)

// notes collects what an export says.
type notes struct {
	logReporter
	said []string
}

func (n *notes) Note(text string) { n.said = append(n.said, text) }
func (n *notes) text() string     { return strings.Join(n.said, "\n") }

const small = `
name: a
data: {interactions: {path: i.csv, user: u, item: i}}
features: [{categorify: {columns: [u, i]}}]
retrieval: [popularity]
`

func TestExportSettingsErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"key", "export: {profil: cpu}", `unknown field "profil"`},
		{"profile", "export: {profile: cqu}", `export.profile: unknown "cqu"; there are: auto, cpu, gpu, gpu-tensorrt; did you mean "cpu"?`},
		{"fuse", "export: {fuse: some}", `export.fuse: unknown "some"; there are: none, groups, all`},
		{"memory", "export: {memory: much}", `"much" is no size; write such as 512MiB or 2GB`},
		{"batch", "export: {max_batch: 1.5}", "export.max_batch: got 1.5, want a whole number"},
		{"negative batch", "export: {max_batch: -1}", "export.max_batch: -1 has to be 0 or more"},
		{"field", "export: {stages: {recall: {instance_grup: {count: 2}}}}", `export.stages: line 6: recall: unknown setting "instance_grup"; did you mean "instance_group"?`},
		{"inner field", "export: {stages: {recall: {dynamic_batching: {max_que_size: 2}}}}", `unknown setting "max_que_size"; did you mean "max_queue_size"?`},
		{"type", "export: {stages: {recall: {instance_group: {count: two}}}}", "recall: count: got text, want a whole number"},
		{"no settings", "export: {stages: {recall: 2}}", "line 6: recall: settings in braces are wanted"},
		{"no names", "export: {stages: [recall]}", "line 6: names with their settings are wanted"},
		{"profiles", "export: {profiles: {gqu: {recall: {}}}}", `export.profiles: unknown "gqu"`},
		{"field of a profile", "export: {profiles: {gpu: {recall: {count: 2, kind: x}}}}", `export.profiles.gpu: line 6: recall: unknown setting`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := pipeline.ParseConfig([]byte(small + tt.text + "\n"))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %s", err, tt.want)
			}
		})
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]pipeline.Size{"0": 0, "12": 12, "1.5KiB": 1536, "2 MB": 2e6, "512MiB": 512 << 20, "3GiB": 3 << 30, "1kB": 1000, "8B": 8} {
		var got pipeline.Size
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "-1", "1TB", "0.3B", "NaN", "Inf", "1e30GiB"} {
		var got pipeline.Size
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
	for size, want := range map[pipeline.Size]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 5 << 30: "5.0 GiB"} {
		if got := size.String(); got != want {
			t.Errorf("%d is written %q, want %q", int64(size), got, want)
		}
	}
}

func writeSettings(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestExportSettings exports a run with the settings of a file and looks at the models' configurations.
func TestExportSettings(t *testing.T) {
	run, _ := shop(t, nil)
	settings, err := pipeline.ReadExportSettings(writeSettings(t, `
name: whatever
export:
  profile: cpu
  memory: 4MiB
  stages:
    default: {metric_tags: {team: 7}, instance_group: {count: 2}}
    score: {instance_group: {count: 3}, parameters: {intra_op_thread_count: 4}, graph_level: 2}
    recall:
      dynamic_batching:
        priority_levels: 2
        default_priority_level: 2
        priority_queue_policy: {1: {max_queue_size: 8}}
    rank: {max_batch_size: 128}
    ensemble: {response_cache: true}
    prep: {dynamic_batching: null, checksums: true}
  profiles:
    cpu: {score: {graph_level: 1}}
    gpu: {score: {graph_level: -1}}
`))
	if err != nil {
		t.Fatal(err)
	}
	repo, said := t.TempDir(), &notes{logReporter: logReporter{t}}
	x, err := pipeline.Export(t.Context(), run, repo, pipeline.ExportOptions{Settings: settings, Reporter: said})
	if err != nil {
		t.Fatal(err)
	}
	// 600 items and 200 candidates of 4 bytes a value and some: 4 MiB hold no full batch of 64.
	if x.MaxBatch >= 64 || x.MaxBatch < 1 {
		t.Errorf("max batch %d within 4 MiB", x.MaxBatch)
	}
	if want := `no model is called rank with fuse groups`; !strings.Contains(said.text(), want) {
		t.Errorf("notes %q lack %q", said.text(), want)
	}
	config := func(model string) *ensemble.Config {
		c, err := ensemble.ReadConfig(filepath.Join(repo, model, ensemble.ConfigFile))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	prep, recall, score, whole := config("shop_prep"), config("shop_recall"), config("shop_score"), config("shop")
	check := func(what string, got, want any) {
		t.Helper()
		if got != want {
			t.Errorf("%s is %v, want %v", what, got, want)
		}
	}
	check("default tag", prep.MetricTags["team"], "7")
	check("tag of the profile", prep.MetricTags["stage"], "prep")
	check("batching of prep", prep.DynamicBatching, (*ensemble.DynamicBatching)(nil))
	check("agents of prep", len(prep.Agents), 1)
	check("instances of prep", prep.InstanceGroups[0].Count, 2)
	check("instances of score", score.InstanceGroups[0].Count, 3)
	check("kind of score", score.InstanceGroups[0].Kind, "KIND_CPU")
	check("threads of score", score.Parameters["intra_op_thread_count"], "4")
	check("threads of recall", recall.Parameters["intra_op_thread_count"], "1")
	check("level of score", *score.Optimization.GraphLevel, 1)
	check("queue of recall", recall.DynamicBatching.PriorityQueuePolicy[1].MaxQueueSize, int64(8))
	check("cache", whole.ResponseCache, true)
	check("cache of score", score.ResponseCache, false)
	check("tag of the ensemble", whole.MetricTags["team"], "")
	findings, err := ensemble.Validate(repo)
	faulty := func(f ensemble.Finding) bool { return f.Severity() == ensemble.SeverityError } // what was asked for gives warnings
	if err != nil || slices.ContainsFunc(findings, faulty) {
		t.Errorf("check: %v, %v", findings, err)
	}

	misspelled, err := pipeline.NewBlock("recal", struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	misspelled.Line = 9
	settings.Stages = append(settings.Stages, misspelled)
	if _, err := pipeline.Export(t.Context(), run, t.TempDir(), pipeline.ExportOptions{Settings: settings}); err == nil ||
		!strings.Contains(err.Error(), `line 9: unknown stage "recal"; there are: all, default, ensemble`) ||
		!strings.Contains(err.Error(), `did you mean "recall"?`) {
		t.Errorf("got error %v, want one that names recall", err)
	}

	// The dense part of the ranker becomes a model of its own.
	tensorRT := t.TempDir()
	x, err = pipeline.Export(t.Context(), run, tensorRT, pipeline.ExportOptions{Options: ensemble.Options{Profile: ensemble.ProfileTensorRT}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(x.Steps, func(s ensemble.Step) bool { return s.Model == "shop_rank_dense" }) {
		t.Errorf("no model of the dense part among %v", x.Steps)
	}
	if findings, err := ensemble.Validate(tensorRT); err != nil || len(findings) > 0 {
		t.Errorf("check: %v, %v", findings, err)
	}
}

func TestReadExportSettingsErrors(t *testing.T) {
	for text, want := range map[string]string{
		"name: a\n":                   "there is no export block",
		"export: {fuse: x}\n":         `export.fuse: unknown "x"`,
		"export: {fusing: all}\n":     `unknown field "fusing"`,
		"export: {":                   "settings.yaml",
		"export:\n  stages: {a: {}\n": "settings.yaml",
	} {
		if _, err := pipeline.ReadExportSettings(writeSettings(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got error %v, want one with %s", text, err, want)
		}
	}
}
