package data_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"recsys/data"
	"recsys/tensor"
)

// write makes a file in a folder of the test's.
func write(tb testing.TB, name, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	content := []byte(text)
	switch filepath.Ext(name) {
	case ".gz":
		content = pack(tb, content)
	case ".zst":
		z, err := zstd.NewWriter(nil)
		if err != nil {
			tb.Fatal(err)
		}
		content = z.EncodeAll(content, nil)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

func pack(tb testing.TB, content []byte) []byte {
	tb.Helper()
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	if _, err := z.Write(content); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// plain turns a table into Go values for cmp: nulls become nil, list rows slices.
func plain(t *data.Table) map[string][]any {
	out := map[string][]any{}
	for _, c := range t.Columns() {
		rows := make([]any, c.Len())
		for i := range rows {
			if c.IsList() {
				list := []any{}
				for j := c.Offsets()[i]; j < c.Offsets()[i+1]; j++ {
					list = append(list, element(c.Values(), j))
				}
				rows[i] = list
				continue
			}
			rows[i] = element(c.Values(), i)
		}
		out[c.Name()] = rows
	}
	return out
}

func element(values *tensor.Tensor, i int) any {
	switch v := values.Any().(type) {
	case []int64:
		if v[i] == tensor.NullInt64 {
			return nil
		}
		return v[i]
	case []float32:
		if v[i] != v[i] {
			return nil
		}
		return v[i]
	case []string:
		return v[i]
	}
	return "?"
}

func i64(v ...int64) []any {
	out := make([]any, len(v))
	for i := range v {
		out[i] = v[i]
	}
	return out
}

func TestRead(t *testing.T) {
	f := func(v ...any) []any { return v }
	tests := []struct {
		name, file, text string
		spec             data.Spec
		want             map[string][]any
	}{
		{
			"inferred", "a.csv", "id,x,s\n1,1,a\n-2,2.5,b\n",
			data.Spec{},
			map[string][]any{"id": i64(1, -2), "x": f(float32(1), float32(2.5)), "s": f("a", "b")},
		},
		{"packed", "a.csv.gz", "id\n1\n", data.Spec{}, map[string][]any{"id": i64(1)}},
		{"packed with zstd", "a.csv.zst", "id\n1\n", data.Spec{}, map[string][]any{"id": i64(1)}},
		{
			"nulls", "a.csv", "a,b,c,d\n,,,\n1,1.5,x,\n",
			data.Spec{},
			map[string][]any{"a": f(nil, int64(1)), "b": f(nil, float32(1.5)), "c": f("", "x"), "d": f("", "")},
		},
		{
			"declared", "a.csv", "a,b\n1,2\n",
			data.Spec{Columns: map[string]tensor.DType{"a": tensor.Float32, "b": tensor.String}},
			map[string][]any{"a": f(float32(1)), "b": f("2")},
		},
		{"zip codes are text", "a.csv", "zip\n12345\n02138\n", data.Spec{}, map[string][]any{"zip": f("12345", "02138")}},
		{
			"zero is a number", "a.csv", "a,b\n0,0.5\n-0,-0.25\n",
			data.Spec{},
			map[string][]any{"a": i64(0, 0), "b": f(float32(0.5), float32(-0.25))},
		},
		{"late text", "a.csv", "a\n1\n2.0\nx1\n", data.Spec{}, map[string][]any{"a": f("1", "2.0", "x1")}},
		{"hex and inf are text", "a.csv", "a,b\n0x1p4,inf\n", data.Spec{}, map[string][]any{"a": f("0x1p4"), "b": f("inf")}},
		{"nan is null", "a.csv", "a\n1.5\nNaN\n", data.Spec{}, map[string][]any{"a": f(float32(1.5), nil)}},
		{
			"large integers", "a.csv", "a,b\n9223372036854775807,9223372036854775808\n-9223372036854775807,1\n",
			data.Spec{},
			map[string][]any{"a": i64(math.MaxInt64, -math.MaxInt64), "b": f(float32(9.223372e18), float32(1))},
		},
		{
			"lists", "a.csv", "g,n\na|b,1;2\n,\n|c|,3\n",
			data.Spec{Lists: map[string]string{"g": "|", "n": ";"}},
			map[string][]any{"g": f(f("a", "b"), []any{}, f("c")), "n": f(i64(1, 2), []any{}, i64(3))},
		},
		{
			"quotes", "a.csv", "a,\"b,c\"\n\"x,\"\"y\"\"\",\"1\"\n\"line\nbreak\",\"\"\n",
			data.Spec{},
			map[string][]any{"a": f(`x,"y"`, "line\nbreak"), "b,c": f(int64(1), nil)},
		},
		{
			"carriage returns, byte order mark, empty lines, no last line end", "a.csv", "\xef\xbb\xbfa,b\r\n\r\n1,x\r\n\n2,y",
			data.Spec{},
			map[string][]any{"a": i64(1, 2), "b": f("x", "y")},
		},
		{"key", "a.csv", "a\n2\n1\n", data.Spec{Key: "a"}, map[string][]any{"a": i64(2, 1)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.Path = write(t, tt.file, tt.text)
			got, err := data.Read(t.Context(), tt.spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plain(got), tt.want); diff != "" {
				t.Errorf("table differs (-got +want):\n%s", diff)
			}
			if err := got.Schema().Validate(); err != nil {
				t.Errorf("schema: %v", err)
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	types := func(name string, d tensor.DType) data.Spec {
		return data.Spec{Columns: map[string]tensor.DType{name: d}}
	}
	tests := []struct {
		name, file, text string
		spec             data.Spec
		want             []string // parts of the error
	}{
		{"empty", "a.csv", "", data.Spec{}, []string{"a.csv", "empty file"}},
		{"header alone", "a.csv", "a,b\n", data.Spec{}, []string{"no rows"}},
		{"missing column", "a.csv", "a,b\n1,2\n", types("c", tensor.Int64), []string{`no column "c"`, "a, b"}},
		{"missing list", "a.csv", "a,b\n1,2\n", data.Spec{Lists: map[string]string{"g": "|"}}, []string{`no column "g"`, "a, b"}},
		{"missing key", "a.csv", "a,b\n1,2\n", data.Spec{Key: "k"}, []string{`no column "k"`}},
		{"not an integer", "a.csv", "a,b\n1,2\n1,x\n", types("b", tensor.Int64), []string{"a.csv:3:", `column "b"`, `"x"`, "declare"}},
		{
			"a slip among numbers", "a.csv", "a,b\n" + strings.Repeat("1,2\n", 20) + "x7,3\n1,2\n",
			data.Spec{},
			[]string{"a.csv:22:", `column "a"`, `"x7" is not a number, as 21 of the 22 values are`, "declare"},
		},
		{"null sentinel", "a.csv", "a\n-9223372036854775808\n", types("a", tensor.Int64), []string{"a.csv:2:", "not an integer"}},
		{"not a number", "a.csv", "a\n\"1\n2\"\n", types("a", tensor.Float32), []string{"a.csv:2:", `column "a"`, "not a finite number"}},
		{"infinite", "a.csv", "a\n1e99\n", types("a", tensor.Float32), []string{"a.csv:2:", "1e99"}},
		{"ragged", "a.csv", "a,b\n1,2\n1,2,3\n", data.Spec{}, []string{"a.csv:3:", "3 fields", "2 columns (a, b)"}},
		{"short", "a.csv", "a,b\n1\n", data.Spec{}, []string{"a.csv:2:", "1 fields"}},
		{"two columns of one name", "a.csv", "a,a\n1,2\n", data.Spec{}, []string{"a.csv:1:", `"a" twice`}},
		{"column without name", "a.csv", "a,\n1,2\n", data.Spec{}, []string{"a.csv:1:", "column 2"}},
		{"open quote", "a.csv", "a\n1\n\"x\n2\n", data.Spec{}, []string{"a.csv:3:", "not closed"}},
		{"quote inside", "a.csv", "a\nx\"y\n", data.Spec{}, []string{"a.csv:2:", "quote inside"}},
		{"text after quote", "a.csv", "a\n\"x\"y\n", data.Spec{}, []string{"a.csv:2:", "after a closing quote"}},
		{"endless line", "a.csv", "a\n" + strings.Repeat("x", 2<<20), data.Spec{}, []string{"a.csv:2:", "longer than"}},
		{"endless quote", "a.csv", "a\n\"" + strings.Repeat("x\n", 1<<20), data.Spec{}, []string{"a.csv:2:", "longer than"}},
		{"not UTF-8", "a.csv", "a\n\xff\n", data.Spec{}, []string{"a.csv:2:", "UTF-8"}},
		{"not gzip", "a.csv", "\x1f\x8b\x08\x00", data.Spec{}, []string{"packed", ".gz"}},
		{"not zstd", "a.csv", "\x28\xb5\x2f\xfd", data.Spec{}, []string{"packed", ".zst"}},
		{"key twice", "a.csv", "a\n1\n2\n1\n", data.Spec{Key: "a"}, []string{`"a" has 1 in rows 1 and 3`}},
		{"key null", "a.csv", "a,b\nx,1\n,2\n", data.Spec{Key: "a"}, []string{`"a" is null in row 2`}},
		{"key of floats", "a.csv", "a\n1.5\n", data.Spec{Key: "a"}, []string{"keys are int64 or string"}},
		{"type", "a.csv", "a\n1\n", types("a", tensor.Bool), []string{"cannot be bool"}},
		{"separator", "a.csv", "a\n1\n", data.Spec{Lists: map[string]string{"a": ""}}, []string{"empty separator"}},
		{"unknown .dat", "a.dat", "a\n", data.Spec{}, []string{"ratings.dat"}},
		{"short .dat", "movies.dat", "1::x\n", data.Spec{}, []string{"movies.dat:1:", "MovieID::Title::Genres"}},
		{"wrong .dat", "users.dat", "1::x\n", data.Spec{}, []string{"users.dat:1:", "user_id, gender"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.Path = write(t, tt.file, tt.text)
			got, err := data.Read(t.Context(), tt.spec)
			if err == nil {
				t.Fatalf("no error but %v", plain(got))
			}
			for _, part := range tt.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
		})
	}
}

func TestReadBrokenFiles(t *testing.T) {
	dir := t.TempDir()
	packed := pack(t, []byte("a\n"+strings.Repeat("12345\n", 10_000)))
	flipped := bytes.Clone(packed)
	flipped[len(flipped)-6] ^= 1 // in the checksum
	z, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	tight := z.EncodeAll([]byte("a\n"+strings.Repeat("12345\n", 10_000)), nil)
	for name, content := range map[string][]byte{"text.csv.zst": []byte("a\n1\n"), "cut.jsonl.zst": tight[:len(tight)-6]} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := data.Read(t.Context(), data.Spec{Path: path})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "zstd") {
			t.Errorf("%s: error %v, want one that names the file and zstd", name, err)
		}
	}
	for name, content := range map[string][]byte{"text.csv.gz": []byte("a\n1\n"), "cut.csv.gz": packed[:len(packed)-20], "none.csv.gz": nil, "sum.csv.gz": flipped} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := data.Read(t.Context(), data.Spec{Path: path})
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "gzip") {
			t.Errorf("%s: error %v, want one that names the file and gzip", name, err)
		}
	}
	if _, err := data.Read(t.Context(), data.Spec{Path: filepath.Join(dir, "absent.csv")}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent file: error %v, want os.ErrNotExist", err)
	}
	if _, err := data.Read(t.Context(), data.Spec{Path: dir}); err == nil || !strings.Contains(err.Error(), "folder") {
		t.Errorf("folder: error %v", err)
	}
	if _, err := data.Read(t.Context(), data.Spec{}); err == nil || !strings.Contains(err.Error(), "no path") {
		t.Errorf("no path: error %v", err)
	}
}

func TestBatchesAreTheTable(t *testing.T) {
	var text strings.Builder
	text.WriteString("id,g\n")
	for i := range 1000 {
		text.WriteString(strconv.Itoa(i) + "," + strings.Repeat("x|", i%3) + "y\n")
	}
	spec := data.Spec{Path: write(t, "a.csv.gz", text.String()), Lists: map[string]string{"g": "|"}}
	whole, err := data.Read(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	f, err := data.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(f.Schema(), whole.Schema()); diff != "" || f.Rows() != 1000 {
		t.Errorf("%d rows, schema of the file and of the table differ:\n%s", f.Rows(), diff)
	}
	for _, size := range []int{1, 7, 500, 1000, 5000} {
		at := 0
		for batch, err := range f.Batches(t.Context(), size) {
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plain(batch), plain(whole.Slice(at, at+batch.Len()))); diff != "" {
				t.Fatalf("size %d, rows from %d differ:\n%s", size, at, diff)
			}
			at += batch.Len()
		}
		if at != 1000 {
			t.Errorf("size %d: %d rows, want 1000", size, at)
		}
	}
}

// TestPartsOfAFile reads some columns and some rows, and compares them with those of the whole table.
func TestPartsOfAFile(t *testing.T) {
	var text strings.Builder
	text.WriteString("id,g,x\n")
	for i := range 40_000 {
		text.WriteString(strconv.Itoa(i) + "," + strings.Repeat("x|", i%3) + "y," + strconv.Itoa(i%7) + ".5\n")
	}
	spec := data.Spec{Path: write(t, "a.csv", text.String()), Key: "id", Lists: map[string]string{"g": "|"}}
	f, err := data.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := f.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	only, err := f.Only("x", "g")
	if err != nil {
		t.Fatal(err)
	}
	got, err := only.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want, err := data.NewTable(whole.Columns()[1:]...)
	if err != nil {
		t.Fatal(err)
	}
	if got.Hash() != want.Hash() {
		t.Errorf("columns %v differ from those of the whole table", got.Names())
	}
	if diff := cmp.Diff(only.Schema(), f.Schema()[1:]); diff != "" {
		t.Errorf("schema of some columns (-got +want):\n%s", diff)
	}
	if e := f.Empty(); e.Len() != 0 || !slices.Equal(e.Names(), whole.Names()) || e.Columns()[1].DType() != tensor.String || !e.Columns()[1].IsList() {
		t.Errorf("empty table has %d rows of %v", e.Len(), e.Schema())
	}
	for _, rows := range [][]int{{}, {0}, {39_999, 0, 17, 17, 20_000}} {
		some, err := f.Take(t.Context(), rows)
		if err != nil {
			t.Fatal(err)
		}
		if some.Hash() != whole.Take(rows).Hash() {
			t.Errorf("rows %v differ from those of the whole table", rows)
		}
	}
	for name, try := range map[string]func() error{
		`no column "y"`:            func() error { _, err := f.Only("x", "y"); return err },
		"no columns are wanted":    func() error { _, err := f.Only(); return err },
		"rows 3 to 40000 of 40000": func() error { _, err := f.Take(t.Context(), []int{40_000, 3}); return err },
		"rows -1 to 3 of 40000":    func() error { _, err := f.Take(t.Context(), []int{3, -1}); return err },
	} {
		if err := try(); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got error %v, want one with %q", err, name)
		}
	}
}

func TestCancelled(t *testing.T) {
	spec := data.Spec{Path: write(t, "a.csv", "a\n"+strings.Repeat("1\n", 40_000))}
	f, err := data.Open(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := data.Open(ctx, spec); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: error %v, want context.Canceled", err)
	}
	for _, err := range f.Batches(ctx, 10) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("Batches: error %v, want context.Canceled", err)
		}
	}
}

