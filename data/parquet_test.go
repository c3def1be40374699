package data_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/tensor"
)

// fixture is a file that testdata/parquet.py wrote.
func fixture(name string) string { return filepath.Join("testdata", "parquet", name) }

// expected reads what pyarrow read of a fixture, as plain has it for columns of t.
func expected(t *testing.T, name string, table *data.Table) map[string][]any {
	t.Helper()
	text, err := os.ReadFile(fixture(name + ".json"))
	if err != nil {
		t.Fatal(err)
	}
	var columns map[string][]any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&columns); err != nil {
		t.Fatal(err)
	}
	for name, values := range columns {
		c, err := table.Column(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range values {
			values[i] = typed(t, values[i], c.DType())
		}
	}
	return columns
}

func typed(t *testing.T, v any, d tensor.DType) any {
	t.Helper()
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = typed(t, v[i], d)
		}
	case json.Number:
		bits := 64
		if d == tensor.Float32 {
			x, err := strconv.ParseFloat(v.String(), 32)
			if err != nil {
				t.Fatal(err)
			}
			return float32(x)
		}
		x, err := strconv.ParseInt(v.String(), 10, bits)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	return v
}

// TestParquet reads files that pyarrow wrote, whole, in batches, some columns and some rows.
func TestParquet(t *testing.T) {
	for _, name := range []string{"groups", "plain", "gzip", "int96", "nested_lists", "brotli"} {
		t.Run(name, func(t *testing.T) {
			f, err := data.Open(t.Context(), data.Spec{Path: fixture(name + ".parquet"), Key: "id"})
			if err != nil {
				t.Fatal(err)
			}
			whole, err := f.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plain(whole), expected(t, name, whole)); diff != "" {
				t.Errorf("table and what pyarrow read differ (-got +want):\n%s", diff)
			}
			if diff := cmp.Diff(f.Schema(), whole.Schema()); diff != "" {
				t.Errorf("schema of the file and of the table differ:\n%s", diff)
			}
			for _, size := range []int{1, 7, 23, 60, 100} {
				at := 0
				for batch, err := range f.Batches(t.Context(), size) {
					if err != nil {
						t.Fatal(err)
					}
					if batch.Hash() != whole.Slice(at, at+batch.Len()).Hash() {
						t.Fatalf("size %d: rows from %d differ", size, at)
					}
					at += batch.Len()
				}
				if at != whole.Len() {
					t.Errorf("size %d: %d rows, want %d", size, at, whole.Len())
				}
			}
			for i, c := range whole.Columns() {
				only, err := f.Only(c.Name())
				if err != nil {
					t.Fatal(err)
				}
				for _, rows := range [][]int{{}, {59}, {22, 23, 24, 5}, {50, 0, 17, 17, 46}} {
					some, err := only.Take(t.Context(), rows)
					if err != nil {
						t.Fatal(err)
					}
					want, err := data.NewTable(whole.Columns()[i])
					if err != nil {
						t.Fatal(err)
					}
					if some.Hash() != want.Take(rows).Hash() {
						t.Errorf("rows %v of column %q differ from those of the whole table", rows, c.Name())
					}
				}
			}
		})
	}
}

