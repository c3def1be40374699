package merlin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"recsys/data"
	"recsys/tensor"
)

// Options says what is moved and where to. Paths are relative to the working directory.
type Options struct {
	// Dir holds schema.pbtxt, which Merlin writes beside a dataset, and in categories/ the mapping files of a workflow.
	Dir string
	// Interactions is the table of events that the workflow was fitted on.
	Interactions string
	// To is the folder of the draft. Draft writes users.parquet and items.parquet there where the schema has columns of
	// users and items beside their keys.
	To string
}

const categoriesDir = "categories"

// Draft returns the text of a recsys.yaml.
func Draft(ctx context.Context, o Options) ([]byte, error) {
	columns, err := ReadSchema(o.Dir)
	if err != nil {
		return nil, err
	}
	d := &draft{Options: o, columns: columns}
	if err := d.find(); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(o.Dir, SchemaFile), err)
	}
	if d.file, err = data.Open(ctx, data.Spec{Path: o.Interactions}); err != nil {
		return nil, err
	}
	for _, c := range columns {
		if _, ok := d.file.Schema().Column(c.Name); !ok {
			return nil, fmt.Errorf("%s has no column %q, which the schema names", o.Interactions, c.Name)
		}
	}
	if err := d.readCategories(ctx); err != nil {
		return nil, err
	}
	if err := d.writeEntities(ctx); err != nil {
		return nil, err
	}
	return d.text()
}

// draft is what is known while a draft is made.
type draft struct {
	Options
	columns    []Column
	user, item string
	time       string
	file       *data.File
	categories map[string]category
}

// category is a mapping file and the buckets before its keys.
type category struct {
	path    string
	buckets int
}

// find looks for the keys and the time by their tags.
func (d *draft) find() error {
	var errs []error
	one := func(tags ...string) string {
		var names []string
		for _, c := range d.columns {
			if !slices.ContainsFunc(tags, func(tag string) bool { return !c.Has(tag) }) {
				names = append(names, c.Name)
			}
		}
		if len(names) != 1 {
			errs = append(errs, fmt.Errorf("the tags %s are on %d columns (%s) instead of one", strings.Join(tags, " and "), len(names),
				strings.Join(names, ", ")))
			return ""
		}
		return names[0]
	}
	d.user, d.item = one("user", "id"), one("item", "id")
	for _, c := range d.columns {
		if c.Has("time") && d.time == "" {
			d.time = c.Name
		}
	}
	return errors.Join(errs...)
}

// readCategories counts the keys of each mapping file: what is left of the domain are the out-of-vocabulary buckets.
func (d *draft) readCategories(ctx context.Context) error {
	const reserved = 2 // padding and null
	d.categories = map[string]category{}
	for _, c := range d.columns {
		if !c.Has("categorical") || c.IDs == 0 {
			continue
		}
		path := filepath.Join(d.Dir, categoriesDir, "unique."+c.Name+".parquet")
		f, err := data.Open(ctx, data.Spec{Path: path})
		if errors.Is(err, fs.ErrNotExist) {
			continue // The column was categorical without Categorify, or shares the keys of others.
		}
		if err != nil {
			return err
		}
		buckets := c.IDs - reserved - f.Rows()
		if buckets < 1 {
			return fmt.Errorf("%s has %d keys, which leaves no out-of-vocabulary bucket among the %d ids of column %q in the schema: "+
				"both have to come from one workflow of NVTabular 23.4 or newer", path, f.Rows(), c.IDs, c.Name)
		}
		if d.categories[c.Name], err = d.category(path, buckets); err != nil {
			return err
		}
	}
	return nil
}

func (d *draft) category(path string, buckets int) (category, error) {
	relative, err := d.relative(path)
	return category{relative, buckets}, err
}

// relative is a path as the draft names it.
func (d *draft) relative(path string) (string, error) {
	to, err := filepath.Abs(d.To)
	if err != nil {
		return "", err
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", err
	}
	relative, err := filepath.Rel(to, path)
	return filepath.ToSlash(relative), err
}

// of returns the columns of an entity beside its key.
func (d *draft) of(entity, key string) []Column {
	var out []Column
	for _, c := range d.columns {
		if c.Has(entity) && c.Name != key && !c.Has("target") {
			out = append(out, c)
		}
	}
	return out
}

// writeEntities writes the tables of users and items: what the last interaction of each key says.
func (d *draft) writeEntities(ctx context.Context) error {
	for _, e := range []struct{ entity, key string }{{"user", d.user}, {"item", d.item}} {
		columns := d.of(e.entity, e.key)
		if len(columns) == 0 {
			continue
		}
		names := append(make([]string, 0, 1+len(columns)), e.key)
		for _, c := range columns {
			names = append(names, c.Name)
		}
		only, err := d.file.Only(names...)
		if err != nil {
			return err
		}
		t, err := only.Read(ctx)
		if err != nil {
			return err
		}
		last, err := lastRows(t, e.key)
		if err != nil {
			return err
		}
		path := filepath.Join(d.To, e.entity+"s.parquet")
		if _, err := data.WriteParquet(ctx, path, t.Take(last).Batches(ctx, len(last)+1)); err != nil {
			return err
		}
	}
	return nil
}

// lastRows returns the last row of each key, in rising order.
func lastRows(t *data.Table, key string) ([]int, error) {
	c, err := t.Column(key)
	if err != nil {
		return nil, err
	}
	switch keys := c.Values().Any().(type) {
	case []int64:
		return lastOf(keys, tensor.NullInt64), nil
	case []string:
		return lastOf(keys, ""), nil
	}
	return nil, fmt.Errorf("key column %q is %s: keys are int64 or string", key, c.DType())
}

func lastOf[K comparable](keys []K, null K) []int {
	at := map[K]int{}
	for i, k := range keys {
		at[k] = i
	}
	delete(at, null)
	rows := make([]int, 0, len(at))
	for _, i := range at {
		rows = append(rows, i)
	}
	slices.Sort(rows)
	return rows
}
