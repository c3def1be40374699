package job_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/beam/sdks/v2/go/pkg/beam"
	"github.com/apache/beam/sdks/v2/go/pkg/beam/x/beamx"
	"github.com/google/go-cmp/cmp"

	"recsys/beam/job"
	"recsys/data"
	"recsys/data/synthetic"
	"recsys/feature"
	"recsys/feature/featuretest"
	"recsys/feature/op"
	"recsys/pipeline"
	"recsys/tensor"
)

func TestMain(m *testing.M) {
	job.Register()
	beam.Init()
	os.Exit(m.Run())
}

// config fits every operator that learns, some from columns that others made. The split by a column has all rows in the
// training part.
const config = `
name: shop
data:
  interactions: {path: interactions.parquet, user: user_id, item: item_id, time: timestamp, columns: {carted: int64}}
  users: {path: users.parquet, key: user_id}
  items: {path: items.parquet, key: item_id}
split: {by: column, column: part}
features:
  - fill_missing: {columns: [gender], value: unknown}
  - categorify: {columns: [user_id, item_id], min_frequency: 2, oov_buckets: 3}
  - categorify: {columns: [gender, city, brand, categories, kinds, carted]}
  - fill_missing: {columns: [age], median: true}
  - group_statistics: {by: brand_name, columns: [stock]}
  - bucketize: {columns: [age], quantiles: 4}
  - log: {columns: [price]}
  - normalize: {columns: [price]}
  - min_max: {columns: [stock]}
  - date_parts: {column: timestamp}
  - sequence: {name: history, of: item_id, length: 5}
retrieval: [{mf: {dim: 4}}]
`

// world writes the tables of a shop, whole for one process and in parts for workers.
func world(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tables, err := synthetic.Shop(synthetic.Config{Users: 200, Items: 150, Sessions: 900, Seed: 3})
	if err != nil {
		t.Fatal(err)
	}
	part := make([]string, tables.Interactions.Len())
	for i := range part {
		part[i] = "train"
	}
	events, err := tables.Interactions.With(data.Scalar("part", part))
	if err != nil {
		t.Fatal(err)
	}
	brands, err := data.Values[string](tables.Items, "brand")
	if err != nil {
		t.Fatal(err)
	}
	stock := make([]int64, len(brands))
	for i := range stock {
		stock[i] = int64(i*37%101) - 50
	}
	items, err := tables.Items.With(data.Scalar("brand_name", brands), data.Scalar("stock", stock), shrinking(t, tables.Items))
	if err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]*data.Table{"interactions": events, "users": tables.Users, "items": items} {
		write(t, filepath.Join(dir, name+".parquet"), table)
		for i := range 3 {
			write(t, filepath.Join(dir, "parts", fmt.Sprintf("%s-%d.parquet", name, i)), table.Slice(i*table.Len()/3, (i+1)*table.Len()/3))
		}
	}
	return dir
}

// shrinking holds the categories, of which the last third of the rows keeps one: the last file has the shortest lists.
func shrinking(t *testing.T, items *data.Table) *data.Column {
	t.Helper()
	c, err := items.Column("categories")
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	offsets := []int{0}
	for i := range items.Len() {
		list := tensor.MustData[string](c.Values())[c.Offsets()[i]:c.Offsets()[i+1]]
		if i >= 2*items.Len()/3 {
			list = list[:min(1, len(list))]
		}
		kept = append(kept, list...)
		offsets = append(offsets, len(kept))
	}
	out, err := data.Ragged("kinds", kept, offsets)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func write(t *testing.T, path string, table *data.Table) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := data.WriteParquet(t.Context(), path, table.Batches(t.Context(), 1<<16)); err != nil {
		t.Fatal(err)
	}
}

func inputs(dir string) job.Inputs {
	return job.Inputs{
		Interactions: filepath.Join(dir, "parts", "interactions-*.parquet"),
		Users:        filepath.Join(dir, "parts", "users-*.parquet"),
		Items:        filepath.Join(dir, "parts", "items-*.parquet"),
	}
}

// oneProcess is the fit of a pipeline in this process.
func oneProcess(t *testing.T, dir string) *feature.FittedWorkflow {
	t.Helper()
	run := filepath.Join(t.TempDir(), "run")
	p, err := pipeline.New([]byte(config), dir, run, 0, pipeline.Options{})
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
	return w
}

// TestFitIsThatOfOneProcess fits on prism, in parts.
func TestFitIsThatOfOneProcess(t *testing.T) {
	dir := world(t)
	jobs := 0
	w, err := job.Fit(t.Context(), []byte(config), inputs(dir), t.TempDir(), func(ctx context.Context, p *beam.Pipeline) error {
		jobs++
		return beamx.Run(ctx, p)
	})
	if err != nil {
		t.Fatal(err)
	}
	if jobs != 7 {
		t.Errorf("%d pipelines ran, want one for each of the 7 operators that learn", jobs)
	}
	want := oneProcess(t, dir)
	if err := featuretest.SameFit(w, want); err != nil {
		t.Error(err)
	}
	v, ok := want.Vocabulary("item_id")
	if !ok || v.Len() < 100 {
		t.Errorf("%v: too small to tell", v)
	}
}

