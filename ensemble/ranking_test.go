package ensemble_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/graph"
	"recsys/graph/exec"
	"recsys/tensor"
)

func splitShop(t *testing.T, seed uint64) (ensemble.Ensemble, ensemble.Manifest) {
	t.Helper()
	e, m, err := ensembletest.SplitShop(seed)
	if err != nil {
		t.Fatal(err)
	}
	return e, m
}

func exportSplit(t *testing.T, dir string, seed uint64, o ensemble.Options) *ensemble.Export {
	t.Helper()
	e, m := splitShop(t, seed)
	x, err := ensemble.Write(t.Context(), dir, e, m, o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestWriteSplit(t *testing.T) {
	always := []string{
		"shop/1/config.pbtxt", "shop/1/ranking.pbtxt", "shop/1/recsys.json", "shop/config.pbtxt",
		"shop_ranking/1/config.pbtxt", "shop_ranking/config.pbtxt",
	}
	tests := []struct {
		fuse   ensemble.Fuse
		models []string
		first  int // of the models are the first ensemble's
	}{
		{ensemble.FuseNone, []string{
			"shop_features", "shop_query", "shop_retrieve", "shop_filter", "shop_item_keys", "shop_item_features", "shop_rank", "shop_order",
		}, 5},
		{ensemble.FuseGroups, []string{"shop_prep", "shop_recall", "shop_score"}, 2},
		{ensemble.FuseAll, []string{"shop_all", "shop_ranking_all"}, 1},
	}
	for _, tt := range tests {
		t.Run(string(tt.fuse), func(t *testing.T) {
			dir := t.TempDir()
			x := exportSplit(t, dir, 1, ensemble.Options{Fuse: tt.fuse, MaxBatch: 8})
			if !x.Ranking || len(x.Steps) != len(tt.models) {
				t.Errorf("ranking %v with %d steps, want true with %d", x.Ranking, len(x.Steps), len(tt.models))
			}
			want := slices.Clone(always)
			for _, m := range tt.models {
				want = append(want, m+"/1/model.onnx", m+"/config.pbtxt")
			}
			slices.Sort(want)
			files := tree(t, dir)
			if diff := cmp.Diff(want, paths(files)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			r, err := ensemble.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(r.Models["shop"].Config.Steps); got != tt.first {
				t.Errorf("the first ensemble has %d steps, want %d", got, tt.first)
			}
			if of := ensemble.RankingOf(r.Models["shop_ranking"].Config); of != "shop" {
				t.Errorf("the second ensemble is the ranking of %q, want shop", of)
			}
			for _, name := range []string{"shop_ranking/config.pbtxt", "shop_ranking/1/config.pbtxt"} {
				if files[name] != files["shop/1/ranking.pbtxt"] {
					t.Errorf("%s is not the generation's", name)
				}
			}
			golden(t, "split_"+string(tt.fuse)+".pbtxt", []byte(files["shop/config.pbtxt"]))
			golden(t, "split_"+string(tt.fuse)+"_ranking.pbtxt", []byte(files["shop_ranking/config.pbtxt"]))
			golden(t, "split_"+string(tt.fuse)+".json", []byte(files["shop/1/recsys.json"]))
			clean(t, dir)
		})
	}
}

// follow runs stages on tensors and adds what they make.
func follow(t *testing.T, stages []ensemble.Stage, tensors tensor.Map) {
	t.Helper()
	for _, s := range stages {
		p, err := exec.Compile(s.Graph, exec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		in := tensor.Map{}
		for _, v := range s.Graph.Inputs {
			in[v.Name()] = tensors[v.Name()]
		}
		out, err := p.Run(t.Context(), in)
		if err != nil {
			t.Fatalf("%s: %v", s.Name, err)
		}
		maps.Copy(tensors, out)
	}
}

// TestSplitKeepsTheAnswer runs both ensembles as callers do: the second one sees nothing but what the manifest names. The sums are the same in
// the same order, so that scores are equal bit by bit.
func TestSplitKeepsTheAnswer(t *testing.T) {
	request := func() tensor.Map {
		return tensor.Map{
			"user_id": tensor.Of([]int64{101, 100, 5}, 3), "likes": tensor.Of([]int64{1, 0, 2, 0, 0, 0, 3, 1, 1}, 3, 3),
			"blocked": tensor.Of([]uint8{0x07, 0xf0, 0x0f, 0xf0, 0x47, 0xf0}, 3, 2),
		}
	}
	baked, err := shopEnsemble(t, 3).Fuse(ensemble.FuseNone)
	if err != nil {
		t.Fatal(err)
	}
	want := request()
	follow(t, baked, want)
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		t.Run(string(fuse), func(t *testing.T) {
			dir := t.TempDir()
			exportSplit(t, dir, 3, ensemble.Options{Fuse: fuse})
			m, err := ensemble.ReadManifest(filepath.Join(dir, "shop", "1", ensemble.ManifestFile))
			if err != nil {
				t.Fatal(err)
			}
			r, err := ensemble.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			e, _ := splitShop(t, 3)
			stages, err := e.Fuse(fuse)
			if err != nil {
				t.Fatal(err)
			}
			n := len(r.Models["shop"].Config.Steps)
			first := request()
			follow(t, stages[:n], first)
			keys := tensor.MustData[string](first[m.Ranking.Keys])
			prices := make([]float32, len(keys))
			for i, key := range keys {
				prices[i] = tensor.MustData[float32](ensembletest.Prices())[key[0]-'c'+3]
			}
			second := tensor.Map{ensemble.ItemPrefix + "price": tensor.Of(prices, 3, len(prices)/3)}
			for _, name := range m.Ranking.Tensors {
				second[name] = first[ensemble.RankingPrefix+name]
			}
			follow(t, stages[n:], second)
			for _, name := range []string{"item_ids", "scores"} {
				if !second[name].Equal(want[name]) {
					t.Errorf("%s is %v, want %v", name, second[name].Any(), want[name].Any())
				}
			}
		})
	}
}

func TestSplitBesideBaked(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, shopEnsemble(t, 1), ensemble.Options{})
	before := tree(t, dir)
	if x := exportSplit(t, dir, 1, ensemble.Options{}); x.Served || x.Generation != 2 {
		t.Errorf("generation %d, served %v; want 2, false", x.Generation, x.Served)
	}
	files := tree(t, dir)
	if files["shop/config.pbtxt"] != before["shop/config.pbtxt"] {
		t.Error("the served configuration was changed")
	}
	if _, ok := files["shop_ranking/config.pbtxt"]; ok || files["shop/2/ranking.pbtxt"] == "" {
		t.Error("the second ensemble is served, or was not written")
	}
	clean(t, dir)
	export(t, dir, shopEnsemble(t, 1), ensemble.Options{})
	clean(t, dir)
}

func TestSplitErrors(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*ensemble.Ensemble, *ensemble.Manifest)
		want  string
	}{
		{"no keys", func(e *ensemble.Ensemble, _ *ensemble.Manifest) { e.Keys = "" }, `keys "": want a tensor that a stage before the ranking makes`},
		{"keys of the ranking", func(e *ensemble.Ensemble, _ *ensemble.Manifest) { e.Keys = "like" }, `keys "like": want a tensor`},
		{"ranking first", func(e *ensemble.Ensemble, _ *ensemble.Manifest) {
			e.Groups[0].Ranking, e.Groups[1].Ranking = true, true
		}, `group "prep": the groups of the ranking are the last ones, behind at least one other`},
		{"ranking between", func(e *ensemble.Ensemble, _ *ensemble.Manifest) {
			e.Groups[1].Ranking, e.Groups[2].Ranking = true, false
		}, `group "score": the groups of the ranking are the last ones`},
		{"output before the ranking", func(e *ensemble.Ensemble, _ *ensemble.Manifest) {
			e.Outputs = append(slices.Clone(e.Outputs), "query")
		}, `output "query" is made before the ranking`},
		{"name", func(e *ensemble.Ensemble, _ *ensemble.Manifest) { e.Groups[2].Name = "ranking" }, `the name is that of the second ensemble`},
		{"no description", func(_ *ensemble.Ensemble, m *ensemble.Manifest) { m.Ranking = nil }, `it does not describe the ranking`},
		{
			"no column", func(_ *ensemble.Ensemble, m *ensemble.Manifest) { m.Ranking.Columns = m.Ranking.Columns[1:] },
			`the stages read input "raw_item_price", which is neither a raw column`,
		},
		{"type of a column", func(_ *ensemble.Ensemble, m *ensemble.Manifest) {
			m.Ranking.Columns = slices.Clone(m.Ranking.Columns)
			m.Ranking.Columns[0].DType.DType = tensor.Float64
		}, `input "raw_item_price" is TYPE_FP64[6], the stages read TYPE_FP32[6]`},
		{"row", func(_ *ensemble.Ensemble, m *ensemble.Manifest) { m.Ranking.Row = m.Ranking.Row[1:] }, `column "price" is not in row`},
		{"hash", func(_ *ensemble.Ensemble, m *ensemble.Manifest) { m.Ranking.RowHash = "x" }, `row_hash "x"`},
		{
			"default", func(_ *ensemble.Ensemble, m *ensemble.Manifest) {
				m.Ranking.Defaults = map[string]any{"price": "cheap"}
			},
			`default cheap (string) does not fit float32`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			e, m := splitShop(t, 1)
			tt.spoil(&e, &m)
			_, err := ensemble.Write(t.Context(), dir, e, m, ensemble.Options{})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %s", err, tt.want)
			}
			if files := tree(t, dir); len(files) > 0 {
				t.Errorf("%d files were written", len(files))
			}
		})
	}
}

