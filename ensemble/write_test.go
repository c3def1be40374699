package ensemble_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/graph/exec"
	"recsys/tensor"
)

// tree lists every file below dir; with content it maps them to what they hold.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func paths(files map[string]string) []string {
	var list []string
	for path := range files {
		list = append(list, path)
	}
	slices.Sort(list)
	return list
}

func export(t *testing.T, dir string, e ensemble.Ensemble, o ensemble.Options) *ensemble.Export {
	t.Helper()
	x, err := ensemble.Write(t.Context(), dir, e, shopManifest(), o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func clean(t *testing.T, dir string) {
	t.Helper()
	findings, err := ensemble.Validate(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings {
		t.Errorf("finding: %s", f)
	}
}

func TestWrite(t *testing.T) {
	tests := []struct {
		fuse  ensemble.Fuse
		files []string
	}{
		{ensemble.FuseNone, []string{
			"shop/1/config.pbtxt", "shop/1/features/users.rows", "shop/1/recsys.json", "shop/config.pbtxt",
			"shop_features/1/model.onnx", "shop_features/config.pbtxt", "shop_filter/1/model.onnx", "shop_filter/config.pbtxt",
			"shop_lookup/1/model.onnx", "shop_lookup/config.pbtxt", "shop_order/1/model.onnx", "shop_order/config.pbtxt",
			"shop_query/1/model.onnx", "shop_query/config.pbtxt", "shop_rank/1/model.onnx", "shop_rank/config.pbtxt",
			"shop_retrieve/1/model.onnx", "shop_retrieve/config.pbtxt",
		}},
		{ensemble.FuseGroups, []string{
			"shop/1/config.pbtxt", "shop/1/features/users.rows", "shop/1/recsys.json", "shop/config.pbtxt",
			"shop_prep/1/model.onnx", "shop_prep/config.pbtxt", "shop_recall/1/model.onnx", "shop_recall/config.pbtxt",
			"shop_score/1/model.onnx", "shop_score/config.pbtxt",
		}},
		{ensemble.FuseAll, []string{
			"shop/1/config.pbtxt", "shop/1/features/users.rows", "shop/1/recsys.json", "shop/config.pbtxt",
			"shop_all/1/model.onnx", "shop_all/config.pbtxt",
		}},
	}
	for _, tt := range tests {
		t.Run(string(tt.fuse), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "repository")
			x := export(t, dir, shopEnsemble(t, 1), ensemble.Options{Fuse: tt.fuse, MaxBatch: 8, Files: func(dir string) error {
				if err := os.Mkdir(filepath.Join(dir, "features"), 0o755); err != nil {
					return err
				}
				return os.WriteFile(filepath.Join(dir, "features", "users.rows"), []byte("rows"), 0o600)
			}})
			if !x.Served || x.Generation != 1 {
				t.Errorf("got generation %d, served %v; want 1, true", x.Generation, x.Served)
			}
			files := tree(t, dir)
			if diff := cmp.Diff(tt.files, paths(files)); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
			if files["shop/config.pbtxt"] != files["shop/1/config.pbtxt"] {
				t.Error("the served configuration is not the generation's")
			}
			golden(t, "shop_"+string(tt.fuse)+".pbtxt", []byte(files["shop/config.pbtxt"]))
			golden(t, "shop_"+string(tt.fuse)+".json", []byte(files["shop/1/recsys.json"]))
			if tt.fuse == ensemble.FuseGroups {
				golden(t, "shop_prep.pbtxt", []byte(files["shop_prep/config.pbtxt"]))
			}
			clean(t, dir)

			again := filepath.Join(t.TempDir(), "again")
			export(t, again, shopEnsemble(t, 1), ensemble.Options{Fuse: tt.fuse, MaxBatch: 8})
			delete(files, "shop/1/features/users.rows")
			if diff := cmp.Diff(files, tree(t, again)); diff != "" {
				t.Error("a second export differs")
			}
		})
	}
}

func TestFuseKeepsTheAnswer(t *testing.T) {
	in := tensor.Map{
		"user_id": tensor.Of([]int64{101, 100, 5}, 3), "likes": tensor.Zeros(tensor.Int64, 3, 3),
		"blocked": tensor.Of([]uint8{8, 0, 0, 0, 255, 15}, 3, 2),
	}
	var want tensor.Map
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		stages, err := shopEnsemble(t, 1).Fuse(fuse)
		if err != nil {
			t.Fatal(err)
		}
		tensors := tensor.Map{}
		maps.Copy(tensors, in)
		for _, s := range stages {
			maps.Copy(tensors, evaluate(t, s.Graph, tensors))
		}
		if want == nil {
			want = tensors
		}
		for _, name := range []string{"item_ids", "scores"} {
			if !tensors[name].Equal(want[name]) {
				t.Errorf("fuse %s: %s is %v, unfused %v", fuse, name, tensors[name].Any(), want[name].Any())
			}
		}
	}
}

