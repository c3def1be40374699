package job

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"recsys/data"
	"recsys/pipeline"
	"recsys/schema"
	"recsys/tensor"
)

// Inputs are the files of each table, as patterns such as gs://bucket/events-*.parquet, in any format that recsys reads.
type Inputs struct {
	// Interactions has the rows to fit on, no others: those of the training part.
	Interactions string `json:"interactions"`
	// Users and Items may be empty where the pipeline has no such table.
	Users string `json:"users,omitempty"`
	Items string `json:"items,omitempty"`
}

// The tables.
const (
	interactionsTable = "interactions"
	usersTable        = "users"
	itemsTable        = "items"
)

// shard is a file of a table, one element of a pipeline's first collection.
type shard struct {
	Table string `json:"table"`
	Path  string `json:"path"`
}

// shards lists the files of all tables.
func (in Inputs) shards(ctx context.Context) ([]shard, error) {
	var all []shard
	for _, t := range []struct{ name, pattern string }{
		{interactionsTable, in.Interactions}, {usersTable, in.Users}, {itemsTable, in.Items},
	} {
		if t.pattern == "" {
			continue
		}
		files, err := glob(ctx, t.pattern)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.name, err)
		}
		for _, f := range files {
			all = append(all, shard{t.name, f})
		}
	}
	if len(all) == 0 {
		return nil, errors.New("no files of interactions")
	}
	return all, nil
}

// spec says how a table's files are read.
func spec(c *pipeline.Config, table, path string) (data.Spec, error) {
	types, lists := c.Data.Interactions.Columns, map[string]string(nil)
	entities := map[string]*pipeline.Entities{usersTable: c.Data.Users, itemsTable: c.Data.Items}[table]
	if table != interactionsTable {
		if entities == nil {
			return data.Spec{}, fmt.Errorf("data.%s: the pipeline has no such table", table)
		}
		types, lists = entities.Columns, entities.Lists
	}
	s := data.Spec{Path: path, Lists: lists, Columns: map[string]tensor.DType{}}
	for name, text := range types {
		d, err := tensor.ParseDType(text)
		if err != nil {
			return s, fmt.Errorf("data.%s.columns: %w", table, err)
		}
		s.Columns[name] = d
	}
	return s, nil
}

// rawSchema looks at every file, and tags the columns as a pipeline does. As in one process, a column belongs to the
// first table that has it: owners tells which, interactions, users, items.
func rawSchema(ctx context.Context, c *pipeline.Config, shards []shard) (raw schema.Schema, owners map[string]string, err error) {
	tables := map[string]schema.Schema{}
	for _, s := range shards {
		err := open(ctx, c, s, func(f *data.File) error {
			merged, err := merge(tables[s.Table], f.Schema())
			tables[s.Table] = merged
			return err
		})
		if err != nil {
			return nil, nil, fmt.Errorf("%s: %w", s.Path, err)
		}
	}
	events := tables[interactionsTable]
	for table, key := range map[string]string{usersTable: c.Data.Interactions.User, itemsTable: c.Data.Interactions.Item} {
		column, ok := events.Column(key)
		if !ok {
			return nil, nil, fmt.Errorf("the interactions have no column %q, which data.interactions names", key)
		}
		if tables[table] == nil {
			tables[table] = schema.Schema{column}
		}
	}
	raw, err = pipeline.RawSchema(c, tables[usersTable], tables[itemsTable], events)
	owners = map[string]string{}
	for _, column := range raw {
		for _, table := range []string{itemsTable, usersTable, interactionsTable} {
			if _, has := tables[table].Column(column.Name); has {
				owners[column.Name] = table
			}
		}
	}
	return raw, owners, err
}

// merge is the schema of two files of one table: lists are as long as the longer ones.
func merge(a, b schema.Schema) (schema.Schema, error) {
	if a == nil {
		return b, nil
	}
	if !slices.Equal(a.Names(), b.Names()) {
		return nil, fmt.Errorf("its columns are %v, those of files before %v", b.Names(), a.Names())
	}
	out := slices.Clone(a)
	for i, c := range b {
		if c.DType != a[i].DType || (c.Length > 0) != (a[i].Length > 0) {
			return nil, fmt.Errorf("column %q is %s, %s in files before; state its type in the pipeline", c.Name, c.DType, a[i].DType)
		}
		out[i].Length = max(c.Length, a[i].Length)
	}
	return out, nil
}

// open calls f with the file of a shard.
func open(ctx context.Context, c *pipeline.Config, s shard, f func(*data.File) error) error {
	return local(ctx, s.Path, func(path string) error {
		spec, err := spec(c, s.Table, path)
		if err != nil {
			return err
		}
		file, err := data.Open(ctx, spec)
		if err != nil {
			return err
		}
		return f(file)
	})
}

// batchRows is the number of rows that are read at once.
const batchRows = 1 << 16

// source is the feature.Source of one file.
type source struct {
	table  string
	file   *data.File
	raw    schema.Schema
	owners map[string]string
}

// Batches streams the columns that the file's table owns.
func (s source) Batches(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		var owned []string
		for _, name := range columns {
			if s.owners[name] == s.table {
				owned = append(owned, name)
			}
		}
		if len(owned) == 0 {
			return
		}
		only, err := s.file.Only(owned...)
		if err != nil {
			yield(nil, err)
			return
		}
		for t, err := range only.Batches(ctx, batchRows) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(tensors(t, s.raw), nil) {
				return
			}
		}
	}
}

// tensors are the columns of a table, lists as long as raw says.
func tensors(t *data.Table, raw schema.Schema) tensor.Map {
	m := tensor.Map{}
	for _, column := range t.Columns() {
		c, ok := raw.Column(column.Name())
		switch {
		case !ok:
		case c.Length > 0:
			m[c.Name] = column.Padded(c.Length)
		default:
			m[c.Name] = column.Values()
		}
	}
	return m
}
