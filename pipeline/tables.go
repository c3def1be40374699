package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"recsys/data"
	"recsys/schema"
	"recsys/tensor"
)

// Tables is the data of a pipeline: interactions with their parts, users and items.
type Tables struct {
	// Interactions has all columns of the interactions, or, where Events is not nil, order and time alone.
	Interactions *data.Table
	// Events is the file of the interactions where they stay on disk.
	Events *data.File
	// Parts holds the part of each interaction.
	Parts []data.Part
	// Users and Items have one row a key: those of their files in order, then those that only interactions name,
	// whose other columns are null.
	Users, Items *data.Table
	// User and Item give the row in Users and Items of each interaction.
	User, Item []int32
	// Left holds the number of interactions before the filter of data and after each of its rounds; nil without one.
	Left []int
	// Raw describes all columns, with tags.
	Raw schema.Schema
	// Hash identifies the content.
	Hash string
}

// ReadTables reads the tables that c names from folder dir.
func ReadTables(ctx context.Context, c *Config, dir string) (*Tables, error) {
	in := c.Data.Interactions
	f, err := openTable(ctx, dir, data.Spec{Path: in.Path, Columns: dtypes(in.Columns)}, in.Columns)
	if err != nil {
		return nil, errors.Join(err, checkEntities(ctx, dir, c))
	}
	t := &Tables{}
	hash, err := t.readEvents(ctx, c, f)
	if err != nil {
		return nil, errors.Join(err, checkEntities(ctx, dir, c))
	}
	interactions := t.Interactions
	var usersErr, itemsErr error
	t.Users, t.User, usersErr = readEntities(ctx, dir, c.Data.Users, in.Path, interactions, in.User)
	t.Items, t.Item, itemsErr = readEntities(ctx, dir, c.Data.Items, in.Path, interactions, in.Item)
	if err := errors.Join(usersErr, itemsErr); err != nil {
		return nil, err
	}
	split := data.Split{
		By: c.Split.By, Column: c.Split.Column, User: in.User, Order: in.Order,
		Valid: c.Split.Valid, Test: c.Split.Test, Seed: c.Seed,
	}
	if t.Parts, err = split.Assign(interactions); err != nil {
		return nil, fmt.Errorf("%s: %w", in.Path, err)
	}
	if t.Raw, err = RawSchema(c, t.Users.Schema(), t.Items.Schema(), t.columns().Schema()); err != nil {
		return nil, err
	}
	if t.Events != nil { // User, Item and Parts say what the other columns said.
		t.Interactions = placing(in, t.Interactions)
	}
	t.Hash = combineHashes(hash, t.Users.Hash(), t.Items.Hash())
	return t, nil
}

// dtypes reads the element types of Config; unknown names become Invalid, which data.Spec refuses with the column.
func dtypes(columns map[string]string) map[string]tensor.DType {
	out := make(map[string]tensor.DType, len(columns))
	for name, text := range columns {
		out[name], _ = tensor.ParseDType(text)
	}
	return out
}

func openTable(ctx context.Context, dir string, spec data.Spec, named map[string]string) (*data.File, error) {
	for name, text := range named {
		if _, err := tensor.ParseDType(text); err != nil {
			return nil, fmt.Errorf("%s: column %q: %w; use int64, float32 or string", spec.Path, name, err)
		}
	}
	files, err := data.ResolveAll(dir, spec.Path)
	if err != nil {
		return nil, err
	}
	spec.Files = files
	return data.Open(ctx, spec)
}

// readEntities reads the table of users or items and returns it, completed with the keys that only interactions name,
// and the row of each interaction; path is their file. Without a file the table is the keys.
func readEntities(
	ctx context.Context, dir string, e *Entities, path string, interactions *data.Table, key string,
) (*data.Table, []int32, error) {
	keys, err := interactions.Column(key)
	if err != nil {
		return nil, nil, err
	}
	var table *data.Table
	if e != nil {
		columns := dtypes(e.Columns)
		columns[e.Key] = keys.DType()
		spec := data.Spec{Path: e.Path, Key: e.Key, Columns: columns, Lists: e.Lists}
		f, err := openTable(ctx, dir, spec, e.Columns)
		if err != nil {
			return nil, nil, err
		}
		if table, err = f.Read(ctx); err != nil {
			return nil, nil, err
		}
		if table, err = renameKey(table, e.Key, key); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", e.Path, err)
		}
	}
	switch values := keys.Values().Any().(type) {
	case []int64:
		return complete(table, path, key, values)
	case []string:
		return complete(table, path, key, values)
	}
	return nil, nil, fmt.Errorf("%s: column %q is %s; a key has to be int64 or string", path, key, keys.DType())
}

