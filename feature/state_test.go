package feature_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/tensor"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func write(tb testing.TB, f *feature.FittedWorkflow) []byte {
	tb.Helper()
	var out bytes.Buffer
	if err := f.Write(&out); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

// TestGoldenState fixes the form of the saved state: a change of it needs another version.
func TestGoldenState(t *testing.T) {
	golden := filepath.Join("testdata", "workflow.json")
	got := write(t, fitted(t))
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), string(want)); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

func TestSaveAndLoad(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "workflow.json")
	if err := os.WriteFile(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := fitted(t)
	part, err := f.Only("age")
	if err != nil {
		t.Fatal(err)
	}
	// A part saves the whole workflow.
	if err := part.Save(path); err != nil {
		t.Fatal(err)
	}
	read, err := feature.Load(op.Registry(), path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(write(t, read)), string(write(t, f))); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(read.Schema(), f.Schema()); diff != "" {
		t.Errorf("schema (-got +want):\n%s", diff)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left in the folder: %v, %v", entries, err)
	}
	if err := f.Save(filepath.Join(dir, "absent", "workflow.json")); err == nil {
		t.Error("saving to a folder that is not there succeeds")
	}
	// The rename fails; nothing is left behind.
	if err := os.MkdirAll(filepath.Join(dir, "folder", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := f.Save(filepath.Join(dir, "folder")); err == nil {
		t.Error("saving over a folder succeeds")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".folder*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if _, err := feature.Load(op.Registry(), filepath.Join(dir, "none.json")); err == nil {
		t.Error("loading a file that is not there succeeds")
	}
}

func TestReadErrors(t *testing.T) {
	good := string(write(t, fitted(t)))
	cases := []struct{ name, old, new, want string }{
		{"empty", good, "", "unexpected end of JSON"},
		{"format", `"format": 1`, `"format": 2`, "format 2; this program reads format 1: fit again"},
		{"no format", `"format": 1,`, ``, "format 0"},
		{"unknown field", `"format": 1,`, `"format": 1, "later": true,`, `unknown field "later"`},
		{"text behind", good, good + "{}", "after top-level value"},
		{"operator", `"operator": "normalize"`, `"operator": "normalise"`, `operator "normalise" is not known; known are bucketize`},
		{"version", "\"operator\": \"normalize\",\n   \"version\": 1", "\"operator\": \"normalize\",\n   \"version\": 7", "operator normalize: state has version 7 and this program reads version 1; fit again"},
		{"field of a state", `"mean": 30`, `"mean": 30, "median": 1`, `operator normalize: json: unknown field "median"`},
		{"negative deviation", `"std": 10`, `"std": -10`, `operator normalize: column "age": standard deviation -10 is negative`},
		{"vocabulary missing", `"vocabulary": "item_id"`, `"vocabulary": "items"`, `no vocabulary "items"; the file has genres, item_id, user_id`},
		{"vocabulary twice", `"name": "genres",
   "dtype": "string",
   "oov_buckets"`, `"name": "item_id",
   "dtype": "string",
   "oov_buckets"`, `vocabulary "item_id" stands there twice`},
		{"buckets", `"oov_buckets": 1`, `"oov_buckets": 0`, "0 out-of-vocabulary buckets"},
		{"keys of another type", `"ints": [`, `"strings": ["a"], "ints": [`, "has keys that are not int64"},
		{"key twice", "    \"b\",\n    \"a\"", "    \"b\",\n    \"b\"", `key "b" appears twice`},
		{"cardinality", `"cardinality": 5`, `"cardinality": 6`, `column "user_id" is no column of 5 ids`},
		{"hours", `"cardinality": 26`, `"cardinality": 25`, `column "time_hour" has 25 ids and part "hour" has 24 values`},
		{"no entity", "\"user\",\n         \"id\",", `"id",`, `operator categorify: column "user_id": the operator gives it none of the tags user, item, context and interaction`},
		{"type of a raw column", `"name": "age",
   "dtype": "float32"`, `"name": "age",
   "dtype": "string"`, `IsNaN`},
		{"column that is not there", `"from": "age"`, `"from": "ages"`, `operator normalize reads column "ages", which neither the data nor an operator before has`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(good, c.old, c.new, 1)
			if text == good {
				t.Fatalf("the state has no %q", c.old)
			}
			_, err := feature.Read(op.Registry(), strings.NewReader(text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestRegistryErrors(t *testing.T) {
	load := func(json.RawMessage, feature.Vocabularies) (feature.Fitted, error) { return nil, nil }
	kind := feature.Kind{Name: "x", Version: 1, New: func() feature.Operator { return &op.Log{} }, Load: load}
	if _, err := feature.NewRegistry(kind, kind); err == nil || !strings.Contains(err.Error(), `"x" is registered twice`) {
		t.Errorf("got error %v", err)
	}
	for _, spoil := range []func(*feature.Kind){
		func(k *feature.Kind) { k.Name = "" }, func(k *feature.Kind) { k.Version = 0 },
		func(k *feature.Kind) { k.New = nil }, func(k *feature.Kind) { k.Load = nil },
	} {
		k := kind
		spoil(&k)
		if _, err := feature.NewRegistry(k); err == nil {
			t.Errorf("kind %+v is accepted", k)
		}
	}
}

// FuzzRead reads what may be no state at all: it is refused, or it is a workflow that is written, read again and run.
func FuzzRead(f *testing.F) {
	f.Add(write(f, fitted(f)))
	f.Add([]byte(`{"format":1,"raw":[],"vocabularies":[],"operators":[]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		w, err := feature.Read(op.Registry(), bytes.NewReader(text))
		if err != nil {
			return
		}
		if _, err := feature.Read(op.Registry(), bytes.NewReader(write(t, w))); err != nil {
			t.Fatalf("what was written is refused: %v", err)
		}
		in := tensor.Map{}
		for _, c := range w.Raw() {
			if c.Length > 1000 {
				return
			}
			shape := []int{2}
			if c.Length > 0 {
				shape = append(shape, c.Length)
			}
			in[c.Name] = tensor.Zeros(c.DType.DType, shape...)
		}
		if _, err := w.Transform(t.Context(), in); err != nil {
			t.Fatalf("a workflow that was read does not run: %v", err)
		}
	})
}
