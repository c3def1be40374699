package ensemble_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble"
	"recsys/schema"
	"recsys/tensor"
)

func column(name string, d tensor.DType, length int, tags ...schema.Tag) schema.Column {
	return schema.Column{Name: name, DType: schema.DType{DType: d}, Length: length, Tags: tags}
}

// shop is a manifest with every field in use: 9 items at indices 3..11, so 12 bits make 2 bytes.
func shop() *ensemble.Manifest {
	return &ensemble.Manifest{
		Format: ensemble.ManifestFormat, Name: "shop", Generation: 7,
		UserKey: column("user_id", tensor.Int64, 0, schema.User, schema.ID),
		ItemKey: column("item_id", tensor.String, 0, schema.Item, schema.ID),
		Inputs: schema.Schema{
			column("user_id", tensor.Int64, 0, schema.User, schema.ID),
			column("age", tensor.Float32, 0, schema.User),
			column("likes", tensor.Int64, 3, schema.User),
			column("history", tensor.String, 5, schema.Sequence),
			column("timestamp", tensor.Int64, 0, schema.Context, schema.Time),
		},
		UserRow:  schema.Schema{column("age", tensor.Float32, 0, schema.User), column("likes", tensor.Int64, 3, schema.User)},
		RowHash:  "0badcafe",
		Defaults: map[string]any{"age": 30.5, "likes": []any{int64(1), int64(1<<62 + 1)}},
		History:  &ensemble.ManifestHistory{Input: "history", Length: 5},
		Time:     "timestamp",
		Blocked:  ensemble.ManifestBlocked{Input: "blocked", Bytes: 2},
		Outputs:  ensemble.ManifestOutputs{ItemIDs: "item_ids", Scores: "scores", Explain: []string{"candidates"}},
		Limits:   ensemble.ManifestLimits{MaxBatch: 16, Candidates: 8, MaxResults: 4},
		Items:    ensemble.ManifestItems{First: 3, Count: 9},
		Fallback: []string{"b", "a<&>"},
		Fuse:     "groups",
		Origin:   map[string]string{"seed": "1"},
	}
}

func TestManifestRoundTrip(t *testing.T) {
	path := filepath.Join(t.TempDir(), ensemble.ManifestFile)
	if err := shop().Write(path); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	got, err := ensemble.ReadManifest(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, shop()); diff != "" {
		t.Errorf("read back (-got +want):\n%s", diff)
	}
	if err := got.Write(path); err != nil {
		t.Fatal(err)
	}
	second, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(second), string(first)); diff != "" {
		t.Errorf("written again (-got +want):\n%s", diff)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("the folder holds %d files, want the manifest alone", len(entries))
	}
}

func TestManifestWriteRefusesInvalid(t *testing.T) {
	path := filepath.Join(t.TempDir(), ensemble.ManifestFile)
	m := shop()
	m.Name = ""
	if err := m.Write(path); err == nil {
		t.Error("an invalid manifest was written")
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("stat gave %v, want a missing file", err)
	}
}