// checkKeys requires every interaction to have a user and an item.
func checkKeys(in Interactions, t *data.Table) error {
	var errs []error
	for _, key := range []string{in.User, in.Item} {
		c, err := t.Column(key)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w; data.interactions names it", in.Path, err))
			continue
		}
		row := -1
		switch values := c.Values().Any().(type) {
		case []int64:
			row = slices.Index(values, tensor.NullInt64)
		case []string:
			row = slices.Index(values, "")
		}
		if row >= 0 && !c.IsList() {
			errs = append(errs, fmt.Errorf("%s: row %d has no %s; drop the row or give it one", in.Path, row+1, key))
		}
	}
	return errors.Join(errs...)
}

// checkEntities looks for faults of the tables of users and items where the interactions have some already, so that all are told.
func checkEntities(ctx context.Context, dir string, c *Config) error {
	var errs []error
	for _, e := range []*Entities{c.Data.Users, c.Data.Items} {
		if e != nil {
			_, err := openTable(ctx, dir, data.Spec{Path: e.Path, Columns: dtypes(e.Columns), Lists: e.Lists}, e.Columns)
			errs = append(errs, err)
		}
	}
	if ctx.Err() != nil {
		return nil //nolint:nilerr // The caller has such an error already: one is enough.
	}
	return errors.Join(errs...)
}

// renameKey gives the key column the name that it has in the interactions, so that a column has one name everywhere.
func renameKey(t *data.Table, from, to string) (*data.Table, error) {
	columns := make([]*data.Column, 0, len(t.Columns()))
	for _, c := range t.Columns() {
		if c.Name() == from {
			c = c.Renamed(to)
		}
		columns = append(columns, c)
	}
	return data.NewTable(columns...)
}

// complete appends the keys of interactions that table lacks and looks up the row of every interaction.
func complete[T int64 | string](table *data.Table, path, key string, values []T) (*data.Table, []int32, error) {
	rows := map[T]int32{}
	var known []T
	if table != nil {
		var err error
		if known, err = data.Values[T](table, key); err != nil {
			return nil, nil, err
		}
		for i, k := range known {
			rows[k] = int32(i)
		}
	}
	all, at := slices.Clone(known), make([]int32, len(values))
	for i, k := range values {
		row, ok := rows[k]
		if !ok {
			row = int32(len(all))
			rows[k], all = row, append(all, k)
		}
		at[i] = row
	}
	if len(all) == 0 {
		return nil, nil, fmt.Errorf("%s: there is no %s", path, key)
	}
	columns := []*data.Column{data.Scalar(key, all)}
	if table != nil {
		rows := make([]int, len(all))
		for i := range rows {
			rows[i] = i
			if i >= len(known) {
				rows[i] = -1
			}
		}
		for _, c := range table.Columns() {
			if c.Name() != key {
				columns = append(columns, c.TakeOrNull(rows))
			}
		}
	}
	out, err := data.NewTable(columns...)
	return out, at, err
}

// RawSchema tags every column of the tables: keys, user and item columns, the time and context. The tables of users and
// items have at least the key.
func RawSchema(c *Config, users, items, interactions schema.Schema) (schema.Schema, error) {
	in := c.Data.Interactions
	var raw schema.Schema
	add := func(table schema.Schema, key string, tag schema.Tag) {
		for _, column := range table {
			column.Tags = []schema.Tag{tag}
			if column.Name == key {
				column.Tags = append(column.Tags, schema.ID)
			}
			raw = append(raw, column)
		}
	}
	add(users, in.User, schema.User)
	add(items, in.Item, schema.Item)
	for _, column := range interactions {
		switch _, named := in.Columns[column.Name]; {
		case column.Name == in.User, column.Name == in.Item: // named for their type alone
			continue
		case column.Name == in.Time:
			column.Tags = []schema.Tag{schema.Context, schema.Time}
		case named:
			column.Tags = []schema.Tag{schema.Context}
		default:
			continue
		}
		raw = append(raw, column)
	}
	if in.Time != "" {
		if column, ok := raw.Column(in.Time); !ok || column.DType.DType != tensor.Int64 {
			return nil, fmt.Errorf("data.interactions.time: column %q has to exist and hold int64 Unix seconds", in.Time)
		}
	}
	if err := raw.Validate(); err != nil {
		return nil, errors.Join(errors.New("the tables have columns of one name; rename one of them"), err)
	}
	return raw, nil
}

func combineHashes(hashes ...string) string {
	h := sha256.New()
	for _, s := range hashes {
		h.Write([]byte(s + "\n"))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
