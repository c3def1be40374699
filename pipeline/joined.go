package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"recsys/data"
	"recsys/feature"
	"recsys/schema"
	"recsys/tensor"
)

// joinedSource is a source of the training part that joins interactions with their users and items.
type joinedSource struct {
	feature.Source

	config *Config
	tables *Tables
	raw    schema.Schema // with declared columns and targets
}

// Interactions reads the file of interactions that are on disk once, if one of the columns is theirs.
func (s joinedSource) Interactions(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		var need schema.Schema
		var own []string
		for _, name := range columns {
			c, ok := s.raw.Column(name)
			if name == feature.RowColumn {
				c, ok = schema.Column{Name: name}, true
			}
			if !ok {
				yield(nil, fmt.Errorf("column %q: the data has none", name))
				return
			}
			if need = append(need, c); !c.Has(schema.User) && !c.Has(schema.Item) && name != feature.RowColumn {
				own = append(own, name)
			}
		}
		rows, err := newRawRows(s.config, s.tables, need)
		if err != nil {
			yield(nil, err)
			return
		}
		for at, err := range rows.training(ctx, own) {
			var batch tensor.Map
			if err == nil {
				batch, err = rows.columns(need, at)
			}
			if !yield(batch, err) || err != nil {
				return
			}
		}
	}
}

// training yields the places of the training part's interactions, with those of their own columns that are named.
func (r *rawRows) training(ctx context.Context, own []string) iter.Seq2[places, error] {
	t := r.tables
	return func(yield func(places, error) bool) {
		if t.Events == nil || len(own) == 0 {
			for rows := range slices.Chunk(data.Rows(t.Parts, data.Train), eventRows) {
				if err := ctx.Err(); err != nil {
					yield(places{}, err)
					return
				}
				if !yield(r.interactions(rows, t.Interactions, rows), nil) {
					return
				}
			}
			return
		}
		f, err := t.Events.Only(own...)
		if err != nil {
			yield(places{}, err)
			return
		}
		from := 0
		for batch, err := range f.Batches(ctx, eventRows) {
			if err != nil {
				yield(places{}, err)
				return
			}
			at := data.Rows(t.Parts[from:from+batch.Len()], data.Train)
			rows := make([]int, len(at))
			for i, row := range at {
				rows[i] = from + row
			}
			from += batch.Len()
			if len(rows) > 0 && !yield(r.interactions(rows, batch, at), nil) {
				return
			}
		}
	}
}

// withTargets adds the columns of the interactions that operators learn from and no request has.
func (t *Tables) withTargets(raw schema.Schema, w feature.Workflow) (schema.Schema, error) {
	var errs []error
	for _, o := range w.Operators {
		s, ok := o.(feature.Supervised)
		if !ok {
			continue
		}
		for _, name := range s.Targets() {
			if _, known := raw.Column(name); known {
				continue
			}
			c, found := t.columns().Schema().Column(name)
			if !found {
				errs = append(errs, fmt.Errorf("operator %s: the interactions have no column %q to learn from", o.Name(), name))
				continue
			}
			c.Tags = []schema.Tag{schema.Target}
			raw = append(slices.Clone(raw), c)
		}
	}
	return raw, errors.Join(errs...)
}