// FuzzRead compares with encoding/csv wherever both accept a file, and expects no panic anywhere.
func FuzzRead(f *testing.F) {
	f.Add([]byte("a,b\n1,2\n"))
	f.Add([]byte("a\n\"x\"\"\n\ny\"\n"))
	f.Add([]byte("\xef\xbb\xbfa,b\r\n1,\"\r\n\"\r\n\r"))
	f.Add([]byte("a\n1.5e3\n-\n00\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "a.csv")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := data.Read(t.Context(), data.Spec{Path: path}); err != nil && !strings.Contains(err.Error(), "a.csv") {
			t.Errorf("error %q does not name the file", err)
		}
		r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\xef\xbb\xbf"))))
		want, err := r.ReadAll()
		if err != nil || len(want) < 2 {
			return
		}
		types := map[string]tensor.DType{}
		for _, name := range want[0] {
			types[name] = tensor.String
		}
		got, err := data.Read(t.Context(), data.Spec{Path: path, Columns: types})
		if err != nil {
			return // stricter about names and UTF-8; a mark after the first is text to encoding/csv
		}
		if got.Len() != len(want)-1 {
			t.Fatalf("%d rows, encoding/csv has %d", got.Len(), len(want)-1)
		}
		for i, name := range got.Names() {
			values, err := data.Values[string](got, name)
			if err != nil {
				t.Fatal(err)
			}
			for row, v := range values {
				if v != want[row+1][i] {
					t.Fatalf("row %d column %q: %q, encoding/csv has %q", row, name, v, want[row+1][i])
				}
			}
		}
	})
}

