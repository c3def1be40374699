package pipeline_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/pipeline"
	"recsys/tensor"
)

// TestSources serves three models: each brings its quota, the first what is left, and the answers are the ranker's.
func TestSources(t *testing.T) {
	const mf = `  - mf:
      dim: 32
      negatives: 2
      train: {epochs: 10, batch: 1024, learning_rate: 0.003}
`
	run, m := shopWith(t, nil, mf, "  - item_knn: {quota: 20}\n  - popularity: {quota: 15}\n  - ease\n",
		"retrieval + 0.5*cart", "cart")
	serving, chain, err := pipeline.OpenChain(run, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	k := serving.Manifest.Limits.Candidates
	want := []ensemble.ManifestSource{{Name: "two_tower", Quota: k - 35}, {Name: "item_knn", Quota: 20}, {Name: "popularity", Quota: 15}}
	if !slices.Equal(serving.Manifest.Sources, want) {
		t.Errorf("sources are %v, want %v", serving.Manifest.Sources, want)
	}
	// A request without a user or a history: what popularity and the others make of it are K items, none of them twice.
	in := tensor.Map{}
	for _, c := range serving.Manifest.Inputs {
		shape := []int{1, max(c.Length, 1)}
		if c.Length == 0 {
			shape = []int{1, 1}
		}
		in[c.Name] = tensor.Zeros(c.DType.DType, shape...)
	}
	in["blocked"] = tensor.Zeros(tensor.Uint8, 1, serving.Manifest.Blocked.Bytes)
	out, err := chain.Run(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	candidates, sources := tensor.MustData[int64](out["candidates"]), tensor.MustData[int64](out[ensemble.ExplainPrefix+"candidate_sources"])
	if distinct := slices.Compact(slices.Sorted(slices.Values(candidates))); len(distinct) != k || len(candidates) != k {
		t.Errorf("%d candidates, %d of them distinct; want %d", len(candidates), len(distinct), k)
	}
	for i, s := range want {
		n := 0
		for _, source := range sources {
			if source == int64(i) {
				n++
			}
		}
		if n != s.Quota {
			t.Errorf("%d candidates are of %s, want %d", n, s.Name, s.Quota)
		}
	}
	retrieve, filter := m.Pipeline["test"].PerStage["retrieve"], m.Pipeline["test"].PerStage["filter"]
	if first := m.Retrieval["two_tower"]["test"]["recall@10"]; retrieve["recall@10"] <= 0 || filter["recall@10"] < first/2 {
		t.Errorf("recall@10 behind retrieve is %v, behind filter %v; two_tower alone has %v", retrieve["recall@10"], filter["recall@10"], first)
	}
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		repo := filepath.Join(t.TempDir(), string(fuse))
		if _, err := pipeline.Export(t.Context(), run, repo, pipeline.ExportOptions{Options: ensemble.Options{
			Profile: ensemble.ProfileCPU, Fuse: fuse,
		}}); err != nil {
			t.Fatal(err)
		}
		if findings, err := ensemble.Validate(repo); err != nil || len(findings) > 0 {
			t.Errorf("check of %s: %v, %v; want no findings", fuse, findings, err)
		}
	}
}

func TestSourcesErrors(t *testing.T) {
	const head = `
name: a
data: {interactions: {path: i.csv, user: u, item: i, columns: {r: float32}}}
features: [{categorify: {columns: [u, i]}}]
candidates: 50
`
	const ranker = "ranking: {dlrm: {tasks: [{name: like, binary: \"r >= 4\"}]}}\n"
	for _, tt := range []struct{ name, text, want string }{
		{"of the first", "retrieval: [{ease: {quota: 5}}, mf]\n" + ranker, "ease: the first model takes the candidates that others leave"},
		{"all", "retrieval: [ease, {mf: {quota: 30}}, {popularity: {quota: 20}}]\n" + ranker, "quotas of 50 in all leave none of the 50 candidates to ease"},
		{"negative", "retrieval: [ease, {mf: {quota: -1}}]\n" + ranker, "mf: quota: -1 cannot be negative"},
		{"type", "retrieval: [ease, {mf: {quota: many}}]\n" + ranker, "quota: got text, want a whole number"},
		{"no ranker", "retrieval: [ease, {mf: {quota: 5}}]\n", "the retrieval scores of several sources cannot be compared"},
		{"blend", "retrieval: [ease, {mf: {quota: 5}}]\nordering: {blend: like + retrieval}\n" + ranker, "the retrieval scores of several sources"},
		{"index", "retrieval: [mf, {ease: {quota: 5}}]\nindex: {ivf: {lists: 4}}\n" + ranker, "index.ivf: is for one source"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := pipeline.New([]byte(head+tt.text), t.TempDir(), t.TempDir(), 0, pipeline.Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}
