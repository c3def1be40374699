package diff_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/graph"
	"recsys/internal/diff"
	"recsys/internal/verify"
	"recsys/onnx"
	"recsys/tensor"
)

var update = flag.Bool("update", false, "write golden files anew")

// export writes the shop of a seed into a folder.
func export(t *testing.T, dir string, seed uint64, o ensemble.Options) {
	t.Helper()
	e, m, err := ensembletest.Shop(seed)
	if err != nil {
		t.Fatal(err)
	}
	o.Files = func(version string) error { return os.WriteFile(filepath.Join(version, "rows"), []byte("rows"), 0o600) }
	if _, err := ensemble.Write(t.Context(), dir, e, m, o); err != nil {
		t.Fatal(err)
	}
}

func compare(t *testing.T, dirA string, a int64, dirB string, b int64) *diff.Report {
	t.Helper()
	first, err := diff.Open(dirA, "shop", a)
	if err != nil {
		t.Fatal(err)
	}
	second, err := diff.Open(dirB, "shop", b)
	if err != nil {
		t.Fatal(err)
	}
	r, err := diff.Compare(first, second)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// edit replaces text in a file.
func edit(t *testing.T, path, old, text string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), old) {
		t.Fatalf("%s has no %q", path, old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(data), old, text, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestChanges changes one thing at a time in the second of two equal repositories.
func TestChanges(t *testing.T) {
	config := func(model, old, text string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			edit(t, filepath.Join(dir, model, ensemble.ConfigFile), old, text)
		}
	}
	stage := func(s diff.StageReport) diff.Report { return diff.Report{Equal: 2, Stages: []diff.StageReport{s}} }
	cases := map[string]struct {
		change func(t *testing.T, dir string)
		want   diff.Report
	}{
		"nothing": {func(*testing.T, string) {}, diff.Report{Same: true, Equal: 3}},
		"version policy": {
			config("shop_prep", "specific { versions: [ 1 ] }", "latest { num_versions: 2 }"), diff.Report{Same: true, Equal: 3},
		},
		"instances": {
			config("shop_recall", "count: 1", "count: 3"),
			stage(diff.StageReport{Name: "recall", State: "changed", Config: []diff.Change{{Field: "instance_group.count", Was: "1", Is: "3"}}}),
		},
		"parameter": {
			config("shop_recall", `"intra_op_thread_count" value { string_value: "1" }`, `"intra_op_thread_count" value { string_value: "2" }`),
			stage(diff.StageReport{Name: "recall", State: "changed", Config: []diff.Change{
				{Field: "parameters[intra_op_thread_count].value.string_value", Was: "1", Is: "2"},
			}}),
		},
		"another parameter": {
			config("shop_recall", "\nparameters {", "\nparameters { key: \"x\" value { string_value: \"y\" } }\nparameters {"),
			stage(diff.StageReport{Name: "recall", State: "changed", Config: []diff.Change{{Field: "parameters[x].value.string_value", Is: "y"}}}),
		},
		"no dynamic batching": {
			config("shop_score", `dynamic_batching { }`, ``),
			stage(diff.StageReport{Name: "score", State: "changed", Config: []diff.Change{{Field: "dynamic_batching", Was: "{}"}}}),
		},
		"type of a stage": {
			config("shop_recall", "data_type: TYPE_FP32", "data_type: TYPE_FP16"),
			stage(diff.StageReport{Name: "recall", State: "changed", Interface: []diff.Change{
				{Field: "input query", Was: "TYPE_FP32[4]", Is: "TYPE_FP16[4]"},
			}}),
		},
		"dims of the ensemble": {
			func(t *testing.T, dir string) {
				t.Helper()
				config("shop/1", `name: "blocked" data_type: TYPE_UINT8 dims: [ 2 ]`, `name: "blocked" data_type: TYPE_UINT8 dims: [ 3 ]`)(t, dir)
			},
			diff.Report{Equal: 3, Interface: []diff.Change{{Field: "input blocked", Was: "TYPE_UINT8[2]", Is: "TYPE_UINT8[3]"}}},
		},
		"wiring": {
			config("shop/1", `output_map { key: "masked_scores" value: "masked_scores" }`, `output_map { key: "masked_scores" value: "other" }`),
			diff.Report{Equal: 3, Config: []diff.Change{
				{Field: "ensemble_scheduling.step[recall].output_map[masked_scores].value", Was: "masked_scores", Is: "other"},
			}},
		},
		"manifest": {
			func(t *testing.T, dir string) {
				t.Helper()
				edit(t, filepath.Join(dir, "shop/1", ensemble.ManifestFile), `"candidates": 6`, `"candidates": 5`)
			},
			diff.Report{Equal: 3, Manifest: []diff.Change{{Field: "limits.candidates", Was: "6", Is: "5"}}},
		},
		"rows": {
			func(t *testing.T, dir string) {
				t.Helper()
				edit(t, filepath.Join(dir, "shop/1/rows"), "rows", "other")
			},
			diff.Report{Equal: 3, Files: []diff.Change{{
				// The checksums are sha256sum's.
				Field: "rows", Was: "4 bytes, sha256 bc51e9e65d79", Is: "5 bytes, sha256 d9298a10d1b0",
			}}},
		},
		"unreadable model": {
			func(t *testing.T, dir string) {
				t.Helper()
				if err := os.WriteFile(filepath.Join(dir, "shop_score/1/model.onnx"), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			stage(diff.StageReport{Name: "score", State: "changed", Note: "the files differ; they cannot be read: "}),
		},
	}
	note := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Note" },
		cmp.Comparer(func(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }))
	a := t.TempDir()
	export(t, a, 1, ensemble.Options{})
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			b := t.TempDir()
			if err := os.CopyFS(b, os.DirFS(a)); err != nil {
				t.Fatal(err)
			}
			c.change(t, b)
			got := compare(t, a, 1, b, 1)
			c.want.A, c.want.B = a+"@1", b+"@1"
			if d := cmp.Diff(*got, c.want, note); d != "" {
				t.Errorf("(-got +want):\n%s", d)
			}
		})
	}
}

