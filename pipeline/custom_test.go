package pipeline_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/data/synthetic"
	"recsys/ensemble"
	"recsys/graph"
	"recsys/onnx"
	"recsys/pipeline"
	"recsys/tensor"
)

// shopText is a shop that trains quickly, with room for stages.
const shopText = `
name: shop
data:
  interactions: {path: interactions.csv.gz, user: user_id, item: item_id, time: timestamp}
  users: {path: users.csv.gz, key: user_id}
  items: {path: items.csv.gz, key: item_id, lists: {categories: "|"}}
features:
  - categorify: {columns: [user_id, item_id, brand]}
retrieval:
  - mf: {dim: 8, train: {epochs: 1}}
candidates: 40
filter: [seen]
ordering: {return: 10}
`

// shopData writes the golden shop.
func shopData(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tables, err := synthetic.Shop(synthetic.Golden())
	if err != nil {
		t.Fatal(err)
	}
	if err := tables.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// model writes an ONNX file whose tensors are those that define makes.
func model(t *testing.T, path string, define func(b *graph.Builder, batch graph.Dim)) {
	t.Helper()
	b := graph.NewBuilder("foreign")
	define(b, graph.Sym("N"))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Write(path, g, onnx.Meta{}); err != nil {
		t.Fatal(err)
	}
}

// spread repeats a row [n] for every user of like [N,1].
func spread(b *graph.Builder, row *tensor.Tensor, like *graph.Value) *graph.Value {
	zero := b.Mul(b.Cast(like, row.DType()), b.Const("", tensor.Zeros(row.DType())))
	return b.Add(b.Const("", row), zero)
}

// foreign writes the four kinds of models: a source of the items with the keys 1 to 30 and one that is no item, a filter that takes out what costs
// 50 or more, a ranker that prefers what is dear, and an ordering that turns the candidates around.
func foreign(t *testing.T, dir string) {
	t.Helper()
	const k, n = 31, 5
	model(t, filepath.Join(dir, "source.onnx"), func(b *graph.Builder, batch graph.Dim) {
		user := b.Input("user", tensor.Int64, graph.Shape{batch, graph.Fixed(1)})
		keys, scores := make([]int64, k), make([]float32, k)
		for i := range keys {
			keys[i], scores[i] = int64(i+1), float32(-i)
		}
		keys[3] = 1 << 40
		b.Output("keys", spread(b, tensor.Of(keys, k), user))
		b.Output("found_scores", spread(b, tensor.Of(scores, k), user))
	})
	model(t, filepath.Join(dir, "filter.onnx"), func(b *graph.Builder, batch graph.Dim) {
		b.Output("cheap", b.Less(b.Input("price", tensor.Float32, graph.Shape{batch, graph.Sym("M")}), b.Float32(50)))
	})
	model(t, filepath.Join(dir, "ranker.onnx"), func(b *graph.Builder, batch graph.Dim) {
		price := b.Input("price", tensor.Float32, graph.Shape{batch, graph.Sym("M")})
		b.Output("dear", b.Where(b.IsNaN(price), b.Float32(0), price))
	})
	model(t, filepath.Join(dir, "ordering.onnx"), func(b *graph.Builder, batch graph.Dim) {
		scores := b.Input("dear", tensor.Float32, graph.Shape{batch, graph.Fixed(k)})
		top, at := b.TopK(b.Neg(scores), n, 1) // the cheapest of all, also those that were filtered out
		b.Output("positions", at)
		b.Output("order_scores", top)
	})
}

const foreignStages = `
stages:
  - {name: mine, as: source, file: source.onnx, inputs: {user: user_id}, outputs: {keys: candidate_keys}}
  - {name: cheap, as: filter, file: filter.onnx, inputs: {price: raw_item_price}}
  - {name: dear, as: ranker, file: ranker.onnx, inputs: {price: raw_item_price}}
  - {name: turn, as: ordering, file: ordering.onnx}
`

func TestCustomStages(t *testing.T) {
	dir := shopData(t)
	foreign(t, dir)
	run := filepath.Join(dir, "run")
	p, err := pipeline.New([]byte(shopText+foreignStages), dir, run, 0, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Pipeline) != 1 {
		t.Errorf("the pipeline was evaluated on %d parts, want 1", len(m.Pipeline))
	}
	serving, chain, err := pipeline.OpenChain(run, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if l := serving.Manifest.Limits; l.Candidates != 31 || l.MaxResults != 5 {
		t.Errorf("limits %+v, want the source's 31 candidates and the ordering's 5 results", l)
	}
	bits := make([]uint8, serving.Manifest.Blocked.Bytes)
	out, err := chain.Run(t.Context(), tensor.Map{"user_id": tensor.Of([]int64{7}, 1), "blocked": tensor.Of(bits, 1, len(bits))})
	if err != nil {
		t.Fatal(err)
	}
	prices := tensor.MustData[float32](out["raw_item_price"])
	for i, s := range tensor.MustData[float32](out["masked_scores"]) {
		gone := math.IsInf(float64(s), -1)
		if want := i == 3 || !(prices[i] < 50); gone != want {
			t.Errorf("candidate %d of price %v is filtered out: %v, want %v", i, prices[i], gone, want)
		}
	}
	scores := tensor.MustData[float32](out["scores"])
	ids, candidates := tensor.MustData[int64](out["item_ids"]), tensor.MustData[int64](out["candidates"])
	for i, at := range tensor.MustData[int64](out["positions"]) {
		filtered := at == 3 || !(prices[at] < 50)
		if math.IsInf(float64(scores[i]), -1) != filtered {
			t.Errorf("place %d: the item of price %v has the score %v", i, prices[at], scores[i])
		}
		if at != 3 && ids[i] != at+1 {
			t.Errorf("place %d: item %d, index %d, want item %d", i, ids[i], candidates[at], at+1)
		}
	}
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		repo := t.TempDir()
		if _, err := pipeline.Export(t.Context(), run, repo, pipeline.ExportOptions{Options: ensemble.Options{Fuse: fuse}}); err != nil {
			t.Fatalf("%s: %v", fuse, err)
		}
		if findings, err := ensemble.Validate(repo); err != nil || len(findings) > 0 {
			t.Errorf("%s: check: %v, %v; want no findings", fuse, err, findings)
		}
	}
}

// TestCustomFolder runs and exports a pipeline with a model of another backend: with a stand-in it is evaluated, without one it is not.
func TestCustomFolder(t *testing.T) {
	dir := shopData(t)
	foreign(t, dir)
	config := `backend: "python" max_batch_size: 64 input { name: "price" data_type: TYPE_FP32 dims: [ -1 ] }
output { name: "cheap" data_type: TYPE_BOOL dims: [ -1 ] } sequence_batching { max_sequence_idle_microseconds: 5 }`
	for path, text := range map[string]string{"cheap/config.pbtxt": config, "cheap/2/model.py": "# code\n", "cheap/1/model.py": "# old\n", "cheap/labels.txt": "a\n"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, path)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, standIn := range []bool{true, false} {
		text := shopText + "stages:\n  - {name: cheap, as: filter, dir: cheap, inputs: {price: raw_item_price}"
		if standIn {
			text += ", stand_in: filter.onnx"
		}
		run := filepath.Join(t.TempDir(), "run")
		p, err := pipeline.New([]byte(text+"}\n"), dir, run, 0, pipeline.Options{})
		if err != nil {
			t.Fatal(err)
		}
		m, err := p.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if (len(m.Pipeline) > 0) != standIn {
			t.Errorf("stand-in %v: the pipeline was evaluated: %v", standIn, m.Pipeline)
		}
		if _, _, err := pipeline.OpenChain(run, nil, nil); standIn != (err == nil) || !standIn && !errors.Is(err, pipeline.ErrNoStandIn) {
			t.Errorf("stand-in %v: opening the stages offline gives %v", standIn, err)
		}
		repo := t.TempDir()
		for generation := 1; generation < 3; generation++ {
			x, err := pipeline.Export(t.Context(), run, repo, pipeline.ExportOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(x.Memory) != len(x.Steps) {
				t.Errorf("memory of %d models, want that of %d", len(x.Memory), len(x.Steps))
			}
		}
		checkFolder(t, repo, standIn)
	}
}

// checkFolder looks at two generations of the folder's export.
func checkFolder(t *testing.T, repo string, standIn bool) {
	t.Helper()
	if findings, err := ensemble.Validate(repo); err != nil || len(findings) > 0 {
		t.Errorf("check: %v, %v; want no findings", err, findings)
	}
	read := func(path string) string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(repo, path))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	config := read("shop_cheap/config.pbtxt")
	for _, want := range []string{`name: "shop_cheap"`, "versions: [ 1 ]", "sequence_batching { max_sequence_idle_microseconds: 5 }"} {
		if !strings.Contains(config, want) {
			t.Errorf("the configuration lacks %s:\n%s", want, config)
		}
	}
	if read("shop_cheap/1/model.py") != "# code\n" || read("shop_cheap/labels.txt") != "a\n" {
		t.Error("the files are not those of the folder's highest version")
	}
	names, err := filepath.Glob(filepath.Join(repo, "shop*"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range names {
		names[i] = filepath.Base(names[i])
	}
	if want := []string{"shop", "shop_cheap", "shop_prep", "shop_recall", "shop_score", "shop_score_2"}; !slices.Equal(names, want) {
		t.Errorf("the repository has %v, want %v", names, want)
	}
	if _, err := os.Stat(filepath.Join(repo, "shop_cheap", "2")); err == nil {
		t.Error("an unchanged folder was exported twice")
	}
	if _, err := os.Stat(filepath.Join(repo, "shop_cheap", "1", ensemble.StandInFile)); (err == nil) != standIn {
		t.Errorf("stand-in %v: the file gives %v", standIn, err)
	}
}

// TestCustomErrors joins what does not fit: the error names the stage, the tensor, what is there, and the remedy.
func TestCustomErrors(t *testing.T) {
	dir := shopData(t)
	foreign(t, dir)
	model(t, filepath.Join(dir, "fixed.onnx"), func(b *graph.Builder, _ graph.Dim) {
		b.Output("cheap", b.Less(b.Input("price", tensor.Float32, graph.Dims(1, 5)), b.Float32(50)))
	})
	model(t, filepath.Join(dir, "seven.onnx"), func(b *graph.Builder, batch graph.Dim) {
		b.Output("cheap", b.Less(b.Input("raw_item_price", tensor.Float32, graph.Shape{batch, graph.Fixed(7)}), b.Float32(50)))
	})
	model(t, filepath.Join(dir, "double.onnx"), func(b *graph.Builder, batch graph.Dim) {
		b.Output("cheap", b.Less(b.Cast(b.Input("raw_item_price", tensor.Float64, graph.Shape{batch, graph.Sym("M")}), tensor.Float32), b.Float32(50)))
	})
	tests := []struct{ name, stage, want string }{
		{"name", `{name: score, as: filter, file: filter.onnx}`, "stages: score: the name is that of a built-in stage or group"},
		{"as", `{name: a, as: sieve, file: filter.onnx}`, `stages: a: as: unknown "sieve"; there are: source, filter, ranker, ordering`},
		{"both", `{name: a, as: filter, file: filter.onnx, dir: a}`, "give one of file"},
		{"stand-in", `{name: a, as: filter, file: filter.onnx, stand_in: filter.onnx}`, "stand_in: is for dir"},
		{"no file", `{name: a, as: filter, file: none.onnx}`, "none.onnx"},
		{"no folder", `{name: a, as: filter, dir: none}`, "none/config.pbtxt"},
		{"renaming", `{name: a, as: filter, file: filter.onnx, inputs: {prize: x}}`, `has no input "prize" to rename; it has price`},
		{"kind", `{name: a, as: filter, file: ranker.onnx}`, "stages: a: a filter makes bool[B,K] that is true for what stays; it makes dear float32[B,M]"},
		{"task", `{name: a, as: ranker, file: ranker.onnx, outputs: {dear: scores}}`, `a ranker's output "scores" becomes a task: rename it`},
		{"output", `{name: a, as: source, file: source.onnx}`, `as source it has to make "found_candidates", int64[B,K]; it makes keys int64[B,31], found_scores float32[B,31]: name that tensor so with outputs`},
		{"batch", `{name: a, as: filter, file: fixed.onnx}`, `input "price" has shape [1,5]: export the model with a free leading axis`},
		{"input", `{name: a, as: filter, file: filter.onnx}`, `stages: a: it reads "price", float32[B,M], which there is not in its place; there are age, blocked,`},
		{"size", `{name: a, as: filter, file: seven.onnx}`, `tensor "raw_item_price": stage "lookup" makes float32[B,40], stage "a" reads float32[B,7]: make axis 1 of the same size`},
		{"type", `{name: a, as: filter, file: double.onnx}`, `tensor "raw_item_price": stage "lookup" makes float32[B,40], stage "a" reads float64[B,M]: make both of one type`},
		{"two", "{name: a, as: filter, file: filter.onnx}\n  - {name: a, as: filter, file: filter.onnx}", "stages: two stages have the name a"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := pipeline.New([]byte(shopText+"stages:\n  - "+tt.stage+"\n"), dir, filepath.Join(t.TempDir(), "run"), 0, pipeline.Options{})
			if err == nil {
				_, err = p.Run(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}
