package merlin_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/feature"
	"recsys/feature/op"
	"recsys/pipeline"
	"recsys/pipeline/merlin"
	"recsys/tensor"
)

var update = flag.Bool("update", false, "write the golden files")

// world copies what NVTabular wrote (testdata/make.py) to a folder of its own.
func world(t *testing.T) (dir string, o merlin.Options) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "nvtabular"), os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	return dir, merlin.Options{
		Dir: filepath.Join(dir, "nvtabular"), Interactions: filepath.Join(dir, "nvtabular", "interactions.parquet"), To: dir,
	}
}

func TestDraftIsGolden(t *testing.T) {
	_, o := world(t)
	got, err := merlin.Draft(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "recsys.yaml")
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
}

// TestIDsMoveIntact fits the draft and encodes the rows that NVTabular encoded.
func TestIDsMoveIntact(t *testing.T) {
	dir, o := world(t)
	text, err := merlin.Draft(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run")
	p, err := pipeline.New(text, dir, run, 0, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w, err := feature.Load(op.Registry(), filepath.Join(run, "workflow.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range encodedRows(t) {
		for column, ids := range r.IDs {
			got, want := encode(t, w, column, r.Raw[column]), flat(ids)
			if column == "item_id" && bucket(want[0]) && bucket(got[0]) {
				continue // Which of the four buckets a key falls into is each tool's own.
			}
			if diff := cmp.Diff(got, want); diff != "" {
				t.Errorf("row %d, column %q, raw %v (-recsys +NVTabular):\n%s", i, column, r.Raw[column], diff)
			}
		}
	}
}

// bucket tells whether an id is one of the out-of-vocabulary buckets of item_id.
func bucket(id int64) bool { return id >= 2 && id < 6 }

type encodedRow struct {
	Raw map[string]any `json:"raw"`
	IDs map[string]any `json:"ids"`
}

// encodedRows are what NVTabular made of some rows.
func encodedRows(t *testing.T) []encodedRow {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "encoded.json"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []encodedRow
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) < 30 {
		t.Fatalf("%d rows", len(rows))
	}
	return rows
}

// flat is an id or a list of ids.
func flat(ids any) []int64 {
	switch v := ids.(type) {
	case float64:
		return []int64{int64(v)}
	case []any:
		var out []int64
		for _, id := range v {
			out = append(out, int64(id.(float64)))
		}
		return out
	}
	return nil
}

// encode returns the ids of a raw value, without the padding of lists.
func encode(t *testing.T, w *feature.FittedWorkflow, column string, raw any) []int64 {
	t.Helper()
	part, err := w.Only(column)
	if err != nil {
		t.Fatal(err)
	}
	in := part.Raw()[0]
	values := []any{raw}
	shape := []int{1}
	if list, ok := raw.([]any); ok {
		values = list
		shape = []int{1, in.Length}
	}
	var x *tensor.Tensor
	if in.DType.DType == tensor.Int64 {
		ints := make([]int64, shape[len(shape)-1])
		for i, v := range values {
			ints[i] = int64(v.(float64))
		}
		x = tensor.Of(ints, shape...)
	} else {
		texts := make([]string, shape[len(shape)-1])
		for i, v := range values {
			texts[i], _ = v.(string) // Null is the empty string.
		}
		x = tensor.Of(texts, shape...)
	}
	out, err := part.Transform(t.Context(), tensor.Map{in.Name: x})
	if err != nil {
		t.Fatal(err)
	}
	ids := tensor.MustData[int64](out[column])
	for in.Length > 0 && len(ids) > 0 && ids[len(ids)-1] == feature.PaddingID {
		ids = ids[:len(ids)-1]
	}
	return ids
}

// TestVocabularyOfNumbersWithNull reads integers that a tool without null among them wrote as numbers.
func TestVocabularyOfNumbersWithNull(t *testing.T) {
	dir, o := world(t)
	text, err := merlin.Draft(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := data.NewTable(data.Scalar("user_id", []float32{1002, 1001}))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(o.Dir, "categories", "unique.user_id.parquet")
	if _, err := data.WriteParquet(t.Context(), path, keys.Batches(t.Context(), 9)); err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(text, dir, filepath.Join(dir, "run"), 0, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w, err := feature.Load(op.Registry(), filepath.Join(dir, "run", "workflow.json"))
	if err != nil {
		t.Fatal(err)
	}
	if got := encode(t, w, "user_id", float64(1001)); got[0] != 4 {
		t.Errorf("the second key has id %d, want 4", got[0])
	}
}

// TestEntitiesHaveTheLastRow reads the tables that the draft wrote.
func TestEntitiesHaveTheLastRow(t *testing.T) {
	dir, o := world(t)
	if _, err := merlin.Draft(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	events, err := data.Read(t.Context(), data.Spec{Path: o.Interactions})
	if err != nil {
		t.Fatal(err)
	}
	users, err := data.Read(t.Context(), data.Spec{Path: filepath.Join(dir, "users.parquet"), Key: "user_id"})
	if err != nil {
		t.Fatal(err)
	}
	column := func(table *data.Table, name string) []string {
		values, err := data.Values[string](table, name)
		if err != nil {
			t.Fatal(err)
		}
		return values
	}
	keys, err := data.Values[int64](events, "user_id")
	if err != nil {
		t.Fatal(err)
	}
	want := map[int64]string{}
	for i, city := range column(events, "city") {
		want[keys[i]] = city
	}
	got := map[int64]string{}
	if keys, err = data.Values[int64](users, "user_id"); err != nil {
		t.Fatal(err)
	}
	for i, city := range column(users, "city") {
		got[keys[i]] = city
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("-users +last of the interactions:\n%s", diff)
	}
}

func TestDraftRefuses(t *testing.T) {
	replace := func(old, text string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			path := filepath.Join(dir, "nvtabular", "schema.pbtxt")
			schema, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(schema), old) {
				t.Fatalf("the schema has no %q", old)
			}
			if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(schema), old, text)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"no schema":      {func(t *testing.T, dir string) { t.Helper(); remove(t, dir, "schema.pbtxt") }, "schema.pbtxt"},
		"no text":        {replace("feature {", "feature }"), `schema.pbtxt:1:`},
		"other text":     {replace("feature {", "model {"), "no feature: is it the schema that Merlin wrote?"},
		"double feature": {replace(`name: "price"`, `name: "city"`), `feature "city" stands twice`},
		"no user":        {replace(`tag: "user"`, `tag: "context"`), "the tags user and id are on 0 columns () instead of one"},
		"unknown column": {replace(`name: "price"`, `name: "cost"`), `interactions.parquet has no column "cost", which the schema names`},
		"old ids":        {replace("max: 29", "max: 27"), `unique.user_id.parquet has 27 keys, which leaves no out-of-vocabulary bucket among the 28 ids`},
		"cut mapping": {func(t *testing.T, dir string) {
			t.Helper()
			path := filepath.Join(dir, "nvtabular", "categories", "unique.city.parquet")
			if err := os.Truncate(path, 500); err != nil {
				t.Fatal(err)
			}
		}, "unique.city.parquet: damaged parquet file"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, o := world(t)
			c.spoil(t, dir)
			if _, err := merlin.Draft(t.Context(), o); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.Remove(filepath.Join(dir, "nvtabular", name)); err != nil {
		t.Fatal(err)
	}
}

// FuzzReadSchema looks for panics.
func FuzzReadSchema(f *testing.F) {
	text, err := os.ReadFile(filepath.Join("testdata", "schema.pbtxt"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`feature { name: "a" int_domain { max: 99999999999 is_categorical: true } }`))
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, merlin.SchemaFile), text, 0o600); err != nil {
			t.Fatal(err)
		}
		columns, err := merlin.ReadSchema(dir)
		if err != nil {
			return
		}
		for _, c := range columns {
			if c.Name == "" || c.IDs < 0 {
				t.Errorf("column %+v", c)
			}
		}
	})
}