func evaluate(t *testing.T, g *graph.Graph, in tensor.Map) tensor.Map {
	t.Helper()
	p, err := exec.Compile(g, exec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	own := tensor.Map{}
	for _, v := range g.Inputs {
		own[v.Name()] = in[v.Name()]
	}
	out, err := p.Run(t.Context(), own)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestExplainChoosesOutputs(t *testing.T) {
	e := shopEnsemble(t, 1)
	e.Explain = []string{"candidate_scores"}
	stages, err := e.Fuse(ensemble.FuseGroups)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range stages {
		for _, o := range s.Graph.Outputs {
			got = append(got, s.Name+"."+o.Name)
		}
	}
	want := []string{
		"prep.encoded_user_id", "prep.query", "recall.candidates", "recall.explain_candidate_scores", "recall.masked_scores",
		"score.item_ids", "score.scores",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
}

func TestSecondGeneration(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, shopEnsemble(t, 1), ensemble.Options{})
	before := tree(t, dir)
	x := export(t, dir, shopEnsemble(t, 2), ensemble.Options{})
	if x.Served || x.Generation != 2 {
		t.Errorf("got generation %d, served %v; want 2, false", x.Generation, x.Served)
	}
	after := tree(t, dir)
	for path, data := range before {
		stageConfig := strings.HasSuffix(path, "config.pbtxt") && strings.HasPrefix(path, "shop_")
		if after[path] != data && !stageConfig {
			t.Errorf("%s was changed", path)
		}
	}
	if !strings.Contains(after["shop_prep/config.pbtxt"], "versions: [ 1, 2 ]") {
		t.Errorf("the stage does not serve both generations:\n%s", after["shop_prep/config.pbtxt"])
	}
	// The last group's weights differ by the user's taste only, so all three stages changed.
	want := []string{"shop_prep 2", "shop_recall 2", "shop_score 2"}
	if diff := cmp.Diff(want, pins(x)); diff != "" {
		t.Errorf("pins (-want +got):\n%s", diff)
	}
	clean(t, dir)

	// Publishing is one file: with it the second generation is served.
	if err := os.WriteFile(filepath.Join(dir, "shop", "config.pbtxt"), []byte(after["shop/2/config.pbtxt"]), 0o600); err != nil {
		t.Fatal(err)
	}
	clean(t, dir)

	// An export of the same weights shares the stages.
	x = export(t, dir, shopEnsemble(t, 2), ensemble.Options{})
	if diff := cmp.Diff(want, pins(x)); diff != "" || x.Generation != 3 {
		t.Errorf("generation %d, pins (-want +got):\n%s", x.Generation, diff)
	}
	clean(t, dir)
}

func pins(x *ensemble.Export) []string {
	var list []string
	for _, s := range x.Steps {
		list = append(list, s.Model+" "+string(rune('0'+s.Version)))
	}
	return list
}

func TestChangedInterfaceGetsAName(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, shopEnsemble(t, 1), ensemble.Options{MaxBatch: 8})
	x := export(t, dir, shopEnsemble(t, 1), ensemble.Options{MaxBatch: 16})
	want := []string{"shop_prep_i2 2", "shop_recall_i2 2", "shop_score_i2 2"}
	if diff := cmp.Diff(want, pins(x)); diff != "" {
		t.Errorf("pins (-want +got):\n%s", diff)
	}
	x = export(t, dir, shopEnsemble(t, 1), ensemble.Options{MaxBatch: 32})
	want = []string{"shop_prep_i3 3", "shop_recall_i3 3", "shop_score_i3 3"}
	if diff := cmp.Diff(want, pins(x)); diff != "" {
		t.Errorf("pins (-want +got):\n%s", diff)
	}
	clean(t, dir)
}

func TestWriteRefusesAnExistingGeneration(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, shopEnsemble(t, 1), ensemble.Options{})
	before := tree(t, dir)
	_, err := ensemble.Write(t.Context(), dir, shopEnsemble(t, 2), shopManifest(), ensemble.Options{Generation: 1})
	if !errors.Is(err, fs.ErrExist) {
		t.Errorf("got error %v, want fs.ErrExist", err)
	}
	if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
		t.Error("the repository was changed")
	}
}