func TestRankingNameTaken(t *testing.T) {
	dir := t.TempDir()
	e := shopEnsemble(t, 1)
	e.Name = "shop_ranking"
	export(t, dir, e, ensemble.Options{})
	other, m := splitShop(t, 1)
	if _, err := ensemble.Write(t.Context(), dir, other, m, ensemble.Options{}); err == nil || !strings.Contains(err.Error(), "shop_ranking is taken") {
		t.Errorf("got error %v, want one that says that the name is taken", err)
	}
}

// TestCheckFindsSplitFaults breaks an export of two ensembles in one place at a time.
func TestCheckFindsSplitFaults(t *testing.T) {
	edit := func(path, from, to string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			text, err := os.ReadFile(filepath.Join(dir, path))
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(text), from) {
				t.Fatalf("%s has no %q", path, from)
			}
			if err := os.WriteFile(filepath.Join(dir, path), []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	manifest := func(change func(r map[string]any)) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			path := filepath.Join(dir, "shop", "1", ensemble.ManifestFile)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var m map[string]any
			if err := json.Unmarshal(text, &m); err != nil {
				t.Fatal(err)
			}
			change(m["ranking"].(map[string]any))
			if text, err = json.Marshal(m); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(path string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.RemoveAll(filepath.Join(dir, path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	const file = "shop/1/recsys.json"
	tests := []mutation{
		{"no configuration", remove("shop/1/ranking.pbtxt"), ensemble.RuleManifest, file, "no such file"},
		{"not served", remove("shop_ranking"), ensemble.RuleManifest, "shop_ranking/config.pbtxt", "does not serve the ranking of shop generation 1"},
		{
			"other pins", edit("shop/1/ranking.pbtxt", "model_version: 1", "model_version: 2"), ensemble.RuleManifest, "shop_ranking/config.pbtxt",
			"does not serve the ranking of shop generation 1",
		},
		{
			"tensor too few", manifest(func(r map[string]any) { r["tensors"] = r["tensors"].([]any)[1:] }), ensemble.RuleManifest, file,
			"is nothing of this type and length that is handed over",
		},
		{
			"unknown tensor", manifest(func(r map[string]any) { r["tensors"] = append(r["tensors"].([]any), "mood") }), ensemble.RuleManifest, file,
			"is no output of the ensemble with ranking_ before it",
		},
		{"input not taken", manifest(func(r map[string]any) { r["shared"] = []any{"likes"} }), ensemble.RuleManifest, file, "is no input of shop_ranking"},
		{"keys", manifest(func(r map[string]any) { r["keys"] = "ranking_candidates" }), ensemble.RuleManifest, file, "is no output TYPE_STRING[6]"},
		{"explain", manifest(func(r map[string]any) { r["explain"] = []any{"explain_mood"} }), ensemble.RuleManifest, file, "is no output of the ensemble"},
		{"output", edit(file, `"scores": "scores"`, `"scores": "likes"`), ensemble.RuleManifest, file, "is no output of shop_ranking"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			exportSplit(t, dir, 1, ensemble.Options{})
			clean(t, dir)
			tt.spoil(t, dir)
			findings, err := ensemble.Validate(dir)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range findings {
				if f.Rule == tt.rule && f.File == tt.file && strings.Contains(f.String(), tt.want) {
					return
				}
			}
			t.Errorf("findings %v, want %s of %s with %q", findings, tt.rule, tt.file, tt.want)
		})
	}
}

// TestSplitBehindAFolder hands over what a model of another backend makes: a graph that reads it has to put the copy out, as Triton cannot
// put out what a step reads.
func TestSplitBehindAFolder(t *testing.T) {
	dir := t.TempDir()
	config := `backend: "python" max_batch_size: 64 input { name: "user_id" data_type: TYPE_INT64 dims: [ 1 ] } ` +
		`output { name: "mood" data_type: TYPE_FP32 dims: [ 6 ] }`
	if err := os.Mkdir(filepath.Join(dir, "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"config.pbtxt": config, "1/model.py": ""} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	folder, err := ensemble.OpenFolder(dir, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	reader := func(name, in, out string) ensemble.Stage {
		b := graph.NewBuilder(name)
		b.Output(out, b.Neg(b.Input(in, tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(6)})))
		g, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		return ensemble.Stage{Name: name, Graph: g}
	}
	e, m := splitShop(t, 1)
	e.Groups[0].Stages = append(e.Groups[0].Stages, ensemble.Stage{Name: "mood", Folder: folder})
	e.Groups[2].Stages = append(e.Groups[2].Stages, reader("sad", "mood", "sadness"))
	e.Explain = append(e.Explain, "sadness")
	if _, err := e.Fuse(ensemble.FuseGroups); err == nil || !strings.Contains(err.Error(), `tensor "mood" is made by a model of another backend`) {
		t.Errorf("got error %v, want one about the tensor mood", err)
	}
	e.Groups[1].Stages = append(e.Groups[1].Stages, reader("happy", "mood", "happiness"))
	e.Explain = append(e.Explain, "happiness")
	repository := t.TempDir()
	if _, err := ensemble.Write(t.Context(), repository, e, m, ensemble.Options{}); err != nil {
		t.Fatal(err)
	}
	clean(t, repository)
}