// TestGenerations compares generations of one repository, of which one is not served, and sees the same both ways.
func TestGenerations(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1, ensemble.Options{})
	export(t, dir, 1, ensemble.Options{})
	export(t, dir, 2, ensemble.Options{})
	if r := compare(t, dir, 0, dir, 2); !r.Same || r.A != dir+"@1" || r.B != dir+"@2" || r.Equal != 3 {
		t.Errorf("generations of the same shop: %+v", r)
	}
	there, back := compare(t, dir, 2, dir, 3), compare(t, dir, 3, dir, 2)
	if there.Same || len(there.Stages) != 3 || len(there.Config)+len(there.Interface)+len(there.Manifest)+len(there.Files) != 0 {
		t.Errorf("generations of two shops: %+v", there)
	}
	if d := cmp.Diff(there.Stages, back.Stages); d != "" {
		t.Errorf("changes of weights are not the same both ways:\n%s", d)
	}
	for _, s := range there.Stages {
		if s.Operators != nil || s.Nodes != nil || s.Vocabularies != nil || len(s.Weights) == 0 {
			t.Errorf("of another seed's weights only weights differ: %+v", s)
		}
	}
}

func TestFusing(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	export(t, a, 1, ensemble.Options{})
	export(t, b, 1, ensemble.Options{Fuse: ensemble.FuseAll, MaxBatch: 8})
	r := compare(t, a, 0, b, 0)
	var states []string
	for _, s := range r.Stages {
		states = append(states, fmt.Sprint(s.Name, " ", s.State))
	}
	if d := cmp.Diff(states, []string{"prep removed", "recall removed", "score removed", "all added"}); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(r.Config, []diff.Change{{Field: "max_batch_size", Was: "64", Is: "8"}}); d != "" {
		t.Errorf("steps of stages that are not on both sides are no fields:\n%s", d)
	}
}