func TestFailedWriteLeavesNothing(t *testing.T) {
	full := t.TempDir()
	export(t, full, shopEnsemble(t, 1), ensemble.Options{})
	for _, dir := range []string{t.TempDir(), full} {
		before := tree(t, dir)
		boom := errors.New("disk full")
		_, err := ensemble.Write(t.Context(), dir, shopEnsemble(t, 2), shopManifest(), ensemble.Options{
			Files: func(string) error { return boom },
		})
		if !errors.Is(err, boom) {
			t.Errorf("got error %v, want that of Files", err)
		}
		if diff := cmp.Diff(paths(before), paths(tree(t, dir))); diff != "" {
			t.Errorf("files (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(before, tree(t, dir)); diff != "" {
			t.Error("files were changed")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ensemble.Write(ctx, full, shopEnsemble(t, 2), shopManifest(), ensemble.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want context.Canceled", err)
	}
}

func TestWriteErrors(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*ensemble.Ensemble, *ensemble.Manifest, *ensemble.Options)
		want  string
	}{
		{"name", func(e *ensemble.Ensemble, _ *ensemble.Manifest, _ *ensemble.Options) { e.Name = "a/b" }, `ensemble name "a/b"`},
		{"output", func(e *ensemble.Ensemble, _ *ensemble.Manifest, _ *ensemble.Options) { e.Outputs = []string{"x"} }, `wants the output "x", which no stage makes`},
		{"order of stages", func(e *ensemble.Ensemble, _ *ensemble.Manifest, _ *ensemble.Options) { slices.Reverse(e.Groups) }, `stage "lookup" reads tensor "candidates", which stage "retrieve" makes only later`},
		{"producers", func(e *ensemble.Ensemble, _ *ensemble.Manifest, _ *ensemble.Options) {
			g := e.Groups[0]
			g.Name, g.Stages = "more", slices.Clone(g.Stages[1:])
			g.Stages[0].Name = "other"
			e.Groups = append(e.Groups, g)
		}, `tensor "query" is made by stage "query" and stage "other"`},
		{"missing raw column", func(_ *ensemble.Ensemble, m *ensemble.Manifest, _ *ensemble.Options) { m.Inputs = m.Inputs[:2] }, `the stages read input "user_id", which is neither`},
		{"type of a raw column", func(_ *ensemble.Ensemble, m *ensemble.Manifest, _ *ensemble.Options) {
			m.Inputs[2].DType.DType = tensor.String
			m.UserKey.DType.DType = tensor.String
		}, `input "user_id" is TYPE_STRING[1], the stages read TYPE_INT64[1]`},
		{"manifest", func(_ *ensemble.Ensemble, m *ensemble.Manifest, _ *ensemble.Options) { m.Limits.Candidates = 0 }, `limits`},
		{"fuse", func(_ *ensemble.Ensemble, _ *ensemble.Manifest, o *ensemble.Options) { o.Fuse = "some" }, `fuse "some": want none, groups or all`},
		{"profile", func(_ *ensemble.Ensemble, _ *ensemble.Manifest, o *ensemble.Options) { o.Profile = "tpu" }, `profile "tpu": want auto, cpu, gpu or gpu-tensorrt`},
		{"batch", func(_ *ensemble.Ensemble, _ *ensemble.Manifest, o *ensemble.Options) { o.MaxBatch = -1 }, `max batch -1`},
		{"free axis", func(e *ensemble.Ensemble, _ *ensemble.Manifest, _ *ensemble.Options) {
			b := graph.NewBuilder("free")
			b.Output("free", b.Relu(b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Sym("S")})))
			g, _ := b.Build()
			e.Groups = append(e.Groups, ensemble.Group{Name: "free", Stages: []ensemble.Stage{{Name: "free", Graph: g}}})
			e.Explain = append(e.Explain, "free")
		}, `input "x": shape [B,S]: axis 1 has to be of fixed size`},
		{"warm-up", func(e *ensemble.Ensemble, _ *ensemble.Manifest, _ *ensemble.Options) {
			b := graph.NewBuilder("broken")
			table := b.Const("table", tensor.Zeros(tensor.Float32, 2))
			ids := b.Input("user_id", tensor.Int64, graph.Shape{graph.Sym("B")})
			b.Output("broken", b.Gather(table, b.Add(ids, b.Int64(7)), 0))
			g, _ := b.Build()
			e.Groups = append(e.Groups, ensemble.Group{Name: "broken", Stages: []ensemble.Stage{{Name: "broken", Graph: g}}})
			e.Explain = append(e.Explain, "broken")
		}, `warm-up "zero_1": a request of zeros fails`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			e, m, o := shopEnsemble(t, 1), shopManifest(), ensemble.Options{}
			tt.spoil(&e, &m, &o)
			_, err := ensemble.Write(t.Context(), dir, e, m, o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %s", err, tt.want)
			}
			if files := tree(t, dir); len(files) > 0 {
				t.Errorf("%d files were written", len(files))
			}
		})
	}
}

func TestOneExportAtATime(t *testing.T) {
	dir := t.TempDir()
	var inner error
	export(t, dir, shopEnsemble(t, 1), ensemble.Options{Files: func(string) error {
		_, inner = ensemble.Write(t.Context(), dir, shopEnsemble(t, 2), shopManifest(), ensemble.Options{})
		return nil
	}})
	if inner == nil || !strings.Contains(inner.Error(), "is locked by an export, process ") {
		t.Errorf("a second export at the same time: got %v, want an error that names the first", inner)
	}
	// A killed export leaves folders without their final name.
	if err := os.MkdirAll(filepath.Join(dir, "shop_prep", ".tmp-2"), 0o755); err != nil {
		t.Fatal(err)
	}
	if x := export(t, dir, shopEnsemble(t, 2), ensemble.Options{}); x.Generation != 2 {
		t.Errorf("got generation %d, want 2", x.Generation)
	}
	for path := range tree(t, dir) {
		if strings.Contains(path, ".recsys") || strings.Contains(path, ".tmp-") {
			t.Errorf("%s is left", path)
		}
	}
}
