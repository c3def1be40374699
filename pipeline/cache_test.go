package pipeline

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/data/synthetic"
	"recsys/eval"
	"recsys/graph"
	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// The tests are inside the package: what is encoded does not leave it.

// notes collects what a pipeline says about its columnar cache.
type notes struct {
	t     *testing.T
	cache []string
}

func (n *notes) Phase(name string)       { n.t.Log("phase", name) }
func (n *notes) Training(train.Progress) {}
func (n *notes) Note(text string) {
	n.t.Log("   ", text)
	if about, ok := strings.CutPrefix(text, "columnar cache: "); ok {
		n.cache = append(n.cache, about)
	}
}

// diskPipeline is a shop whose ranker reads context, the device, what is made of it and of users and items, and two labels of
// its interactions.
const diskPipeline = `
name: shop
data:
  interactions: {path: interactions.csv, user: user_id, item: item_id, time: timestamp, columns: {device: string}, STORAGE}
  users: {path: users.csv, key: user_id}
  items: {path: items.csv, key: item_id, lists: {categories: "|"}}
candidates: 1000
features:
  - time_since: {name: item_age, at: timestamp, since: listed}
  - expression: {name: gap, formula: "log1p(price) - age / 10"}
  - hashed_cross: {columns: [device, categories], buckets: 40}
  - hashed_cross: {columns: [city, device], buckets: 20}
  - difference: {name: since_birth, of: timestamp, minus: age}
  - normalize: {columns: [item_age, since_birth]}
  - cross: {columns: [brand, device], min_frequency: 10}
  - target_encoding: {columns: [brand], target: carted}
  - target_encoding: {columns: [city, device], target: carted, name: city_device_carted}
  - target_encoding: {columns: [user_id, brand], target: carted, name: user_brand_carted, folds: 3}
  - normalize: {columns: [brand_carted]}
  - categorify: {columns: [user_id, item_id, city, device, categories]}
  - date_parts: {column: timestamp}
  - sequence: {name: history, of: item_id, length: 5}
  - lag: {name: last_price, of: price, history: history}
  - lag: {name: last_brand, of: brand, history: history, steps: 2}
  - difference: {name: dearer, of: price, minus: last_price}
  - categorify: {columns: [brand, last_brand], share: brand}
  - normalize: {columns: [last_price, dearer]}
  - history_count: {name: brand_share, of: brand, history: history, share: true}
retrieval:
  - mf: {dim: 8, train: {epochs: 1}}
ranking:
  dlrm:
    dim: 4
    bottom: [4]
    top: [8]
    tasks: [{name: cart, binary: "carted == 1"}, {name: phone, binary: "device == DEVICE"}]
    train: {epochs: 2, batch: 256, buffer: 500}
`

