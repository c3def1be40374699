package pipeline

// Inside the package, because served generations with chosen metrics are written by hand.

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/ensemble"
)

// servedMetrics writes a repository of which generation 2 of 3 is served, with the given metrics.
func servedMetrics(t *testing.T, values map[string]float64) string {
	t.Helper()
	dir := t.TempDir()
	for generation, metrics := range map[string]map[string]float64{"1": {"ndcg@10": 9, "gini@10": 0}, "2": values, "3": {"ndcg@10": 9, "gini@10": 0}} {
		m, err := ensemble.ReadManifest("../model_repository/shop/1/" + ensemble.ManifestFile)
		if err != nil {
			t.Fatal(err)
		}
		m.Metrics = &ensemble.ManifestMetrics{Part: "test", Data: "d", Split: "s", Values: metrics}
		if err := os.MkdirAll(filepath.Join(dir, "shop", generation), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := writeJSON(filepath.Join(dir, "shop", generation, ensemble.ManifestFile), m); err != nil {
			t.Fatal(err)
		}
	}
	const config = "name: \"shop\"\nplatform: \"ensemble\"\nversion_policy: { specific: { versions: [2] } }\n"
	if err := writeFile(filepath.Join(dir, "shop", ensemble.ConfigFile), []byte(config)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestGate(t *testing.T) {
	margin := func(v float64) *float64 { return &v }
	for name, tt := range map[string]struct {
		gate   Gate
		served map[string]float64
		is     map[string]float64
		data   string
		want   string
	}{
		"better":               {Gate{}, map[string]float64{"ndcg@10": 0.2}, map[string]float64{"ndcg@10": 0.3}, "d", ""},
		"within":               {Gate{}, map[string]float64{"ndcg@10": 0.2}, map[string]float64{"ndcg@10": 0.181}, "d", ""},
		"beyond":               {Gate{}, map[string]float64{"ndcg@10": 0.2}, map[string]float64{"ndcg@10": 0.179}, "d", "worse by more than 10 %"},
		"other data":           {Gate{}, map[string]float64{"ndcg@10": 0.2}, map[string]float64{"ndcg@10": 0.1}, "e", "0.2000, on other data: worse"},
		"no margin":            {Gate{Margin: margin(0)}, map[string]float64{"ndcg@10": 0.2}, map[string]float64{"ndcg@10": 0.1999}, "d", "worse by more than 0 %"},
		"lower is better":      {Gate{Metric: "gini@10"}, map[string]float64{"gini@10": 0.5}, map[string]float64{"gini@10": 0.56}, "d", "gini@10 is 0.5600"},
		"lower, within":        {Gate{Metric: "gini@10"}, map[string]float64{"gini@10": 0.5}, map[string]float64{"gini@10": 0.1}, "d", ""},
		"a metric it lacks":    {Gate{}, map[string]float64{"mrr": 0.2}, map[string]float64{"ndcg@10": 0.1}, "d", ""},
		"no metrics of a run":  {Gate{}, map[string]float64{"ndcg@10": 0.2}, nil, "d", "run recsys eval"},
		"a metric that is not": {Gate{Metric: "mrr@3"}, map[string]float64{"ndcg@10": 0.2}, map[string]float64{"ndcg@10": 0.1}, "d", `no metric "mrr@3"`},
	} {
		t.Run(name, func(t *testing.T) {
			var metrics *ensemble.ManifestMetrics
			if tt.is != nil {
				metrics = &ensemble.ManifestMetrics{Part: "test", Data: tt.data, Split: "s", Values: tt.is}
			}
			err := tt.gate.check(servedMetrics(t, tt.served), "shop", metrics)
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if err := (Gate{}).check(t.TempDir(), "shop", nil); err != nil {
		t.Errorf("an empty repository: got %v", err)
	}
}