// TestParquetConverts declares types that differ from the file's.
func TestParquetConverts(t *testing.T) {
	spec := data.Spec{
		Path:    fixture("bad.parquet"),
		Columns: map[string]tensor.DType{"huge": tensor.String, "null": tensor.String, "large": tensor.String, "half": tensor.String},
		Lists:   map[string]string{"split": "|"},
	}
	f, err := data.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	f, err = f.Only("large", "half", "null", "split", "text")
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := map[string][]any{
		"large": {"1", "", "1e+99"}, "half": {"1", "", "1.5"}, "null": {"1", "", "-9223372036854775808"},
		"split": {[]any{"1", "2"}, []any{}, []any{"x", "3"}}, "text": {"1", "", "x"},
	}
	if diff := cmp.Diff(plain(got), want); diff != "" {
		t.Errorf("table differs (-got +want):\n%s", diff)
	}
	spec = data.Spec{Path: fixture("groups.parquet"), Columns: map[string]tensor.DType{"int64": tensor.Float32, "int8": tensor.String, "ints": tensor.Float32}}
	whole, err := data.Read(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	some := plain(whole.Take([]int{0, 1, 7}))
	want = map[string][]any{
		"int64": {float32(1 << 63), float32(-1 << 63), nil}, "int8": {"-30", "-29", "-23"},
		"ints": {[]any{}, []any{float32(0)}, []any{float32(0), float32(1), float32(2)}},
	}
	for name := range want {
		if diff := cmp.Diff(some[name], want[name]); diff != "" {
			t.Errorf("column %q differs (-got +want):\n%s", name, diff)
		}
	}
}

func TestParquetErrors(t *testing.T) {
	types := func(name string, d tensor.DType) data.Spec {
		return data.Spec{Columns: map[string]tensor.DType{name: d}}
	}
	tests := []struct {
		file, column string
		spec         data.Spec
		want         []string
	}{
		{"bad", "bytes", data.Spec{}, []string{`row 3`, `"\xff" is not UTF-8`}},
		{"bad", "huge", data.Spec{}, []string{"row 3", "9223372036854775808 is beyond int64"}},
		{"bad", "null", data.Spec{}, []string{"row 3", "stands for null"}},
		{"bad", "large", data.Spec{}, []string{"row 3", "1e+99 is not a finite number"}},
		{"bad", "half", types("half", tensor.Int64), []string{"row 3", "1.5 is not an integer"}},
		{"bad", "text", types("text", tensor.Int64), []string{"row 3", `"x" is not an integer`}},
		{"bad", "text", types("text", tensor.Float32), []string{"row 3", `"x" is not a finite number`}},
		{
			"bad", "split",
			data.Spec{Lists: map[string]string{"split": "|"}, Columns: map[string]tensor.DType{"split": tensor.Int64}},
			[]string{"row 3", `"x" is not an integer`},
		},
		{"bad", "half", data.Spec{Lists: map[string]string{"half": "|"}}, []string{"not text with separators"}},
		{"bad", "absent", data.Spec{}, []string{`no column "absent"`, "bytes, huge"}},
		{"bad", "bytes", types("absent", tensor.Int64), []string{`no column "absent"`, "bytes, huge"}},
		{"refused", "point", data.Spec{}, []string{"nested, which is not read"}},
		{"refused", "one", data.Spec{}, []string{"nested"}},
		{"refused", "map", data.Spec{}, []string{"nested"}},
		{"refused", "lists", data.Spec{}, []string{"nested"}},
		{"refused", "structs", data.Spec{}, []string{"nested"}},
		{"refused", "price", data.Spec{}, []string{"DECIMAL"}},
		{"refused", "clock", data.Spec{}, []string{"TIME"}},
		{"refused", "price", types("price", tensor.Float32), []string{"DECIMAL"}},
		{"no_rows", "", data.Spec{}, []string{"no rows"}},
		{"lz4", "", data.Spec{}, []string{"packed with LZ4", "snappy or zstd"}},
	}
	for _, tt := range tests {
		for _, file := range []string{tt.file, "bad_plain"} {
			if file != tt.file && tt.file != "bad" {
				continue
			}
			t.Run(file+" "+tt.column+" "+tt.want[len(tt.want)-1], func(t *testing.T) {
				tt.spec.Path = fixture(file + ".parquet")
				f, err := data.Open(t.Context(), tt.spec)
				if err == nil {
					f, err = f.Only(tt.column)
				}
				if err == nil {
					_, err = f.Read(t.Context())
				}
				if err == nil {
					t.Fatal("no error")
				}
				for _, part := range append(tt.want, file+".parquet", tt.column) {
					if !strings.Contains(err.Error(), part) {
						t.Errorf("error %q lacks %q", err, part)
					}
				}
				if strings.Contains(err.Error(), "damaged") {
					t.Errorf("error %q: the file is not damaged", err)
				}
			})
		}
	}
}

// TestParquetDamaged cuts a file at every place, which is an error always, and changes every fifth byte, which may go unseen, for pages
// have no checksums, but never panics.
func TestParquetDamaged(t *testing.T) {
	whole, err := os.ReadFile(fixture("nested_lists.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.parquet")
	read := func(content []byte) error {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := data.Read(t.Context(), data.Spec{Path: path})
		if err != nil && !strings.Contains(err.Error(), "a.parquet") {
			t.Fatalf("error %q does not name the file", err)
		}
		return err
	}
	for n := range whole {
		if err := read(whole[:n]); err == nil || !strings.Contains(err.Error(), "damaged") {
			t.Fatalf("%d of %d bytes: error %v, want one of a damaged file", n, len(whole), err)
		}
	}
	for i := 0; i < len(whole); i += 5 {
		changed := slices.Clone(whole)
		changed[i] ^= 0x15
		_ = read(changed)
	}
	if err := read(append([]byte("a,b\n"), whole...)); err == nil {
		t.Error("text before the file: no error")
	}
}

func TestParquetCancelled(t *testing.T) {
	f, err := data.Open(t.Context(), data.Spec{Path: fixture("groups.parquet")})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range f.Batches(ctx, 10) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v, want context.Canceled", err)
		}
	}
}

// FuzzParquet expects no panic, and that batches of a file that can be read are the whole.
func FuzzParquet(f *testing.F) {
	// Small ones: what is new is minimised, for which large ones take a minute each.
	for _, name := range []string{"no_rows", "brotli", "nested_lists", "int96", "bad_plain"} {
		content, err := os.ReadFile(fixture(name + ".parquet"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "a.parquet")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := data.Open(t.Context(), data.Spec{Path: path})
		if err != nil {
			if !strings.Contains(err.Error(), "a.parquet") {
				t.Errorf("error %q does not name the file", err)
			}
			return
		}
		if file.Rows() > 1000 {
			return
		}
		whole, err := file.Read(t.Context())
		if err != nil {
			return
		}
		at := 0
		for batch, err := range file.Batches(t.Context(), 7) {
			if err != nil {
				t.Fatalf("read whole, but not in batches: %v", err)
			}
			if batch.Hash() != whole.Slice(at, at+batch.Len()).Hash() {
				t.Fatalf("rows from %d differ", at)
			}
			at += batch.Len()
		}
	})
}