// TestTransformIsThatOfOneProcess encodes each table's parts on prism.
func TestTransformIsThatOfOneProcess(t *testing.T) {
	dir := world(t)
	w := oneProcess(t, dir)
	saved, out := filepath.Join(dir, "workflow.json"), filepath.Join(dir, "encoded")
	if err := w.Save(saved); err != nil {
		t.Fatal(err)
	}
	columns := map[string]string{
		"interactions": "user_id item_id carted timestamp_hour", "users": "user_id gender city age", "items": "item_id brand categories kinds price stock",
	}
	for table, names := range columns {
		pattern := filepath.Join(dir, "parts", table+"-*.parquet")
		if err := job.Transform(t.Context(), []byte(config), table, pattern, saved, out, beamx.Run); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			name := fmt.Sprintf("%s-%d.parquet", table, i)
			got, err := data.Read(t.Context(), data.Spec{Path: filepath.Join(out, name)})
			if err != nil {
				t.Fatal(err)
			}
			raw, err := data.Read(t.Context(), data.Spec{Path: filepath.Join(dir, "parts", name)})
			if err != nil {
				t.Fatal(err)
			}
			for column := range strings.FieldsSeq(names) {
				compare(t, w, raw, got, column)
			}
		}
	}
}

// compare encodes a column of raw in this process.
func compare(t *testing.T, w *feature.FittedWorkflow, raw, got *data.Table, name string) {
	t.Helper()
	part, err := w.Only(name)
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.Map{}
	for _, r := range part.Raw() {
		c, err := raw.Column(r.Name)
		if err != nil {
			t.Fatal(err)
		}
		if in[r.Name] = c.Values(); r.Length > 0 {
			in[r.Name] = c.Padded(r.Length)
		}
	}
	out, err := part.Transform(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	c, err := got.Column(name)
	if err != nil {
		t.Fatal(err)
	}
	values := c.Values()
	if c.IsList() {
		from, err := raw.Column(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.Offsets(), from.Offsets()); diff != "" {
			t.Errorf("column %q: ends of lists (-got +raw):\n%s", name, diff)
		}
		// Padded gives null where the graph gives padding.
		ids := tensor.MustData[int64](c.Padded(part.Schema()[0].Length))
		for i, id := range ids {
			if id == tensor.NullInt64 {
				ids[i] = feature.PaddingID
			}
		}
		values = tensor.Of(ids, c.Len(), part.Schema()[0].Length)
	}
	if !values.Equal(out[name]) {
		t.Errorf("column %q: %v, want %v", name, values, out[name])
	}
}

func TestFitRefuses(t *testing.T) {
	dir := world(t)
	never := func(context.Context, *beam.Pipeline) error { panic("a pipeline runs") }
	other := strings.Replace(config, "user: user_id", "user: customer", 1)
	noItems := strings.Replace(config, "  items: {path: items.parquet, key: item_id}\n", "", 1)
	narrow, err := data.NewTable(data.Scalar("item_id", []string{"a"}))
	if err != nil {
		t.Fatal(err)
	}
	odd := inputs(dir)
	odd.Items = filepath.Join(dir, "odd-*.parquet")
	write(t, filepath.Join(dir, "odd-1.parquet"), narrow)
	in := inputs(dir)
	in.Users = filepath.Join(dir, "none-*.parquet")
	for name, c := range map[string]struct {
		text string
		in   job.Inputs
		want string
	}{
		"no pipeline":     {"name: [", inputs(dir), "sequence end token"},
		"no files":        {config, in, "none-*.parquet names no file"},
		"no table":        {noItems, inputs(dir), "data.items: the pipeline has no such table"},
		"another key":     {other, inputs(dir), `the interactions have no column "customer", which data.interactions names`},
		"missing columns": {config, odd, `column "brand": there is none`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := job.Fit(t.Context(), []byte(c.text), c.in, t.TempDir(), never)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestTransformRefuses(t *testing.T) {
	dir := world(t)
	saved := filepath.Join(dir, "workflow.json")
	if err := oneProcess(t, dir).Save(saved); err != nil {
		t.Fatal(err)
	}
	twin := filepath.Join(dir, "parts", "items-0.csv")
	if err := os.WriteFile(twin, []byte("item_id\na\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	never := func(context.Context, *beam.Pipeline) error { panic("a pipeline runs") }
	err := job.Transform(t.Context(), []byte(config), "items", filepath.Join(dir, "parts", "items-0.*"), saved, dir, never)
	if err == nil || !strings.Contains(err.Error(), "would both become items-0.parquet: rename one") {
		t.Errorf("error %v", err)
	}
	err = job.Transform(t.Context(), []byte(config), "items", filepath.Join(dir, "parts", "items-*.parquet"), filepath.Join(dir, "none.json"), dir, never)
	if err == nil || !strings.Contains(err.Error(), "none.json") {
		t.Errorf("error %v", err)
	}
	var left []string
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			left = append(left, e.Name())
		}
	}
	if diff := cmp.Diff(left, []string(nil)); diff != "" {
		t.Errorf("files are left:\n%s", diff)
	}
}
