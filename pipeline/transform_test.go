package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"recsys/data"
	"recsys/schema"
	"recsys/tensor"
)

// The tests are inside the package: what training encodes does not leave it.

// paddedAgain returns a column of a table as training has it.
func paddedAgain(t *testing.T, rows *data.Table, c schema.Column) *tensor.Tensor {
	t.Helper()
	column, err := rows.Column(c.Name)
	must(t, err)
	if c.Length == 0 {
		return column.Values()
	}
	p := column.Padded(c.Length)
	if ids, ok := p.Any().([]int64); ok {
		for i, id := range ids {
			if id == tensor.NullInt64 {
				ids[i] = 0
			}
		}
	}
	return p
}

// TestTransformIsWhatTrainingEncodes: the rows of each table, in CSV and in several Parquet files.
func TestTransformIsWhatTrainingEncodes(t *testing.T) {
	dir := writeShop(t)
	p, _ := open(t, dir, filepath.Join(t.TempDir(), "run"), "storage: memory", "phone")
	must(t, p.Fit(t.Context()))
	must(t, p.prepare(t.Context()))
	out := filepath.Join(t.TempDir(), "out.parquet")
	read := func(files ...string) *data.Table {
		t.Helper()
		rows, columns, err := p.Transform(t.Context(), files, nil, out, nil)
		must(t, err)
		table, err := data.Read(t.Context(), data.Spec{Path: out})
		must(t, err)
		if table.Len() != rows || !slices.Equal(table.Names(), columns) {
			t.Errorf("%d rows of %v are told, there are %d of %v", rows, columns, table.Len(), table.Names())
		}
		return table
	}
	compared := 0
	check := func(got *data.Table, entity schema.Tag, want tensor.Map, input func(string) string) {
		t.Helper()
		for _, c := range p.workflow.Schema().Select(entity) {
			part, err := p.workflow.Only(c.Name)
			must(t, err)
			// A history is no column of files, and what is made of columns of users too cannot be made of interactions alone.
			if c.Has(schema.Sequence) || entity == schema.Context && len(part.Raw().Select(schema.User)) > 0 {
				continue
			}
			compared++
			if g := paddedAgain(t, got, c); !g.Equal(want[input(c.Name)]) {
				t.Errorf("%s column %q: %v, training has %v", entity, c.Name, g, want[input(c.Name)])
			}
		}
	}
	same := func(name string) string { return name }
	check(read(filepath.Join(dir, "users.csv.gz")), schema.User, p.examples.Users, same)
	context := read(filepath.Join(dir, "interactions.csv.gz"))
	check(context, schema.Context, p.examples.Context, same)

	// Items come in the order of their file; training has them by index.
	items := read(filepath.Join(dir, "items.csv.gz"))
	index, err := data.Values[int64](items, "item_id")
	must(t, err)
	for _, c := range p.workflow.Schema().Select(schema.Item) {
		got := paddedAgain(t, items, c)
		for row, i := range index {
			if int(i) < p.examples.First {
				continue // Items without training rows share an index.
			}
			compared++
			if g, w := got.Rows(row, row+1), p.examples.Items[c.Name].Rows(int(i), int(i)+1); !g.Equal(w) {
				t.Fatalf("item %d, column %q: %v, training has %v", row, c.Name, g, w)
			}
		}
	}
	if compared < 300 {
		t.Errorf("only %d columns and items were compared", compared)
	}

	// The same rows as two Parquet files.
	table, err := data.Read(t.Context(), data.Spec{Path: filepath.Join(dir, "interactions.csv.gz")})
	must(t, err)
	parts := []string{filepath.Join(dir, "a.parquet"), filepath.Join(dir, "b.parquet")}
	for i, part := range []*data.Table{table.Slice(0, 9000), table.Slice(9000, table.Len())} {
		_, err := data.WriteParquet(t.Context(), parts[i], part.Batches(t.Context(), part.Len()))
		must(t, err)
	}
	if got := read(parts...); got.Hash() != context.Hash() {
		t.Error("Parquet files give other columns than CSV")
	}
	rows, columns, err := p.Transform(t.Context(), parts, []string{"item_id"}, out, nil)
	if err != nil || rows != table.Len() || !slices.Equal(columns, []string{"item_id"}) {
		t.Errorf("%d rows of %v, %v; want item_id alone", rows, columns, err)
	}
}

