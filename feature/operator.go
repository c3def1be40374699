package feature

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Operator is the settings of one kind of feature engineering, usually a pointer to a struct with documented
// defaults. Its methods do not change it; fitting returns a new value.
type Operator interface {
	// Name is the kind as pipelines and saved states name it, such as "categorify".
	Name() string
	// Validate checks the settings by themselves and reports all faults.
	Validate() error
	// Plan is the schema rule: which columns the operator reads, declares and writes, given those before it. It
	// reports all faults of columns; [Columns.Find] words them.
	Plan(in Columns) (Plan, error)
	// Fit learns from src, which streams the columns as the operators before this one leave them. Plan has
	// succeeded on the same columns. The result writes what Plan said, with cardinalities.
	Fit(ctx context.Context, in Columns, src Source) (Fitted, error)
}

// Plan says what an operator does to columns.
type Plan struct {
	// Reads names the columns that the operator reads.
	Reads []string
	// Declares lists raw columns that the operator adds to the workflow's inputs, such as the history of a sequence.
	// It may read them.
	Declares schema.Schema
	// Writes lists the columns that the operator replaces or adds. A learned cardinality is 0 here.
	Writes schema.Schema
	// Drops names columns that are gone behind the operator. What it learns is a [Dropper] of the same names.
	Drops []string
}

// Fitted is an operator's learned state. It is immutable and safe for concurrent use.
type Fitted interface {
	// Name is the operator's name; a [Registry] finds the reader of State by it.
	Name() string
	// Reads names the columns that Apply uses, Writes the columns it makes, with cardinalities.
	Reads() []string
	Writes() schema.Schema
	// Apply adds nodes: in holds the columns that it reads, [B] or [B,L], the result those that it writes. A column
	// should use no more inputs than it needs: nodes and inputs that a part of the workflow does not need are dropped,
	// which is how the sub-graph of one entity comes about.
	Apply(b *graph.Builder, in map[string]*graph.Value) map[string]*graph.Value
	// State returns what has to be saved, as a value for encoding/json, and the version of its form. Vocabularies
	// are saved apart: see [Encoder].
	State() (version int, state any)
}

// Supervised is an Operator that learns from targets: columns that the training data has and no request.
type Supervised interface {
	// Targets names the columns.
	Targets() []string
}

// RowFilter is an Operator that says which interactions are learned from. It neither reads nor writes columns of a graph: whoever
// brings the training data leaves the other rows out, before any operator is fitted; see [Operator.Fit].
type RowFilter interface {
	// Sees names raw columns of any entities and targets.
	Sees() []string
	// Keep tells of every row whether it is kept; rows holds the columns that it sees.
	Keep(ctx context.Context, rows tensor.Map) ([]bool, error)
}

// Trained is a Fitted that computes its columns in another way for rows that it has learned from, such as without what it
// learned from the row itself.
type Trained interface {
	// ApplyTraining is Fitted.Apply for training: row [B] int64 is RowColumn, null for rows that were not learned from, which
	// are computed as Apply does.
	ApplyTraining(b *graph.Builder, in map[string]*graph.Value, row *graph.Value) map[string]*graph.Value
}

// Encoder is a Fitted that encodes columns by vocabularies. The workflow saves each vocabulary once, under its
// name, however many columns use it; State refers to it by that name.
type Encoder interface {
	// Vocabularies returns the vocabulary of every column that the operator encodes.
	Vocabularies() map[string]*Vocabulary
}

// Dropper is a Fitted that takes columns away: the operators behind do not find them, and they are not encoded columns.
type Dropper interface {
	// Drops names the columns.
	Drops() []string
}

func dropsOf(f Fitted) []string {
	if d, ok := f.(Dropper); ok {
		return d.Drops()
	}
	return nil
}

// Columns is what an operator finds: the columns before it.
type Columns struct {
	// Raw lists the raw columns of the data and those that operators before declared.
	Raw schema.Schema
	// Now lists all columns as the operators before leave them.
	Now schema.Schema

	vocabularies map[string]*Vocabulary
	former       *FittedWorkflow
}