func TestManifestValidate(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*ensemble.Manifest)
		want  string
	}{
		{"format", func(m *ensemble.Manifest) { m.Format = 2 }, "unknown manifest format 2"},
		{"name", func(m *ensemble.Manifest) { m.Name = "a/b" }, `name "a/b"`},
		{"generation", func(m *ensemble.Manifest) { m.Generation = 0 }, "generation 0"},
		{"fuse", func(m *ensemble.Manifest) { m.Fuse = "some" }, `fuse "some"`},
		{"key type", func(m *ensemble.Manifest) { m.UserKey.DType.DType = tensor.Float32 }, `user_key: column "user_id" is float32`},
		{"key list", func(m *ensemble.Manifest) { m.ItemKey.Length = 2 }, "item_key"},
		{"input twice", func(m *ensemble.Manifest) { m.Inputs = append(m.Inputs, m.Inputs[0]) }, `column "user_id" appears twice`},
		{"row differs", func(m *ensemble.Manifest) { m.UserRow[1].Length = 4 }, `column "likes" is int64 with length 4 in user_row`},
		{"row hash", func(m *ensemble.Manifest) { m.RowHash = "xyz" }, `row_hash "xyz"`},
		{"no row hash", func(m *ensemble.Manifest) { m.RowHash = "" }, "row_hash"},
		{"default of none", func(m *ensemble.Manifest) { m.Defaults["sex"] = "x" }, `"sex" is no input`},
		{"default type", func(m *ensemble.Manifest) { m.Defaults["age"] = "x" }, "does not fit float32"},
		{"default go type", func(m *ensemble.Manifest) { m.Defaults["age"] = 3 }, "default of type int"},
		{"default scalar for list", func(m *ensemble.Manifest) { m.Defaults["likes"] = int64(3) }, "column of length 3"},
		{"default too long", func(m *ensemble.Manifest) { m.Defaults["likes"] = make([]any, 4) }, "4 values"},
		{"history input", func(m *ensemble.Manifest) { m.History.Input = "x" }, `history: "x" is no input`},
		{"history length", func(m *ensemble.Manifest) { m.History.Length = 4 }, "history: length 4"},
		{"history type", func(m *ensemble.Manifest) { m.ItemKey.DType.DType = tensor.Int64 }, `input "history" is string`},
		{"time", func(m *ensemble.Manifest) { m.Time = "age" }, `time: "age"`},
		{"blocked bytes", func(m *ensemble.Manifest) { m.Blocked.Bytes = 3 }, "blocked: 3 bytes, but 12 item indices need 2"},
		{"blocked without input", func(m *ensemble.Manifest) { m.Blocked.Input = "" }, "2 bytes without an input"},
		{"blocked is raw", func(m *ensemble.Manifest) { m.Blocked.Input = "age" }, "also a raw column"},
		{"output name", func(m *ensemble.Manifest) { m.Outputs.Scores = "" }, "output without a name"},
		{"output twice", func(m *ensemble.Manifest) { m.Outputs.Explain[0] = "scores" }, "appears twice"},
		{"limits", func(m *ensemble.Manifest) { m.Limits.MaxResults = 9 }, "max_results 9"},
		{"items", func(m *ensemble.Manifest) { m.Items.Count = 0 }, "count 0"},
		{"quotas", func(m *ensemble.Manifest) {
			m.Sources = []ensemble.ManifestSource{{Name: "a", Quota: 3}, {Name: "b", Quota: m.Limits.Candidates}}
		}, "sources: quotas of"},
		{"no quota", func(m *ensemble.Manifest) { m.Sources = []ensemble.ManifestSource{{Name: "a"}} }, "sources: number 0"},
		{"precision of nothing", func(m *ensemble.Manifest) { m.Precision = &ensemble.ManifestPrecision{Users: 1} }, `precision: item matrix ""`},
		{"precision", func(m *ensemble.Manifest) {
			m.Precision = &ensemble.ManifestPrecision{Ranker: "fp16", Users: 3, Overlap: 1.5}
		}, "overlap 1.5"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := shop()
			tt.spoil(m)
			err := m.Validate()
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
	if err := shop().Validate(); err != nil {
		t.Errorf("the unspoiled manifest: %v", err)
	}
}

func TestParseManifestRefuses(t *testing.T) {
	tests := []struct{ name, data, want string }{
		{"empty", "", "not a manifest"},
		{"other format with unknown fields", `{"format": 2, "wings": 4}`, "unknown manifest format 2"},
		{"no format", `{}`, "unknown manifest format 0"},
		{"unknown field", `{"format": 1, "wings": 4}`, `unknown field "wings"`},
		{"trailing", `{"format": 1} {}`, "not a manifest"},
		{"wrong type", `{"format": 1, "name": 3}`, "cannot unmarshal"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ensemble.ParseManifest([]byte(tt.data))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
	_, err := ensemble.ParseManifest([]byte(`{"format": 2}`))
	if !errors.Is(err, ensemble.ErrManifestFormat) {
		t.Errorf("got error %v, want ErrManifestFormat", err)
	}
}

// FuzzParseManifest checks that what is accepted can be written and read back as the same bytes.
func FuzzParseManifest(f *testing.F) {
	path := filepath.Join(f.TempDir(), ensemble.ManifestFile)
	if err := shop().Write(path); err != nil {
		f.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"format":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ensemble.ParseManifest(data)
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), ensemble.ManifestFile)
		if err := m.Write(path); err != nil {
			t.Fatalf("accepted but not writable: %v", err)
		}
		if _, err := ensemble.ReadManifest(path); err != nil {
			t.Fatalf("written but not readable: %v", err)
		}
	})
}