// TestModels writes two stages whose differences were made by hand.
func TestModels(t *testing.T) {
	model := func(keys []string, weight, same []float32, build func(b *graph.Builder, x *graph.Value) *graph.Value) *graph.Graph {
		b := graph.NewBuilder("g")
		x := b.Input("x", tensor.String, graph.Shape{graph.Sym("B")})
		values := make([]int64, len(keys))
		for i := range values {
			values[i] = int64(i + 2)
		}
		ids := b.LabelEncoder(x, tensor.Of(keys, len(keys)), tensor.Of(values, len(keys)), tensor.Scalar[int64](1))
		table := b.Const("table", tensor.Of(weight, len(weight), 1))
		other := b.Const("same", tensor.Of(same, len(same)))
		b.Output("y", build(b, b.Add(b.Gather(table, ids, 0), other)))
		g, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	a, b := t.TempDir(), t.TempDir()
	export(t, a, 1, ensemble.Options{})
	export(t, b, 1, ensemble.Options{})
	for dir, g := range map[string]*graph.Graph{
		a: model([]string{"a", "b", "c", "d"}, []float32{1, 2, 3, 4}, []float32{5}, func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Relu(x) }),
		b: model([]string{"a", "c", "d", "e", "f"}, []float32{1, 2.5, 3, 3}, []float32{5}, func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Sigmoid(b.Neg(x)) }),
	} {
		if err := onnx.Write(filepath.Join(dir, "shop_recall/1/model.onnx"), g, onnx.Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	got := compare(t, a, 0, b, 0).Stages[0]
	want := diff.StageReport{
		Name: "recall", State: diff.StateChanged,
		Operators: []diff.Operator{{Type: "Neg", Is: 1}, {Type: "Relu", Was: 1}, {Type: "Sigmoid", Is: 1}},
		Nodes:     &diff.Nodes{Removed: 1, Added: 2},
		// 2 became 2.5, 4 became 3: 1.5 over four elements.
		Weights: []diff.Weight{{Name: "table", Was: "float32[4,1]", Is: "float32[4,1]", Elements: 4, Changed: 2, MaxChange: 1, MeanChange: 0.375}},
		Vocabularies: []diff.Vocabulary{{
			Added: 2, Removed: 1, Moved: 2, Kept: 1,
			Examples: []string{`- "b" was 3`, `"c" was 4, is 3`, `"d" was 5, is 4`, `+ "e" is 5`, `+ "f" is 6`},
		}},
	}
	names := cmp.FilterPath(func(p cmp.Path) bool {
		return strings.HasSuffix(p.GoString(), "Vocabularies[0].Name") || strings.HasSuffix(p.GoString(), ".Nodes.Examples")
	}, cmp.Ignore())
	if d := cmp.Diff(got, want, names); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1, ensemble.Options{})
	for name, c := range map[string]struct {
		model      string
		generation int64
		want       string
	}{
		"no ensemble":   {"nix", 0, `no readable ensemble "nix"`},
		"a stage":       {"shop_prep", 0, `no readable ensemble "shop_prep"`},
		"no generation": {"shop", 4, "no generation 4 of shop; there are [1]"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := diff.Open(dir, c.model, c.generation); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open gives %v, want %q", err, c.want)
			}
		})
	}
	if err := os.RemoveAll(filepath.Join(dir, "shop_recall")); err != nil {
		t.Fatal(err)
	}
	s, err := diff.Open(dir, "shop", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := diff.Compare(s, s); err == nil || !strings.Contains(err.Error(), `stage "shop_recall" has no readable folder`) {
		t.Errorf("Compare gives %v, want the missing stage", err)
	}
}