// Find returns the column of that name as it is now. It fails, naming the remedy, when there is none, when its type
// is not one of dtypes (none means any), when it is a target, or when it has no entity.
func (c Columns) Find(name string, dtypes ...tensor.DType) (schema.Column, error) {
	col, ok := c.Now.Column(name)
	switch {
	case !ok:
		return col, fmt.Errorf("column %q: there is none; the columns here are %s", name, strings.Join(c.Now.Names(), ", "))
	case col.Has(schema.Target):
		return col, fmt.Errorf("column %q is a target, which is not known when a model is asked; leave it out", name)
	case EntityOf(col) == "":
		return col, fmt.Errorf("column %q belongs to no entity; give it the tag user, item or context", name)
	case len(dtypes) > 0 && !slices.Contains(dtypes, col.DType.DType):
		return col, fmt.Errorf("column %q is %s here; this operator takes %s", name, col.DType, typeNames(dtypes))
	}
	return col, nil
}

// FindTarget returns a target of the training data, to learn from. It fails, naming the remedy, when there is none or its
// type is not one of dtypes.
func (c Columns) FindTarget(name string, dtypes ...tensor.DType) (schema.Column, error) {
	col, ok := c.Raw.Column(name)
	switch {
	case !ok || !col.Has(schema.Target):
		return col, fmt.Errorf("target %q: the interactions have no such column that is kept for learning alone; name one that is no input", name)
	case !slices.Contains(dtypes, col.DType.DType) || col.Length > 0:
		return col, fmt.Errorf("target %q is %s of length %d; this operator learns from one %s a row", name, col.DType, col.Length, typeNames(dtypes))
	}
	return col, nil
}

// FindRaw is Find for operators that take values which are not encoded yet.
func (c Columns) FindRaw(name string, dtypes ...tensor.DType) (schema.Column, error) {
	col, err := c.Find(name, dtypes...)
	if err == nil && col.Has(schema.Categorical) {
		return col, fmt.Errorf("column %q holds ids here: an operator before this one has encoded it; "+
			"put this operator first or name another column", name)
	}
	return col, err
}

// Vocabulary returns the vocabulary that an operator before fitted for a column. There is none while planning.
func (c Columns) Vocabulary(column string) (*Vocabulary, bool) {
	v, ok := c.vocabularies[column]
	return v, ok
}

// Former returns the vocabulary that encodes a column in the workflow that [Workflow.Refit] was given. There is none
// while planning and in [Workflow.Fit].
func (c Columns) Former(column string) (*Vocabulary, bool) {
	if c.former == nil {
		return nil, false
	}
	return c.former.Vocabulary(column)
}

// EntityOf returns the entity that the column belongs to: schema.User, schema.Item, schema.Context, or schema.Interaction for what
// is made of an item and a request together; "" for none.
func EntityOf(c schema.Column) schema.Tag {
	for _, t := range entities() {
		if c.Has(t) {
			return t
		}
	}
	return ""
}

func entities() []schema.Tag {
	return []schema.Tag{schema.User, schema.Item, schema.Context, schema.Interaction}
}

func typeNames(dtypes []tensor.DType) string {
	names := make([]string, len(dtypes))
	for i, d := range dtypes {
		names[i] = d.String()
	}
	return strings.Join(names, " or ")
}

// WithTags returns the column with tags added and others removed.
func WithTags(c schema.Column, add, remove []schema.Tag) schema.Column {
	kept := make([]schema.Tag, 0, len(c.Tags)+len(add))
	for _, t := range c.Tags {
		if !slices.Contains(remove, t) && !slices.Contains(add, t) {
			kept = append(kept, t)
		}
	}
	c.Tags = slices.Concat(kept, add)
	return c
}

// overlay returns base with the columns of over replacing those of the same name, and new ones at the end.
func overlay(base, over schema.Schema) schema.Schema {
	out := slices.Clone(base)
	for _, c := range over {
		if i := slices.IndexFunc(out, func(o schema.Column) bool { return o.Name == c.Name }); i >= 0 {
			out[i] = c
		} else {
			out = append(out, c)
		}
	}
	return out
}
