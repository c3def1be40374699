package op

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// entry is what an operator has learned about one column, or about one and those that it is joined with.
type entry[P any] struct {
	From    string        `json:"from"`
	With    []string      `json:"with,omitempty"`
	Writes  schema.Schema `json:"writes"`
	Learned P             `json:"learned"`
}

// rule is what all fitted operators of a kind share.
type rule[P any] struct {
	name    string
	version int
	drops   bool // the columns that are read are gone behind the operator
	// check verifies an entry that was read from a file, beyond its columns' types.
	check func(e entry[P]) error
	// apply computes the columns of e.Writes, in order, from the column e.From.
	apply func(b *graph.Builder, e entry[P], x *graph.Value) []*graph.Value
	// join stands in the place of apply where columns are computed from several: from e.From and e.With, in order.
	join func(b *graph.Builder, e entry[P], in []*graph.Value) []*graph.Value
}

type stateOf[P any] struct {
	Columns []entry[P] `json:"columns"`
}

func (r rule[P]) read(state json.RawMessage) ([]entry[P], error) {
	var s stateOf[P]
	if err := feature.DecodeState(state, &s); err != nil {
		return nil, err
	}
	return s.Columns, nil
}

func (r rule[P]) fitted(entries []entry[P]) (*columnwise[P], error) {
	if len(entries) == 0 {
		return nil, errors.New("no columns")
	}
	for _, e := range entries {
		err := r.check(e)
		if len(e.With) > 0 && r.join == nil {
			err = errors.Join(err, fmt.Errorf("it is read with %s", strings.Join(e.With, ", ")))
		}
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", e.From, err)
		}
	}
	return &columnwise[P]{rule: r, entries: entries}, nil
}

// alike is fitted for columns that all learned the same, each of which becomes one column.
func (r rule[P]) alike(plan feature.Plan, learned P) (*columnwise[P], error) {
	entries := make([]entry[P], len(plan.Writes))
	for i, c := range plan.Writes {
		entries[i] = entry[P]{From: plan.Reads[i], Writes: schema.Schema{c}, Learned: learned}
	}
	return r.fitted(entries)
}

// columnwise is the feature.Fitted of all built-in operators.
type columnwise[P any] struct {
	rule    rule[P]
	entries []entry[P]
}

func (f *columnwise[P]) Name() string { return f.rule.name }

func (f *columnwise[P]) Reads() []string {
	names := make([]string, 0, len(f.entries))
	for _, e := range f.entries {
		names = append(append(names, e.From), e.With...)
	}
	return names
}

// Drops is that of feature.Dropper.
func (f *columnwise[P]) Drops() []string {
	if !f.rule.drops {
		return nil
	}
	return f.Reads()
}

func (f *columnwise[P]) Writes() schema.Schema {
	var out schema.Schema
	for _, e := range f.entries {
		out = append(out, e.Writes...)
	}
	return out
}

func (f *columnwise[P]) Apply(b *graph.Builder, in map[string]*graph.Value) map[string]*graph.Value {
	out := make(map[string]*graph.Value, len(in))
	for _, e := range f.entries {
		end := b.Scope(e.From)
		made := f.rule.make(b, e, in)
		end()
		for i, c := range e.Writes {
			out[c.Name] = made[i]
		}
	}
	return out
}

func (r rule[P]) make(b *graph.Builder, e entry[P], in map[string]*graph.Value) []*graph.Value {
	if r.join == nil {
		return r.apply(b, e, in[e.From])
	}
	return r.join(b, e, r.inputs(e, in))
}

// inputs returns the columns that an entry is read with, in order.
func (r rule[P]) inputs(e entry[P], in map[string]*graph.Value) []*graph.Value {
	columns := append(make([]*graph.Value, 0, 1+len(e.With)), in[e.From])
	for _, name := range e.With {
		columns = append(columns, in[name])
	}
	return columns
}

func (f *columnwise[P]) State() (version int, state any) {
	return f.rule.version, stateOf[P]{Columns: f.entries}
}

// lookup is what categorify and sequence learn: a vocabulary, saved by name.
type lookup struct {
	Name       string `json:"vocabulary"`
	vocabulary *feature.Vocabulary
}

