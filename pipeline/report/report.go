package report

import (
	"cmp"
	"context"
	"slices"

	"recsys/data"
	"recsys/data/profile"
	"recsys/pipeline"
	"recsys/schema"
	"recsys/tensor"
)

// Format is the version of a report's and a schema's JSON.
const Format = 1

// batchRows is the number of interactions that are read at once.
const batchRows = 1 << 14

// Report is what is in the data of a pipeline.
type Report struct {
	Format int    `json:"format"`
	Name   string `json:"name"`
	// Data identifies the content.
	Data string `json:"data"`
	// Split is how the interactions are divided: split.by.
	Split string `json:"split"`
	// Filtered holds the number of interactions before the filter and after each of its rounds; nil without one.
	Filtered []int `json:"filtered,omitempty"`
	// Warnings say in words what may go wrong.
	Warnings []string `json:"warnings"`
	// Tables are the interactions, users and items. Those of users and items have a row for every key that interactions name.
	Tables []Table `json:"tables"`
	// Times are those of the first and the last interaction; nil without times.
	Times *Span `json:"times,omitempty"`
	// Activity counts the interactions of users, Popularity those of items.
	Activity   Distribution `json:"activity"`
	Popularity Distribution `json:"popularity"`
	Parts      []Part       `json:"parts"`
	Leakage    Leakage      `json:"leakage"`
	// Drift compares training and test, the largest first: columns of interactions, and those of the users and items that they name.
	Drift []Drift `json:"drift"`
}

// Table is a table of the pipeline.
type Table struct {
	Name string `json:"name"`
	Path string `json:"path"`
	profile.Table
}

// Part is a part of the split.
type Part struct {
	Part  string `json:"part"`
	Rows  int    `json:"rows"`
	Users int    `json:"users"`
	Items int    `json:"items"`
	Times *Span  `json:"times,omitempty"`
}

// Span is the time between two interactions, Unix seconds.
type Span struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// Drift is that of a column of a table.
type Drift struct {
	Table string `json:"table"`
	profile.Drift
	// Shifted says that it is beyond what chance does.
	Shifted bool `json:"shifted"`
}

// New reads the tables that c names from the folder dir.
func New(ctx context.Context, c *pipeline.Config, dir string) (*Report, error) {
	t, err := pipeline.ReadTables(ctx, c, dir)
	if err != nil {
		return nil, err
	}
	r := &Report{Format: Format, Name: c.Name, Data: t.Hash, Split: c.Split.By, Filtered: t.Left, Warnings: []string{}, Drift: []Drift{}}
	hashes, err := r.interactions(ctx, c, t)
	if err != nil {
		return nil, err
	}
	for _, e := range []struct {
		name  string
		file  *pipeline.Entities
		table *data.Table
		of    []int32
		key   string
	}{
		{"users", c.Data.Users, t.Users, t.User, c.Data.Interactions.User},
		{"items", c.Data.Items, t.Items, t.Item, c.Data.Interactions.Item},
	} {
		path := ""
		if e.file != nil {
			path = e.file.Path
		}
		if err := r.entities(ctx, e.name, path, e.table, e.of, t.Parts, e.key); err != nil {
			return nil, err
		}
	}
	r.Activity, r.Popularity = newDistribution(t.User), newDistribution(t.Item)
	times := timesOf(c, t)
	r.parts(t, times)
	r.Leakage = newLeakage(t, times, hashes)
	slices.SortStableFunc(r.Drift, func(a, b Drift) int { return cmp.Compare(b.PSI-b.Noise, a.PSI-a.Noise) })
	r.warn(c)
	return r, nil
}

// sides profile the rows of training and of test.
type sides struct{ train, test *profile.Collector }

func newSides(s schema.Schema) sides { return sides{profile.New(s), profile.New(s)} }

// add takes rows with their parts.
func (s sides) add(rows *data.Table, parts []data.Part) error {
	for part, c := range map[data.Part]*profile.Collector{data.Train: s.train, data.Test: s.test} {
		if of := data.Rows(parts, part); len(of) > 0 {
			if err := c.Add(rows.Take(of)); err != nil {
				return err
			}
		}
	}
	return nil
}

