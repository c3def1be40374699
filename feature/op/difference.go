package op

import (
	"context"
	"errors"
	"fmt"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Difference makes the column Of - Minus, float32, such as the price beside the usual one. Both columns are int64 or
// float32: scalars, or lists of one length element by element, with a scalar for every element. Int64 are
// subtracted exactly and then rounded, with numbers beyond 2^62 counted as that. It is null where one of the two is.
// Nothing is learned.
type Difference struct {
	// Column is the name of the new column.
	Column string `json:"name"`
	Of     string `json:"of"`
	Minus  string `json:"minus"`
}

// Name returns "difference".
func (o *Difference) Name() string { return "difference" }

// Validate checks the settings.
func (o *Difference) Validate() error { return checkPair(o.Column, "of", o.Of, "minus", o.Minus) }

// checkPair verifies the names of a new column and of the two that it is made of.
func checkPair(name, setting1, column1, setting2, column2 string) error {
	var errs []error
	for _, s := range [][2]string{{"name", name}, {setting1, column1}, {setting2, column2}} {
		if s[1] == "" {
			errs = append(errs, fmt.Errorf("%s is empty; set it to a column", s[0]))
		}
	}
	if column1 == column2 && column1 != "" {
		errs = append(errs, fmt.Errorf("%s and %s are both %q; name two columns", setting1, setting2, column1))
	}
	return errors.Join(errs...)
}

// Plan is the schema rule: a new float32 column, with nulls.
func (o *Difference) Plan(in feature.Columns) (feature.Plan, error) {
	c, err := derived(in, o.Column, []string{o.Of, o.Minus})
	return feature.Plan{Reads: []string{o.Of, o.Minus}, Writes: schema.Schema{c}}, err
}

// Fit reads no data.
func (o *Difference) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return differenceRule().fitted([]entry[struct{}]{{From: o.Of, With: []string{o.Minus}, Writes: plan.Writes}})
}

func differenceRule() rule[struct{}] {
	return rule[struct{}]{
		name: "difference", version: 1,
		check: func(e entry[struct{}]) error { return checkGap(e.With, e.Writes) },
		join: func(b *graph.Builder, e entry[struct{}], in []*graph.Value) []*graph.Value {
			d, null := gap(b, in)
			return []*graph.Value{unlessNull(b, e.Writes[0], null, d)}
		},
	}
}

func checkGap(with []string, writes schema.Schema) error {
	if len(with) != 1 {
		return fmt.Errorf("it is read with %d columns instead of one", len(with))
	}
	return errors.Join(checkFloats(writes), checkNumbers(writes, 1))
}

// gap returns the difference of two columns as float32, and where one is null; it is anything there.
func gap(b *graph.Builder, in []*graph.Value) (d, null *graph.Value) {
	in = aligned(b, in)
	null = b.Or(isNull(b, in[0]), isNull(b, in[1]))
	if in[0].DType() == tensor.Int64 && in[1].DType() == tensor.Int64 {
		// Unix seconds have more digits than float32. The limits keep the difference within int64.
		low, high := b.Int64(-1<<62), b.Int64(1<<62-1)
		return b.Cast(b.Sub(b.Clip(in[0], low, high), b.Clip(in[1], low, high)), tensor.Float32), null
	}
	x, _ := feature.Numbers(b, in[0])
	y, _ := feature.Numbers(b, in[1])
	return b.Sub(x, y), null
}