// writeShop writes a shop's tables, with devices.
func writeShop(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tables, err := synthetic.Shop(synthetic.Config{Users: 400, Items: 300, Sessions: 3000, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	devices := make([]string, tables.Interactions.Len())
	if len(devices) < eventRows {
		t.Fatalf("%d interactions, want more than the %d that are read at once", len(devices), eventRows)
	}
	for i := range devices {
		devices[i] = []string{"phone", "tablet", "", "desk"}[i*i%7%4]
	}
	if tables.Interactions, err = tables.Interactions.With(data.Scalar("device", devices)); err != nil {
		t.Fatal(err)
	}
	listed := make([]int64, tables.Items.Len())
	for i := range listed {
		if listed[i] = 1_700_000_000 + int64(i*i%400)*86_400; i%9 == 0 {
			listed[i] = tensor.NullInt64
		}
	}
	if tables.Items, err = tables.Items.With(data.Scalar("listed", listed)); err != nil {
		t.Fatal(err)
	}
	if err := tables.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// open makes a pipeline on the shop in dir.
func open(t *testing.T, dir, run, storage, device string) (*Pipeline, *notes) {
	t.Helper()
	text := strings.NewReplacer("STORAGE", storage, "DEVICE", device).Replace(diskPipeline)
	n := &notes{t: t}
	p, err := New([]byte(text), dir, run, 0, Options{Reporter: n})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p, n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestInteractionsOnDiskAreThoseInMemory: the features learn the same, and every interaction has the same inputs.
func TestInteractionsOnDiskAreThoseInMemory(t *testing.T) {
	dir := writeShop(t)
	var workflows [2][]byte
	var inputs [2]tensor.Map
	var metrics [2]*Metrics
	var contexts [2]*data.Table
	for i, storage := range []string{"storage: memory", "storage: disk"} {
		run := filepath.Join(t.TempDir(), "run")
		p, _ := open(t, dir, run, storage, "phone")
		var err error
		if metrics[i], err = p.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if workflows[i], err = os.ReadFile(filepath.Join(run, workflowFile)); err != nil {
			t.Fatal(err)
		}
		m, err := model.NewDLRM(p.examples.Schema, model.DLRM{Dim: 4, Bottom: []int{4}, Tasks: []string{"cart", "phone"}})
		must(t, err)
		contexts[i], err = p.tables.contextOf(t.Context(), p.tables.Raw.Select(schema.Context), []int32{9000, 3, 16_400, 3})
		must(t, err)
		g := trainingInputs(t, p.examples.Schema, m)
		rows := make([]int32, p.examples.Len())
		for i := range rows {
			rows[i] = int32(i * 7 % len(rows))
		}
		inputs[i], err = p.examples.Inputs(g, rows)
		must(t, err)
	}
	if !bytes.Equal(workflows[0], workflows[1]) {
		t.Error("the features have learned something else from disk")
	}
	for name, want := range inputs[0] {
		if !inputs[1][name].Equal(want) {
			t.Errorf("input %q differs", name)
		}
	}
	for _, c := range contexts[1].Columns() {
		want, err := contexts[0].Column(c.Name())
		must(t, err)
		if !c.Values().Equal(want.Values()) {
			t.Errorf("raw context %q is %v, in memory %v", c.Name(), c.Values().Any(), want.Values().Any())
		}
	}
	if len(contexts[1].Columns()) != 2 {
		t.Errorf("raw context has the columns %v", contexts[1].Names())
	}
	if len(inputs[0]) < 9 {
		t.Errorf("only the inputs %v were compared", inputs[0].Names())
	}
	// Matrix factorisation reads no context, so that its rows come in the same order.
	if diff := cmp.Diff(metrics[1].Retrieval, metrics[0].Retrieval); diff != "" {
		t.Errorf("retrieval (-disk +memory):\n%s", diff)
	}
	if got := metrics[1].Pipeline["test"]; len(got.PerStage) != 4 || got.PerStage["retrieve"]["recall"] != metrics[0].Pipeline["test"].PerStage["retrieve"]["recall"] {
		t.Errorf("pipeline %v, in memory %v", got, metrics[0].Pipeline["test"])
	}
	phone := func(m *Metrics) eval.Metrics { return m.Ranking["dlrm"]["test"]["phone"] }
	if a, b := phone(metrics[0]), phone(metrics[1]); a["rows"] != b["rows"] || b["auc"] < 0.8 {
		t.Errorf("the task that context gives away has metrics %v from disk, %v from memory", b, a)
	}
}

// trainingInputs is a graph with the ranker's inputs and labels.
func trainingInputs(t *testing.T, s schema.Schema, m model.Ranker) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("inputs")
	batch, one := graph.Sym("B"), graph.Fixed(1)
	for i, v := range m.Logits(b, model.QueryInputs(b, s), model.CandidateInputs(b, s, batch, one)) {
		b.Output("y"+m.Tasks()[i], b.Add(v, b.Input(model.LabelInput(m.Tasks()[i]), tensor.Float32, graph.Shape{batch, one})))
	}
	g, err := b.Build()
	must(t, err)
	return g
}

// TestColumnarCache: it is written once, and again when it is damaged or of something else, with a note that says so.
func TestColumnarCache(t *testing.T) {
	dir := writeShop(t)
	run := filepath.Join(t.TempDir(), "run")
	path := filepath.Join(run, cacheFile)
	prepare := func(device string, fit bool) []string {
		p, n := open(t, dir, run, "storage: disk", device)
		if fit {
			must(t, p.Fit(t.Context()))
		}
		must(t, p.prepare(t.Context()))
		return n.cache
	}
	said := func(what string, got []string, want ...string) {
		t.Helper()
		if len(got) != len(want) {
			t.Errorf("%s: got the notes %q, want %q", what, got, want)
			return
		}
		for i := range want {
			if !strings.Contains(got[i], want[i]) {
				t.Errorf("%s: got the note %q, want one with %q", what, got[i], want[i])
			}
		}
	}
	said("first", prepare("phone", true), "columns written")
	text, err := os.ReadFile(path)
	must(t, err)
	said("again", prepare("phone", false), "as written before")
	must(t, os.WriteFile(path, text[:len(text)/2], 0o600))
	said("cut in half", prepare("phone", false), "damaged block file", "columns written")
	rebuilt, err := os.ReadFile(path)
	must(t, err)
	if !bytes.Equal(rebuilt, text) {
		t.Error("the cache has other bytes than at first")
	}
	newer := bytes.Clone(text)
	newer[6] = 9
	must(t, os.WriteFile(path, newer, 0o600))
	said("another version", prepare("phone", false), "version 9", "columns written")
	said("another task", prepare("desk", false), "of other data, features or tasks", "columns written")
	said("that task again", prepare("desk", false), "as written before")

	// A changed cell, with all else equal.
	table, err := data.Read(t.Context(), data.Spec{Path: filepath.Join(dir, "interactions.csv.gz")})
	must(t, err)
	carted, err := data.Values[int64](table, "carted")
	must(t, err)
	carted[3] = 1 - carted[3]
	must(t, data.WriteCSV(filepath.Join(dir, "interactions.csv.gz"), table, nil))
	p, _ := open(t, dir, run, "storage: disk", "desk")
	if err := p.prepare(t.Context()); err == nil || !strings.Contains(err.Error(), "fitted on other data") {
		t.Errorf("got error %v, want one about the data", err)
	}
	said("other data", prepare("desk", true), "of other data, features or tasks", "columns written")
}

// TestStorageIsChosenBySize between memory and disk, unless it is given.
func TestStorageIsChosenBySize(t *testing.T) {
	dir := writeShop(t)
	for storage, want := range map[string]bool{
		// 16,384 rows and some more of 8 columns, at 16 bytes a cell, take more than 2 MiB and less than 3.
		"storage: auto": false, "memory: 2": true, "memory: 3": false, "storage: disk": true, "storage: memory, memory: 1": false,
	} {
		p, _ := open(t, dir, filepath.Join(t.TempDir(), "run"), storage, "phone")
		must(t, p.readTables(t.Context()))
		if got := p.tables.Events != nil; got != want {
			t.Errorf("%s: on disk %t, want %t", storage, got, want)
		}
	}
	for setting, want := range map[string]string{
		"storage: tape": `unknown "tape"; there are: auto, memory, disk`, "memory: -1": "-1 MiB", "memory: 1.5": "want a whole number",
	} {
		text := strings.NewReplacer("STORAGE", setting, "DEVICE", "phone").Replace(diskPipeline)
		if _, err := New([]byte(text), dir, "run", 0, Options{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", setting, err, want)
		}
	}
}
