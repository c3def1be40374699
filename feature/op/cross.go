package op

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Cross makes one column of ids from the keys that two or more columns have together, such as brand and city, by a vocabulary
// that is learned from the data: 1 where one of them is null, 2 where they were not seen together, then those that were, by
// falling frequency, the smaller keys first where frequencies are equal. Where a workflow is fitted on from a former one,
// ids stay and new ones follow.
type Cross struct {
	// Columns are int64 or string scalars of any entities, two or more, not encoded yet, and stay as they are.
	Columns []string `json:"columns"`
	// Column is the name of the new column; empty means those of Columns with "_x_" between them.
	Column string `json:"name,omitempty"`
	// MinFrequency is the number of rows that have to have the keys together; 0 means 1. MaxSize limits the vocabulary to the
	// most frequent ones; 0 means no limit. Former ids count.
	MinFrequency int `json:"min_frequency,omitempty"`
	MaxSize      int `json:"max_size,omitempty"`
}

// Name returns "cross".
func (o *Cross) Name() string { return "cross" }

// Validate checks the settings.
func (o *Cross) Validate() error {
	errs := []error{checkNames(o.Columns), checkSeveral(o.Columns, "categorify")}
	if o.MinFrequency < 0 || o.MaxSize < 0 {
		errs = append(errs, fmt.Errorf("min_frequency %d and max_size %d must not be negative", o.MinFrequency, o.MaxSize))
	}
	return errors.Join(errs...)
}

// checkSeveral verifies that a cross has two columns; alone is the operator for one.
func checkSeveral(columns []string, alone string) error {
	if len(columns) == 1 {
		return fmt.Errorf("a cross of %q alone; name two columns or use %s", columns[0], alone)
	}
	return nil
}

// crossed returns the new column of a cross.
func crossed(in feature.Columns, name string, columns []string) (c schema.Column, found schema.Schema, err error) {
	found, entity, err := together(in, columns, keys())
	if err != nil {
		return c, nil, err
	}
	c = ids(belonging(entity, found[0]), 0)
	if c.Name, c.Length = name, 0; name == "" {
		c.Name = strings.Join(columns, "_x_")
	}
	return c, found, checkFresh(in, c.Name)
}

// Plan is the schema rule: a new int64 column of ids, tagged categorical.
func (o *Cross) Plan(in feature.Columns) (feature.Plan, error) {
	c, found, err := crossed(in, o.Column, o.Columns)
	if err = errors.Join(err, scalars(found)); err != nil {
		return feature.Plan{}, err
	}
	return feature.Plan{Reads: o.Columns, Writes: schema.Schema{c}}, nil
}

// Fit counts the keys in one pass.
func (o *Cross) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	t, counts := newTuples(len(o.Columns)), []int{}
	for batch, err := range feature.Interactions(ctx, src, o.Columns) {
		if err != nil {
			return nil, err
		}
		for _, tuple := range t.add(columnsOf(batch, o.Columns)) {
			if tuple >= len(counts) {
				counts = append(counts, make([]int, tuple+1-len(counts))...)
			}
			if tuple >= 0 {
				counts[tuple]++
			}
		}
	}
	if len(counts) == 0 {
		return nil, fmt.Errorf("column %q: %w", strings.Join(o.Columns, ", "), errNoRows)
	}
	kept := t.sorted(counts)
	for i, tuple := range kept {
		if counts[tuple] < o.MinFrequency {
			kept = kept[:i]
			break
		}
	}
	c := plan.Writes[0]
	j, _, err := t.joint(c.Name, o.Columns, kept, o.MaxSize, in)
	if err != nil {
		return nil, err
	}
	c.Cardinality = j.last().Cardinality()
	return newCrossEncoded(entry[*joint]{From: o.Columns[0], With: o.Columns[1:], Writes: schema.Schema{c}, Learned: j})
}

func columnsOf(batch tensor.Map, names []string) []*tensor.Tensor {
	out := make([]*tensor.Tensor, len(names))
	for i, name := range names {
		out[i] = batch[name]
	}
	return out
}

// crossEncoded is a fitted Cross.
type crossEncoded struct{ *columnwise[*joint] }

func newCrossEncoded(entries ...entry[*joint]) (crossEncoded, error) {
	f, err := crossRule().fitted(entries)
	return crossEncoded{f}, err
}

func (f crossEncoded) Vocabularies() map[string]*feature.Vocabulary {
	return f.entries[0].Learned.vocabularies()
}

func crossRule() rule[*joint] {
	return rule[*joint]{
		name: "cross", version: 1,
		check: func(e entry[*joint]) error {
			if len(e.Learned.columns) != 1+len(e.With) {
				return fmt.Errorf("it needs vocabularies of %d columns", 1+len(e.With))
			}
			return checkIDs(e.Writes, 1, e.Learned.last().Cardinality())
		},
		join: func(b *graph.Builder, e entry[*joint], in []*graph.Value) []*graph.Value {
			return []*graph.Value{e.Learned.encode(b, in)}
		},
	}
}

func crossKind() feature.Kind {
	return jointKind(crossRule(), func() feature.Operator { return &Cross{} },
		func(j *joint) *joint { return j },
		func(e ...entry[*joint]) (feature.Fitted, error) { return newCrossEncoded(e...) })
}