func TestOutputs(t *testing.T) {
	o := diff.Outputs{K: 3}
	o.Add(verify.List{IDs: []string{"a", "b", "c"}, Scores: []float64{3, 2, 1}}, verify.List{IDs: []string{"a", "b", "c"}, Scores: []float64{3, 2, 1}})
	if o.Same != 1 || o.Overlap != 1 || o.Top != 1 || o.RankChange != 0 || o.ScoreChange != 0 {
		t.Errorf("equal lists give %+v", o)
	}
	// c moves up by two places, a down by one; b goes, d comes; c's score rises by 2.5.
	o.Add(verify.List{IDs: []string{"a", "b", "c"}, Scores: []float64{3, 2, 1}}, verify.List{IDs: []string{"c", "a", "d"}, Scores: []float64{3.5, 3, 1}})
	want := diff.Outputs{Users: 2, K: 3, Same: 1, Overlap: 5.0 / 6, Top: 0.5, RankChange: 3.0 / 5, ScoreChange: 0.5, MaxScoreChange: 2.5}
	if d := cmp.Diff(o, want, cmpopts.IgnoreUnexported(diff.Outputs{}), cmpopts.EquateApprox(0, 1e-12)); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
	short := diff.Outputs{}
	short.Add(verify.List{IDs: []string{"a"}, Scores: []float64{1}}, verify.List{})
	short.Add(verify.List{}, verify.List{})
	if short.Same != 1 || short.Overlap != 0 || short.Top != 0.5 {
		t.Errorf("lists of no items give %+v", short)
	}
}

func TestText(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	export(t, a, 1, ensemble.Options{})
	export(t, b, 2, ensemble.Options{Profile: ensemble.ProfileCPU})
	edit(t, filepath.Join(b, "shop/1", ensemble.ManifestFile), `"fuse": "groups"`, `"keep_seen": true, "fuse": "none"`)
	r := compare(t, a, 0, b, 0)
	r.A, r.B = "a@1", "b@1"
	r.Outputs = &diff.Outputs{Users: 2, K: 4, Overlap: 0.5, RankChange: 1.25, ScoreChange: 0.125}
	r.Notes = []string{"something could not be compared"}
	r.Stages = append(r.Stages, diff.StageReport{
		Name: "extra", State: diff.StateChanged, Operators: []diff.Operator{{Type: "Relu", Is: 2}},
		Nodes:   &diff.Nodes{Added: 1, Examples: []string{"+ " + strings.Repeat("long ", 20)}},
		Weights: []diff.Weight{{Name: "w", Was: "float32[2]"}, {Name: "v", Is: "float32[3]"}, {Name: "u", Was: "float32[2]", Is: "float32[3]"}},
	})
	var text bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/report.txt"
	if *update {
		if err := os.WriteFile(golden, text.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(text.String(), string(want)); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
}

// TestRanking compares generations of two ensembles: those of one run are the same, whatever the versions; a change of the second one's
// configuration is told as its own; and one ensemble differs from two by all of the second.
func TestRanking(t *testing.T) {
	dir := t.TempDir()
	for _, shop := range []func(uint64) (ensemble.Ensemble, ensemble.Manifest, error){ensembletest.SplitShop, ensembletest.SplitShop, ensembletest.Shop} {
		e, m, err := shop(1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ensemble.Write(t.Context(), dir, e, m, ensemble.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if r := compare(t, dir, 1, dir, 2); !r.Same || r.Equal != 3 {
		t.Errorf("two exports of one run: %+v, want three equal stages", r)
	}
	r := compare(t, dir, 1, dir, 3)
	found := false
	for _, c := range r.Interface {
		found = found || c == diff.Change{Field: "ranking: output scores", Was: "TYPE_FP32[4]"}
	}
	if !found {
		t.Errorf("the interface changes by %v, want the second ensemble's scores among them", r.Interface)
	}
	edit(t, filepath.Join(dir, "shop", "2", ensemble.RankingConfigFile), "max_batch_size: 64", "max_batch_size: 32")
	want := []diff.Change{{Field: "ranking: max_batch_size", Was: "64", Is: "32"}}
	if r := compare(t, dir, 1, dir, 2); r.Same {
		t.Error("a change of the second ensemble is no difference")
	} else if d := cmp.Diff(want, r.Config); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
}