func BenchmarkReadMillionRows(b *testing.B) {
	var text bytes.Buffer
	r := uint64(1)
	text.WriteString("user,item,rating,time,split,price\n")
	for i := range 1_000_000 {
		r = r*6364136223846793005 + 1442695040888963407
		x := r >> 33
		text.Write(strconv.AppendInt(nil, int64(i/165), 10))
		text.WriteByte(',')
		text.Write(strconv.AppendUint(nil, x%4000, 10))
		text.WriteByte(',')
		text.Write(strconv.AppendUint(nil, x%5, 10))
		text.WriteByte(',')
		text.Write(strconv.AppendUint(nil, 978300760+x%1000000, 10))
		text.WriteString(",train,")
		text.Write(strconv.AppendFloat(nil, float64(x%10000)/100, 'f', 2, 64))
		text.WriteByte('\n')
	}
	path := write(b, "a.csv.gz", text.String())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := data.Read(b.Context(), data.Spec{Path: path}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestReadKeepsText checks that columns which are not numbers with a slip are read as text.
func TestReadKeepsText(t *testing.T) {
	numbers := strings.Repeat("1\n", 50)
	cases := map[string]struct {
		text string
		spec data.Spec
	}{
		"few values":     {strings.Repeat("1\n", 19) + "x\n", data.Spec{}},
		"many texts":     {numbers + "x\ny\n", data.Spec{}},
		"leading zeros":  {numbers + "007\nx\n", data.Spec{}},
		"declared as is": {numbers + "x\n", data.Spec{Columns: map[string]tensor.DType{"a": tensor.String}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.spec.Path = write(t, "a.csv", "a\n"+c.text)
			got, err := data.Read(t.Context(), c.spec)
			if err != nil {
				t.Fatal(err)
			}
			if d := got.Schema()[0].DType.DType; d != tensor.String {
				t.Errorf("column a is %s, want string", d)
			}
		})
	}
}
