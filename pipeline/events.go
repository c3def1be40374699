package pipeline

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"recsys/data"
	"recsys/feature"
	"recsys/schema"
	"recsys/tensor"
)

// The values of Interactions.Storage.
const (
	storeAuto   = "auto"
	storeMemory = "memory"
	storeDisk   = "disk"
)

// cellBytes is what a cell of the interactions takes in memory: as it was read, and encoded.
const cellBytes = 16

// eventRows is the number of interactions that are read at once where they are on disk.
const eventRows = 1 << 14

// onDisk decides where the interactions of a file are kept.
func (in Interactions) onDisk(f *data.File) (bool, error) {
	switch in.Storage {
	case storeMemory:
		return false, nil
	case storeDisk:
		if f.Derives() {
			return false, fmt.Errorf("data.interactions.storage: %s has columns that are derived from all of it; keep it in memory, "+
				"or write it as csv.gz", in.Path)
		}
		return true, nil
	}
	return !f.Derives() && f.Rows()*len(f.Schema())*cellBytes > in.Memory<<20, nil
}

// readEvents reads the interactions, or, where they stay on disk, the columns that place them, and their hash.
func (t *Tables) readEvents(ctx context.Context, c *Config, f *data.File) (hash string, err error) {
	in := c.Data.Interactions
	disk, err := in.onDisk(f)
	if err != nil {
		return "", err
	}
	if !disk {
		if t.Interactions, err = f.Read(ctx); err != nil {
			return "", err
		}
		if _, err := t.filter(c); err != nil {
			return "", err
		}
		return t.Interactions.Hash(), nil
	}
	t.Events = f
	var names []string
	for _, name := range []string{in.User, in.Item, in.Order, in.Time, c.Split.Column} {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	narrow, err := f.Only(names...)
	if err != nil {
		return "", fmt.Errorf("%w; data.interactions or split names it", err)
	}
	if t.Interactions, err = narrow.Read(ctx); err != nil {
		return "", err
	}
	keep, err := t.filter(c)
	if err != nil {
		return "", err
	}
	if keep != nil {
		if t.Events, err = f.Pick(keep); err != nil {
			return "", err
		}
	}
	var hashes []string
	for batch, err := range t.Events.Batches(ctx, eventRows) {
		if err != nil {
			return "", err
		}
		hashes = append(hashes, batch.Hash())
	}
	return combineHashes(hashes...), nil
}

// filter leaves out the interactions that data says, and returns which are kept; nil: all.
func (t *Tables) filter(c *Config) (keep []bool, err error) {
	in, f := c.Data.Interactions, c.Data.filter()
	if err := checkKeys(in, t.Interactions); err != nil || f == (data.Filter{}) {
		return nil, err
	}
	if keep, t.Left, err = f.Apply(t.Interactions, in.User, in.Item); err != nil {
		return nil, fmt.Errorf("%s: %w", in.Path, err)
	}
	var rows []int
	for i, kept := range keep {
		if kept {
			rows = append(rows, i)
		}
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%s: data's filter leaves none of the interactions (%s): lower min_user, min_item or k_core, or raise max_user or max_item",
			in.Path, chain(t.Left))
	}
	t.Interactions = t.Interactions.Take(rows)
	return keep, nil
}

// chain writes numbers of rows, one round after another.
func chain(left []int) string {
	texts := make([]string, len(left))
	for i, n := range left {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, " > ")
}

// placing leaves out the columns of interactions that say neither order nor time, but for one.
func placing(in Interactions, t *data.Table) *data.Table {
	var kept []*data.Column
	for _, c := range t.Columns() {
		if c.Name() == in.Order || c.Name() == in.Time {
			kept = append(kept, c)
		}
	}
	if len(kept) == 0 {
		kept = t.Columns()[:1]
	}
	left, err := data.NewTable(kept...)
	if err != nil {
		panic("pipeline: " + err.Error()) // columns of one table
	}
	return left
}

// columns describes the columns of the interactions, in memory or not.
func (t *Tables) columns() *data.Table {
	if t.Events != nil {
		return t.Events.Empty()
	}
	return t.Interactions.Take(nil)
}

// eventSource streams the training part's interactions from their file and other columns from memory.
type eventSource struct {
	tables   *Tables
	entities feature.Tables
}

// Batches reads the file once where the interactions have one of the columns.
func (s eventSource) Batches(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		var own, others []string
		for _, name := range columns {
			_, raw := s.tables.Raw.Column(name)
			_, has := s.tables.Events.Schema().Column(name)
			if raw && has {
				own = append(own, name)
			} else {
				others = append(others, name)
			}
		}
		if len(own) > 0 {
			for batch, err := range s.own(ctx, own) {
				if !yield(batch, err) || err != nil {
					return
				}
			}
		}
		if len(others) == 0 {
			return
		}
		for batch, err := range s.entities.Batches(ctx, others) {
			if !yield(batch, err) || err != nil {
				return
			}
		}
	}
}

// own streams columns of the interactions.
func (s eventSource) own(ctx context.Context, names []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		f, err := s.tables.Events.Only(names...)
		if err != nil {
			yield(nil, err)
			return
		}
		at := 0
		for batch, err := range f.Batches(ctx, eventRows) {
			if err != nil {
				yield(nil, err)
				return
			}
			rows := data.Rows(s.tables.Parts[at:at+batch.Len()], data.Train)
			at += batch.Len()
			if len(rows) > 0 && !yield(columnsOf(batch.Take(rows), s.tables.Raw), nil) {
				return
			}
		}
	}
}

// contextOf returns the raw context columns of some interactions, in the order of rows.
func (t *Tables) contextOf(ctx context.Context, inputs schema.Schema, rows []int32) (*data.Table, error) {
	var names []string
	for _, c := range inputs {
		if !c.Has(schema.Sequence) && !c.Has(schema.User) {
			names = append(names, c.Name)
		}
	}
	order := make([]int, len(rows))
	for i, r := range rows {
		order[i] = int(r)
	}
	if t.Events == nil || len(names) == 0 {
		return t.Interactions.Take(order), nil
	}
	f, err := t.Events.Only(names...)
	if err != nil {
		return nil, err
	}
	return f.Take(ctx, order)
}
