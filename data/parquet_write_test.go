package data_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/tensor"
)

// mixedTable has a column of every kind, with nulls, none, and nothing else; lists are long, empty and hold nulls, which
// are left out.
func mixedTable(t *testing.T, from, rows int) *data.Table {
	t.Helper()
	ints, sparse, nulls := make([]int64, rows), make([]int64, rows), make([]int64, rows)
	floats, texts := make([]float32, rows), make([]string, rows)
	var listed []int64
	var words []string
	offsets, bounds := make([]int, 1, rows+1), make([]int, 1, rows+1)
	for i := range rows {
		k := from + i
		ints[i], sparse[i], nulls[i], floats[i], texts[i] = int64(k)*7919-5, int64(k), tensor.NullInt64, float32(k)/3, strconv.Itoa(k%300)+"é"
		if k%3 == 0 {
			sparse[i], floats[i], texts[i] = tensor.NullInt64, float32(math.NaN()), ""
		}
		for j := range k % 5 {
			listed = append(listed, int64(k*j))
		}
		if k%7 < 2 {
			words = append(words, "w"+strconv.Itoa(k%11), strings.Repeat("x", k%4))
		}
		offsets, bounds = append(offsets, len(listed)), append(bounds, len(words))
	}
	list, err := data.Ragged("list", listed, offsets)
	if err != nil {
		t.Fatal(err)
	}
	tags, err := data.Ragged("tags", words, bounds)
	if err != nil {
		t.Fatal(err)
	}
	table, err := data.NewTable(data.Scalar("z", ints), data.Scalar("sparse", sparse), data.Scalar("nulls", nulls),
		data.Scalar("float", floats), data.Scalar("text", texts), list, tags)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func tablesOf(tables ...*data.Table) iter.Seq2[*data.Table, error] {
	return func(yield func(*data.Table, error) bool) {
		for _, t := range tables {
			if !yield(t, nil) {
				return
			}
		}
	}
}

// withoutNulls is plain without the nulls of lists.
func withoutNulls(t *data.Table) map[string][]any {
	columns := plain(t)
	for _, values := range columns {
		for i, v := range values {
			if list, ok := v.([]any); ok {
				kept := []any{}
				for _, e := range list {
					if e != nil && e != "" {
						kept = append(kept, e)
					}
				}
				values[i] = kept
			}
		}
	}
	return columns
}

// TestWriteParquetReadsBack crosses the borders of pages and row groups.
func TestWriteParquetReadsBack(t *testing.T) {
	for _, rows := range []int{1, 7, 64, 1000, 65_536, 150_000} {
		t.Run(fmt.Sprint(rows), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "a.parquet")
			whole := mixedTable(t, 0, rows)
			cut := rows / 3
			n, err := data.WriteParquet(t.Context(), path, tablesOf(whole.Slice(0, cut), whole.Slice(cut, rows)))
			if err != nil || n != rows {
				t.Fatalf("%d rows, %v; want %d", n, err, rows)
			}
			got, err := data.Read(t.Context(), data.Spec{Path: path})
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(got.Names(), whole.Names()); diff != "" {
				t.Errorf("names (-got +want):\n%s", diff)
			}
			if diff := gocmp.Diff(withoutNulls(got), withoutNulls(whole)); diff != "" {
				t.Errorf("-got +want:\n%.2000s", diff)
			}
		})
	}
}