// encoder is a columnwise that says which vocabularies it uses.
type encoder struct{ *columnwise[lookup] }

func newEncoder(r rule[lookup], entries []entry[lookup]) (encoder, error) {
	f, err := r.fitted(entries)
	return encoder{f}, err
}

func (f encoder) Vocabularies() map[string]*feature.Vocabulary {
	out := make(map[string]*feature.Vocabulary, len(f.entries))
	for _, e := range f.entries {
		out[e.Writes[0].Name] = e.Learned.vocabulary
	}
	return out
}

// Grow is that of feature.Grower.
func (f encoder) Grow(v *feature.Vocabulary) (feature.Fitted, error) {
	entries := slices.Clone(f.entries)
	for i, e := range entries {
		if e.Learned.vocabulary.Name() == v.Name() {
			entries[i].Writes = schema.Schema{ids(e.Writes[0], v.Cardinality())}
			entries[i].Learned.vocabulary = v
		}
	}
	return newEncoder(f.rule, entries)
}

func encodeColumn(b *graph.Builder, e entry[lookup], x *graph.Value) []*graph.Value {
	return []*graph.Value{e.Learned.vocabulary.Encode(b, x)}
}

func checkLookup(e entry[lookup]) error {
	return checkIDs(e.Writes, 1, e.Learned.vocabulary.Cardinality())
}

// checkIDs verifies that an entry writes count columns of ids; cardinality 0 means any.
func checkIDs(writes schema.Schema, count, cardinality int) error {
	if len(writes) != count {
		return fmt.Errorf("%d columns are written instead of %d", len(writes), count)
	}
	for _, c := range writes {
		if c.DType.DType != tensor.Int64 || !c.Has(schema.Categorical) || c.Cardinality <= 0 ||
			cardinality > 0 && c.Cardinality != cardinality {
			return fmt.Errorf("column %q is no column of %d ids", c.Name, cardinality)
		}
	}
	return nil
}

// checkNumbers verifies that an entry writes count columns that are not ids.
func checkNumbers(writes schema.Schema, count int) error {
	if len(writes) != count {
		return fmt.Errorf("%d columns are written instead of %d", len(writes), count)
	}
	for _, c := range writes {
		if c.Has(schema.Categorical) || c.Cardinality != 0 {
			return fmt.Errorf("column %q has the marks of a column of ids", c.Name)
		}
	}
	return nil
}

// ids returns the column of ids that c becomes.
func ids(c schema.Column, cardinality int) schema.Column {
	c = feature.WithTags(c, []schema.Tag{schema.Categorical}, []schema.Tag{schema.Time, schema.Continuous})
	c.DType, c.Cardinality = schema.DType{DType: tensor.Int64}, cardinality
	return c
}

// number returns the finished continuous column that c becomes.
func number(c schema.Column) schema.Column {
	c = feature.WithTags(c, []schema.Tag{schema.Continuous}, []schema.Tag{schema.Time})
	c.DType = schema.DType{DType: tensor.Float32}
	return c
}

// checkNames verifies a setting that lists columns.
func checkNames(columns []string) error {
	if len(columns) == 0 {
		return errors.New("no columns; name them in the setting columns")
	}
	var errs []error
	for i, name := range columns {
		switch {
		case name == "":
			errs = append(errs, errors.New("column without a name"))
		case slices.Contains(columns[:i], name):
			errs = append(errs, fmt.Errorf("column %q is named twice", name))
		}
	}
	return errors.Join(errs...)
}

// eachColumn plans an operator that turns each of its columns into some others.
func eachColumn(
	in feature.Columns, columns []string, dtypes []tensor.DType, write func(c schema.Column) (schema.Schema, error),
) (feature.Plan, error) {
	p := feature.Plan{Reads: columns}
	errs := make([]error, 0, len(columns))
	for _, name := range columns {
		c, err := in.FindRaw(name, dtypes...)
		if err == nil {
			var out schema.Schema
			if out, err = write(c); err != nil {
				err = fmt.Errorf("column %q: %w", name, err)
			}
			p.Writes = append(p.Writes, out...)
		}
		errs = append(errs, err)
	}
	return p, errors.Join(errs...)
}

func numeric() []tensor.DType { return []tensor.DType{tensor.Int64, tensor.Float32} }
