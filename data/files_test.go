package data_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/tensor"
)

// folder writes files into a folder whose name looks like a pattern.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a[b]*, c")
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		content := []byte(text)
		if strings.HasSuffix(name, ".parquet") {
			var err error
			if content, err = os.ReadFile(fixture(text)); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestSeveralFiles(t *testing.T) {
	f := func(v ...any) []any { return v }
	dir := folder(t, map[string]string{
		"day-2.csv": "b,a,n,e\nx,3,,\n", "day-1.csv": "a,b,n,e\n1,w,7,\n2,,8,\n", "day-3.csv": "a,b,n,e\n4.5,z,9,\n",
		"more/d.jsonl": `{"a":5,"b":"j","n":null,"e":null}`, "day-0.csv/in.csv": "z\n1\n",
		"lists.csv": "g\n1|2\n", "lists.jsonl": `{"g":[3]}`,
		"p1.parquet": "int96.parquet", "p2.parquet": "int96.parquet",
	})
	tests := []struct {
		path  string
		files int
		spec  data.Spec
		want  map[string][]any
	}{
		{
			"day-*.csv, more/?.jsonl", 4,
			data.Spec{},
			map[string][]any{
				"a": f(float32(1), float32(2), float32(3), float32(4.5), float32(5)), "b": f("w", "", "x", "z", "j"),
				"n": f(int64(7), int64(8), nil, int64(9), nil), "e": f("", "", "", "", ""),
			},
		},
		{
			"day-2.csv,day-1.csv", 2,
			data.Spec{Columns: map[string]tensor.DType{"n": tensor.String}},
			map[string][]any{"a": i64(3, 1, 2), "b": f("x", "w", ""), "n": f("", "7", "8"), "e": f("", "", "")},
		},
		{"lists.*", 2, data.Spec{Lists: map[string]string{"g": "|"}}, map[string][]any{"g": f(i64(1, 2), i64(3))}},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			files, err := data.ResolveAll(dir, tt.path)
			if err != nil {
				t.Fatal(err)
			}
			if len(files) != tt.files {
				t.Fatalf("files %v, want %d", files, tt.files)
			}
			tt.spec.Files = files
			got, err := data.Read(t.Context(), tt.spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plain(got), tt.want); diff != "" {
				t.Errorf("table differs (-got +want):\n%s", diff)
			}
		})
	}
	files, err := data.ResolveAll(dir, "p*.parquet")
	if err != nil {
		t.Fatal(err)
	}
	file, err := data.Open(t.Context(), data.Spec{Files: files})
	if err != nil {
		t.Fatal(err)
	}
	whole, err := file.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	once, err := data.Read(t.Context(), data.Spec{Path: fixture("int96.parquet")})
	if err != nil {
		t.Fatal(err)
	}
	if n := once.Len(); whole.Len() != 2*n || whole.Slice(0, n).Hash() != once.Hash() || whole.Slice(n, 2*n).Hash() != once.Hash() {
		t.Error("two files of the same rows are not these rows twice")
	}
	only, err := file.Only("micros")
	if err != nil {
		t.Fatal(err)
	}
	for _, rows := range [][]int{{61, 59, 60}, {119}, {0, 70}} {
		some, err := only.Take(t.Context(), rows)
		if err != nil {
			t.Fatal(err)
		}
		want, err := data.NewTable(whole.Columns()[1])
		if err != nil {
			t.Fatal(err)
		}
		if some.Hash() != want.Take(rows).Hash() {
			t.Errorf("rows %v differ from those of the whole table", rows)
		}
	}
	at := 0
	for batch, err := range file.Batches(t.Context(), 49) {
		if err != nil {
			t.Fatal(err)
		}
		if batch.Hash() != whole.Slice(at, at+batch.Len()).Hash() {
			t.Errorf("rows from %d differ", at)
		}
		at += batch.Len()
	}
	if err := os.WriteFile(files[1], []byte("PAR1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := file.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "p2.parquet") {
		t.Errorf("a file that changed: error %v, want one that names it", err)
	}
}

func TestSeveralFilesErrors(t *testing.T) {
	dir := folder(t, map[string]string{
		"a1.csv": "a,b\n1,2\n", "a2.csv": "a,c\n1,2\n", "b1.csv": "a\n1\n", "b2.csv": "a\nx\n", "c1.jsonl": `{"a":[1]}`, "c2.jsonl": `{"a":1}`,
		"d1.csv": "a\n1\n", "d2.csv": "a\n", "ratings.dat": "1::2::3::4\n", "ratings2.csv": "user_id,movie_id,rating,timestamp\n1,2,3,4\n",
		"k1.csv": "a\n1\n", "k2.csv": "a\n1\n",
	})
	tests := []struct {
		path string
		spec data.Spec
		want []string
	}{
		{"a*.csv", data.Spec{}, []string{"a1.csv has no column \"c\", which", "a2.csv has", "a2.csv has no column \"b\""}},
		{"b*.csv", data.Spec{}, []string{`column "a" is int64 in`, "b1.csv and string in", "b2.csv", "declare"}},
		{"c*.jsonl", data.Spec{}, []string{`column "a" is lists of int64 in`, "c1.jsonl and int64 in", "c2.jsonl"}},
		{"d*.csv", data.Spec{}, []string{"d2.csv", "no rows"}},
		{"ratings.dat, ratings2.csv", data.Spec{}, []string{"ratings.dat", "only one"}},
		{"k*.csv", data.Spec{Key: "a"}, []string{`"a" has 1 in rows 1 and 2`}},
		{"z*.csv", data.Spec{}, []string{"no file z*.csv in folder", "a[b]*, c"}},
		{"a1.csv, z.csv", data.Spec{}, []string{"no file z.csv"}},
		{"a1.csv, a*.csv", data.Spec{}, []string{"a1.csv is named twice"}},
		{"[", data.Spec{}, []string{"syntax error in pattern"}},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			files, err := data.ResolveAll(dir, tt.path)
			if err == nil {
				tt.spec.Path, tt.spec.Files = tt.path, files
				_, err = data.Read(t.Context(), tt.spec)
			}
			if err == nil {
				t.Fatal("no error")
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
		})
	}
}