func TestTransformErrors(t *testing.T) {
	dir := writeShop(t)
	p, _ := open(t, dir, filepath.Join(t.TempDir(), "run"), "storage: memory", "phone")
	out := filepath.Join(dir, "out.parquet")
	users := filepath.Join(dir, "users.csv.gz")
	if _, _, err := p.Transform(t.Context(), []string{users}, nil, out, nil); err == nil || !strings.Contains(err.Error(), "run recsys fit first") {
		t.Errorf("error %v before fit", err)
	}
	must(t, p.Fit(t.Context()))
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	for want, c := range map[string]struct {
		file    string
		columns []string
	}{
		`column "item_id" is made of item_id`:            {write("none.csv", "x\n1\n"), nil},
		`column "city" is made of city`:                  {write("id.csv", "user_id\n1\n"), []string{"user_id", "city"}},
		`there is no encoded column "town"; there are `:  {users, []string{"town"}},
		`bad.csv:3: column "user_id": "x" is not an int`: {write("bad.csv", "user_id\n1\nx\n"), nil},
	} {
		if _, _, err := p.Transform(t.Context(), []string{c.file}, c.columns, out, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := p.Transform(ctx, []string{users}, nil, out, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after the context has ended", err)
	}
	if exists(out) {
		t.Error("a file is left")
	}
}

// TestTransformIsBounded: memory does not grow with the rows.
func TestTransformIsBounded(t *testing.T) {
	dir := writeShop(t)
	p, _ := open(t, dir, filepath.Join(t.TempDir(), "run"), "storage: memory", "phone")
	must(t, p.Fit(t.Context()))
	p.tables, p.workflow = nil, nil // What Fit keeps is not what is measured.
	live := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	most := func(rows int) int64 {
		path := filepath.Join(dir, fmt.Sprint(rows, ".csv"))
		var text strings.Builder
		text.WriteString("user_id,item_id,timestamp,device\n")
		for i := range rows {
			fmt.Fprintf(&text, "%d,%d,%d,device %d\n", i%500, i%300, 1_700_000_000+i, i)
		}
		must(t, os.WriteFile(path, []byte(text.String()), 0o600))
		text.Reset()
		before, high := live(), uint64(0)
		_, _, err := p.Transform(t.Context(), []string{path}, nil, filepath.Join(dir, "out.parquet"), func(done, _ int) {
			if done%transformRows == 0 {
				high = max(high, live())
			}
		})
		must(t, err)
		return int64(high) - int64(before)
	}
	// What is live is a block of 131,072 rows, raw, encoded and packed, at both sizes; all rows would be 100 MiB and more.
	small, large := most(300_000), most(1_000_000)
	if limit := int64(48 << 20); small > limit || large > limit {
		t.Errorf("%d MiB live with 300,000 rows, %d MiB with 1,000,000; want 48 at most", small>>20, large>>20)
	}
	t.Logf("%d and %d MiB live", small>>20, large>>20)
}

// TestUnpadded: ids of lists end before their padding, numbers keep their places.
func TestUnpadded(t *testing.T) {
	c := schema.Column{Name: "a", DType: schema.DType{DType: tensor.Int64}, Length: 3, Tags: []schema.Tag{schema.Categorical}}
	ids, err := unpadded(c, tensor.Of([]int64{5, 0, 0, 4, 0, 6, 0, 0, 0, 7, 8, 9}, 4, 3))
	must(t, err)
	if got := ids.Values().Any(); !slices.Equal(got.([]int64), []int64{5, 4, 0, 6, 7, 8, 9}) || !slices.Equal(ids.Offsets(), []int{0, 1, 4, 4, 7}) {
		t.Errorf("ids %v at %v", got, ids.Offsets())
	}
	c.DType.DType, c.Tags = tensor.Float32, []schema.Tag{schema.Continuous}
	numbers, err := unpadded(c, tensor.Of([]float32{1, 0, 0}, 1, 3))
	must(t, err)
	if numbers.Values().Len() != 3 {
		t.Errorf("%d numbers, want 3", numbers.Values().Len())
	}
}
