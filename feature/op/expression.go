package op

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recsys/feature"
	"recsys/graph"
	"recsys/internal/expression"
	"recsys/schema"
)

// Expression makes a column of numbers by a formula over columns of numbers, such as
// "if(is_null(price), 0, log1p(price / max(sold, 1)))". It computes in float32; a comparison gives 1 or 0. Lists of one
// length are computed element by element, with scalars for every element. Nothing is learned.
//
// In falling order of precedence: numbers, columns (between backquotes where the name is not letters, digits and
// underscores), calls and parentheses; -x; * and /; + and -; < <= > >= == !=; not; and; or. "!", "&&" and "||" are other
// spellings of not, and, or. The functions are abs, clip(x, low, high), if(condition, a, b), is_null, log1p (natural
// logarithm of 1+x), max and min.
//
// What is computed from null is null, but for is_null, for if, which looks at the condition and the chosen value
// only, and for "and" and "or": "null and false" is false, "null or true" is true. Null are also divisions by 0, log1p of -1
// and less, and what is no number, such as infinite minus infinite.
type Expression struct {
	// Column is the name of the new column.
	Column string `json:"name"`
	// Formula is at most 4096 bytes long, nests at most 100 deep, and has a column.
	Formula string `json:"formula"`
}

type formula struct {
	Formula string `json:"formula"`
}

// Name returns "expression".
func (o *Expression) Name() string { return "expression" }

// Validate checks the settings.
func (o *Expression) Validate() error {
	var errs []error
	if o.Column == "" {
		errs = append(errs, errors.New("no name for the new column"))
	}
	_, _, err := formula{o.Formula}.parse()
	return errors.Join(append(errs, err)...)
}

// parse returns the term and its columns, of which there is one at least.
func (f formula) parse() (*expression.Term, []string, error) {
	t, err := expression.Parse(f.Formula)
	if err != nil {
		return nil, nil, err
	}
	if err := numbersOnly(t); err != nil {
		return nil, nil, fmt.Errorf("formula %q: %w", f.Formula, err)
	}
	var names []string
	for _, c := range t.Columns() {
		names = append(names, c.Name)
	}
	if len(names) == 0 {
		return nil, nil, fmt.Errorf("formula %q has no column", f.Formula)
	}
	return t, names, nil
}

// numbersOnly refuses what formulas have not of what expressions have, and numbers beyond float32.
func numbersOnly(t *expression.Term) error {
	switch {
	case t.Op == expression.Text || t.Op == expression.List || t.Op == "has" || t.Op == "in":
		return t.Fault("formulas compute with numbers alone")
	case t.Scope != "":
		return t.Fault("columns of formulas have no %q before them", t.Scope+".")
	case t.Op == expression.Number && math.IsInf(float64(float32(t.Number)), 0):
		return t.Fault("%g is no number within float32", t.Number)
	}
	for _, arg := range t.Args {
		if err := numbersOnly(arg); err != nil {
			return err
		}
	}
	return nil
}

// Plan is the schema rule: a new float32 column, with nulls.
func (o *Expression) Plan(in feature.Columns) (feature.Plan, error) {
	_, names, err := formula{o.Formula}.parse()
	if err != nil {
		return feature.Plan{}, err
	}
	c, err := derived(in, o.Column, names)
	return feature.Plan{Reads: names, Writes: schema.Schema{c}}, err
}

// derived returns the new float32 column of an operator that computes with numbers of a row: scalars, and lists of one
// length.
func derived(in feature.Columns, name string, of []string) (schema.Column, error) {
	found, entity, err := together(in, of, numeric())
	if err != nil {
		return schema.Column{}, err
	}
	c := float(feature.WithTags(belonging(entity, found[0]), nil, []schema.Tag{schema.Continuous}))
	c.Name = name
	for _, part := range found {
		if c.Length > 0 && part.Length > 0 && part.Length != c.Length {
			return c, fmt.Errorf("the lists among the columns %s have %d and %d elements; their lengths have to be equal",
				strings.Join(of, ", "), c.Length, part.Length)
		}
		c.Length = max(c.Length, part.Length)
	}
	return c, checkFresh(in, name)
}

// Fit reads no data.
func (o *Expression) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return expressionRule().fitted([]entry[formula]{
		{From: plan.Reads[0], With: plan.Reads[1:], Writes: plan.Writes, Learned: formula{o.Formula}},
	})
}

func expressionRule() rule[formula] {
	return rule[formula]{
		name: "expression", version: 2, // 1 had no three-valued and, or
		check: func(e entry[formula]) error {
			_, names, err := e.Learned.parse()
			if err == nil && !slices.Equal(names, slices.Concat([]string{e.From}, e.With)) {
				err = fmt.Errorf("formula %q reads other columns", e.Learned.Formula)
			}
			return errors.Join(err, checkFloats(e.Writes), checkNumbers(e.Writes, 1))
		},
		join: func(b *graph.Builder, e entry[formula], in []*graph.Value) []*graph.Value {
			t, names, err := e.Learned.parse()
			if err != nil {
				return []*graph.Value{b.Fail(err)} // check has parsed it
			}
			columns := make(map[string]*graph.Value, len(names))
			for i, x := range aligned(b, in) {
				columns[names[i]] = x
			}
			v := evaluation{b, columns}.of(t)
			if t.Truth {
				v.x = b.Where(v.x, b.Float32(1), b.Float32(0))
			}
			if v.null == nil { // is_null is never null
				return []*graph.Value{v.x}
			}
			return []*graph.Value{unlessNull(b, e.Writes[0], v.null, v.x)}
		},
	}
}