// TestPyarrowReadsWhatWeWrite compares each value with what pyarrow reads of the file.
func TestPyarrowReadsWhatWeWrite(t *testing.T) {
	python := os.Getenv("RECSYS_PYTHON")
	if python == "" || exec.CommandContext(t.Context(), python, "-c", "import pyarrow").Run() != nil {
		t.Skip("RECSYS_PYTHON names no Python interpreter with pyarrow")
	}
	path := filepath.Join(t.TempDir(), "a.parquet")
	first, second := mixedTable(t, 0, 131_072+1000), mixedTable(t, 132_072, 3)
	if _, err := data.WriteParquet(t.Context(), path, tablesOf(first, second)); err != nil {
		t.Fatal(err)
	}
	script := `
import pyarrow.parquet as pq, sys
f = pq.ParquetFile(sys.argv[1])
print(f.num_row_groups, f.schema_arrow)
t = f.read()
t.validate(full=True)
for name in t.column_names:
    for i, v in enumerate(t[name].to_pylist()):
        if i % 997 < 3 or i > 131000:
            print(name, i, "null" if v is None else "[%s]" % " ".join(map(str, v)) if isinstance(v, list) else "%.6g" % v if isinstance(v, float) else v)
`
	out, err := exec.CommandContext(t.Context(), python, "-c", script, path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	want := &strings.Builder{}
	fmt.Fprint(want, "3 z: int64\nsparse: int64\nnulls: int64\nfloat: float\ntext: string\n"+
		"list: list<element: int64 not null> not null\n  child 0, element: int64 not null\n"+
		"tags: list<element: string not null> not null\n  child 0, element: string not null\n")
	for _, name := range first.Names() {
		values := slices.Concat(withoutNulls(first)[name], withoutNulls(second)[name])
		for i, v := range values {
			if i%997 >= 3 && i <= 131000 {
				continue
			}
			switch v := v.(type) {
			case nil:
				fmt.Fprintf(want, "%s %d null\n", name, i)
			case string:
				fmt.Fprintf(want, "%s %d %s\n", name, i, cmp.Or(v, "null"))
			case float32:
				fmt.Fprintf(want, "%s %d %.6g\n", name, i, v)
			default:
				fmt.Fprintf(want, "%s %d %v\n", name, i, v)
			}
		}
	}
	if diff := gocmp.Diff(strings.Split(string(out), "\n"), strings.Split(want.String(), "\n")); diff != "" {
		t.Errorf("-pyarrow +want:\n%.3000s", diff)
	}
}

func TestWriteParquetRefuses(t *testing.T) {
	errSource := errors.New("source broke")
	a, b := mixedTable(t, 0, 5), mixedTable(t, 0, 5)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	other, err := data.NewTable(data.Scalar("z", []float32{1}))
	if err != nil {
		t.Fatal(err)
	}
	narrow, err := data.NewTable(data.Scalar("z", []int64{1}))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		ctx    context.Context //nolint:containedctx // Of the case.
		tables iter.Seq2[*data.Table, error]
		want   string
	}{
		"no table":         {t.Context(), tablesOf(), "no table, so no columns"},
		"fewer columns":    {t.Context(), tablesOf(a, narrow), "a table of 1 columns behind one of 7"},
		"another type":     {t.Context(), tablesOf(narrow, other), `column 1 is "z", float32, and "z", int64 in tables before`},
		"cancelled":        {ctx, tablesOf(a, b), "context canceled"},
		"source's failure": {t.Context(), func(yield func(*data.Table, error) bool) { _ = yield(a, nil) && yield(nil, errSource) }, "source broke"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := data.WriteParquet(c.ctx, filepath.Join(dir, "a.parquet"), c.tables)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) > 0 {
				t.Errorf("files %v are left, %v", left, err)
			}
		})
	}
}

func BenchmarkParquet(b *testing.B) {
	const rows = 1 << 20
	ids, prices := make([]int64, rows), make([]float32, rows)
	for i := range rows {
		ids[i], prices[i] = int64(i*7919%50_000), float32(i%1000)
	}
	columns := make([]*data.Column, 0, 15)
	for i := range 15 {
		if i < 10 {
			columns = append(columns, data.Scalar("id"+strconv.Itoa(i), ids))
		} else {
			columns = append(columns, data.Scalar("x"+strconv.Itoa(i), prices))
		}
	}
	table, err := data.NewTable(columns...)
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(b.TempDir(), "a.parquet")
	b.Run("write", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := data.WriteParquet(b.Context(), path, tablesOf(table)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
	b.Run("read", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			f, err := data.Open(b.Context(), data.Spec{Path: path})
			if err != nil {
				b.Fatal(err)
			}
			for _, err := range f.Batches(b.Context(), 1<<16) {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}

// TestParquetErrorNamesTheRow looks behind the first run and page of a column.
func TestParquetErrorNamesTheRow(t *testing.T) {
	values := make([]float32, 100_000)
	values[70_000] = float32(math.Inf(1))
	table, err := data.NewTable(data.Scalar("x", values))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "a.parquet")
	if _, err := data.WriteParquet(t.Context(), path, tablesOf(table)); err != nil {
		t.Fatal(err)
	}
	_, err = data.Read(t.Context(), data.Spec{Path: path})
	if want := `a.parquet: column "x": row 70001: +Inf is not a finite number`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want one with %q", err, want)
	}
}
