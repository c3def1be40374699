package pipeline_test

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"recsys/data"
	"recsys/featurestore"
	"recsys/graph"
	"recsys/graph/exec"
	"recsys/onnx"
	"recsys/pipeline"
	"recsys/tensor"
)

// TestRefreshKnowsNewItemsAsModelsDid compares the vectors and scores of a refreshed run with those that the models of the run that was
// trained give: to old items by their ids, and to new ones, twins of the first old ones, by the id of unknown items.
func TestRefreshKnowsNewItemsAsModelsDid(t *testing.T) {
	run, _ := shop(t, nil)
	today := t.TempDir()
	const twins = 7
	writeTwins(t, filepath.Dir(run), today, twins)
	again := filepath.Join(t.TempDir(), "again")
	r, err := pipeline.Refresh(t.Context(), run, today, again, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Added != twins || r.Gone != 1 {
		t.Fatalf("%+v; want %d new items, one gone", r, twins)
	}
	const first, unknown = 3, 2
	before := itemColumns(t, filepath.Join(run, "stages"))
	after := itemColumns(t, filepath.Join(again, "stages"))
	v := before["item_item_id"].Dim(0)
	if got := after["item_item_id"].Dim(0); got != v+twins {
		t.Fatalf("%d item ids, want %d", got, v+twins)
	}
	// What the trained run's models would be asked about each row of the refreshed run.
	asked := maps.Clone(after)
	ids := slices.Concat(tensor.MustData[int64](before["item_item_id"]), make([]int64, twins))
	for i := range twins {
		ids[v+i] = unknown
	}
	asked["item_item_id"] = tensor.Of(ids, v+twins)
	tower := filepath.Join("sources", "two_tower", "tower.onnx")
	want := runModel(t, filepath.Join(run, tower), asked)["items"]
	got := runModel(t, filepath.Join(again, tower), after)["items"]
	// The same arithmetic on the same rows.
	if !equalRows(got, want, first, v+twins) {
		t.Error("the refreshed tower has other vectors than the trained one")
	}
	matrix := runModel(t, filepath.Join(again, "sources", "two_tower", "items.onnx"), tensor.Map{"item_indices": count(v + twins)})["vectors"]
	if !equalRows(matrix, want, first, v+twins) {
		t.Error("the refreshed item matrix has other vectors than the trained tower")
	}
	if equalRows(want.Rows(v, v+1), want.Rows(first, first+1), 0, 1) {
		t.Error("a new item has the vector of its twin: the id counts for nothing")
	}
	// Histories look items up in the same table.
	query := filepath.Join("sources", "two_tower", "query.onnx")
	for name, history := range map[string][2]int64{"an old item": {first + 1, first + 1}, "a new item": {int64(v) + 2, unknown}} {
		now := queryOf(t, filepath.Join(again, query), history[0])
		was := queryOf(t, filepath.Join(run, query), history[1])
		if !equalRows(now, was, 0, 1) {
			t.Errorf("%s in the history makes another query", name)
		}
	}
	rank := filepath.Join("ranking", "dlrm.onnx")
	now, was := rankOf(t, filepath.Join(again, rank), after), rankOf(t, filepath.Join(run, rank), asked)
	if !equalRows(now, was, 0, 1) {
		t.Error("the refreshed ranker has other scores than the trained one")
	}
	checkItemRows(t, run, again, twins)
}

// gone is the row of the item that the new table lacks.
const gone = 10

// writeTwins writes the item table with n further items, which have the features of the first ones, and one less.
func writeTwins(t *testing.T, from, to string, n int) {
	t.Helper()
	f, err := data.Open(t.Context(), data.Spec{Path: "items.csv.gz", Files: []string{filepath.Join(from, "items.csv.gz")}, Lists: map[string]string{"categories": "|"}})
	if err != nil {
		t.Fatal(err)
	}
	items, err := f.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var rows []int
	for i := range items.Len() {
		if i != gone {
			rows = append(rows, i)
		}
	}
	old := len(rows)
	for i := range n {
		rows = append(rows, i)
	}
	columns := []*data.Column{}
	for _, c := range items.Columns() {
		c = c.TakeOrNull(rows)
		if c.Name() == "item_id" {
			keys := tensor.MustData[int64](c.Values())
			for i := range n {
				keys[old+i] = int64(1_000_000 - i)
			}
		}
		columns = append(columns, c)
	}
	table, err := data.NewTable(columns...)
	if err != nil {
		t.Fatal(err)
	}
	if err := data.WriteCSV(filepath.Join(to, "items.csv.gz"), table, map[string]string{"categories": "|"}); err != nil {
		t.Fatal(err)
	}
}

// itemColumns are the tables that the lookup stage gathers rows of, by the names of a ranker's inputs.
func itemColumns(t *testing.T, stages string) tensor.Map {
	t.Helper()
	g, err := onnx.Read(filepath.Join(stages, "lookup.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	out := tensor.Map{}
	for _, o := range g.Outputs {
		n, _ := o.Value.Node()
		for n != nil && n.Op.Type != "Gather" {
			n, _ = n.Inputs[0].Node()
		}
		if n != nil {
			out[o.Name] = n.Inputs[0].Data()
		}
	}
	return out
}

func count(n int) *tensor.Tensor {
	ids := make([]int64, n)
	for i := range ids {
		ids[i] = int64(i)
	}
	return tensor.Of(ids, n)
}

func runModel(t *testing.T, path string, in tensor.Map) tensor.Map {
	t.Helper()
	g, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return runGraph(t, g, in)
}

func runGraph(t *testing.T, g *graph.Graph, in tensor.Map) tensor.Map {
	t.Helper()
	plan, err := exec.Compile(g, exec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	given := tensor.Map{}
	for _, input := range g.Inputs {
		if given[input.Name()] = in[input.Name()]; given[input.Name()] == nil {
			t.Fatalf("no input %s", input)
		}
	}
	out, err := plan.Run(t.Context(), given)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// queryOf is the query of a user who has seen one item and of whom nothing else is known.
func queryOf(t *testing.T, path string, item int64) *tensor.Tensor {
	t.Helper()
	g, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	in := nobody(g)
	tensor.MustData[int64](in["encoded_history"])[0] = item
	return runGraph(t, g, in)["query"]
}

// nobody are the inputs of a graph for a user of whom nothing is known.
func nobody(g *graph.Graph) tensor.Map {
	in := tensor.Map{}
	for _, input := range g.Inputs {
		shape := []int{1}
		for _, d := range input.Shape()[1:] {
			shape = append(shape, d.Size)
		}
		in[input.Name()] = tensor.Zeros(input.DType(), shape...)
	}
	return in
}

// rankOf scores all items as the candidates of one user: [1,K].
func rankOf(t *testing.T, path string, items tensor.Map) *tensor.Tensor {
	t.Helper()
	g, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	in := nobody(g)
	for name, x := range items {
		if g.Input(name) == nil {
			continue
		}
		shaped, err := x.Reshape(append([]int{1}, x.Shape()...)...)
		if err != nil {
			t.Fatal(err)
		}
		in[name] = shaped
	}
	return runGraph(t, g, in)["cart"]
}

func equalRows(a, b *tensor.Tensor, from, to int) bool {
	x, y := tensor.MustData[float32](a.Rows(from, to)), tensor.MustData[float32](b.Rows(from, to))
	if len(x) != len(y) || len(x) == 0 {
		return false
	}
	for i := range x {
		if x[i] != y[i] {
			return false
		}
	}
	return true
}

// checkItemRows compares the packed rows: those of old items stay, and twins have the same.
func checkItemRows(t *testing.T, run, again string, twins int) {
	t.Helper()
	read := func(run string) (keys []string, rows [][]byte) {
		_, records, err := featurestore.ReadRows(pipeline.ItemRows(run))
		if err != nil {
			t.Fatal(err)
		}
		for r, err := range records {
			if err != nil {
				t.Fatal(err)
			}
			keys, rows = append(keys, r.UserID), append(rows, bytes.Clone(r.Row))
		}
		return keys, rows
	}
	keys, rows := read(run)
	now, rowsNow := read(again)
	if len(now) != len(keys)+twins {
		t.Fatalf("%d rows of items, want %d", len(now), len(keys)+twins)
	}
	byKey := map[string][]byte{}
	for i, key := range keys {
		if now[i] != key || !bytes.Equal(rowsNow[i], rows[i]) {
			t.Errorf("row %d of item %s is now another one, of item %s", i, key, now[i])
		}
		byKey[key] = rows[i]
	}
	for i := range twins {
		if !bytes.Equal(rowsNow[len(keys)+i], byKey[[]string{"1", "2", "3", "4", "5", "6", "7"}[i]]) {
			t.Errorf("item %s has another row than its twin", now[len(keys)+i])
		}
	}
	was, err := os.ReadFile(pipeline.UserRows(run))
	if err != nil {
		t.Fatal(err)
	}
	if is, err := os.ReadFile(pipeline.UserRows(again)); err != nil || !bytes.Equal(is, was) {
		t.Errorf("the rows of users changed: %v", err)
	}
}