// drift compares the sides in the columns that are not left out.
func (r *Report) drift(table string, s sides, without ...string) {
	train, test := s.train.Profile(), s.test.Profile()
	for i := range train.Columns {
		c := &train.Columns[i]
		if slices.Contains(without, c.Name) {
			continue
		}
		if d, ok := profile.Compare(c, &test.Columns[i]); ok {
			r.Drift = append(r.Drift, Drift{table, d, d.Shifted()})
		}
	}
}

// interactions profiles the interactions and returns a hash of each.
func (r *Report) interactions(ctx context.Context, c *pipeline.Config, t *pipeline.Tables) ([]uint64, error) {
	in := c.Data.Interactions
	source, columns := t.Interactions.Batches(ctx, batchRows), t.Interactions.Schema()
	if t.Events != nil {
		source, columns = t.Events.Batches(ctx, batchRows), t.Events.Schema()
	}
	all, s, at := profile.New(columns).FindDuplicates(c.Split.Column), newSides(columns), 0
	for batch, err := range source {
		if err != nil {
			return nil, err
		}
		if err := all.Add(batch); err != nil {
			return nil, err
		}
		if err := s.add(batch, t.Parts[at:at+batch.Len()]); err != nil {
			return nil, err
		}
		at += batch.Len()
	}
	r.Tables = append(r.Tables, Table{"interactions", in.Path, *all.Profile()})
	r.drift("interactions", s, in.User, in.Item, in.Time, in.Order, c.Split.Column)
	return all.RowHashes(), nil
}

// entities profiles a table of users or items, and those that the interactions of training and test name.
func (r *Report) entities(ctx context.Context, name, path string, table *data.Table, of []int32, parts []data.Part, key string) error {
	all, s := profile.New(table.Schema()), newSides(table.Schema())
	if err := all.Add(table); err != nil {
		return err
	}
	r.Tables = append(r.Tables, Table{name, path, *all.Profile()})
	if len(table.Columns()) == 1 {
		return nil // the key alone
	}
	for from := 0; from < len(of); from += batchRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(from+batchRows, len(of))
		rows := make([]int, 0, to-from)
		for _, row := range of[from:to] {
			rows = append(rows, int(row))
		}
		if err := s.add(table.Take(rows), parts[from:to]); err != nil {
			return err
		}
	}
	r.drift(name, s, key)
	return nil
}

// timesOf are the times of the interactions, nil if they have none.
func timesOf(c *pipeline.Config, t *pipeline.Tables) []int64 {
	if c.Data.Interactions.Time == "" {
		return nil
	}
	times, err := data.Values[int64](t.Interactions, c.Data.Interactions.Time)
	if err != nil {
		return nil // ReadTables requires the column.
	}
	return times
}

// with widens a span, nil for none, by a time, which may be null.
func (s *Span) with(at int64) *Span {
	switch {
	case at == tensor.NullInt64:
		return s
	case s == nil:
		return &Span{at, at}
	}
	return &Span{min(s.From, at), max(s.To, at)}
}

// parts counts the parts.
func (r *Report) parts(t *pipeline.Tables, times []int64) {
	for _, at := range times {
		r.Times = r.Times.with(at)
	}
	for _, part := range []data.Part{data.Train, data.Valid, data.Test, data.None} {
		p := Part{Part: part.String()}
		users, items := make([]bool, t.Users.Len()), make([]bool, t.Items.Len())
		for i, of := range t.Parts {
			if of != part {
				continue
			}
			p.Rows++
			p.Users += first(users, t.User[i])
			p.Items += first(items, t.Item[i])
			if times != nil {
				p.Times = p.Times.with(times[i])
			}
		}
		if p.Rows > 0 {
			r.Parts = append(r.Parts, p)
		}
	}
}

// first marks a place and returns 1 if it was not marked.
func first(seen []bool, i int32) int {
	if seen[i] {
		return 0
	}
	seen[i] = true
	return 1
}
