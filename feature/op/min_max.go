package op

import (
	"context"
	"errors"
	"fmt"
	"math"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// MinMax turns numbers into float32 that run from 0, the least value of the training data, to 1, the greatest:
// (x-min)/(max-min). Values beyond those lie beyond 0 and 1; put clip behind it to limit them. A column of one value is
// only shifted. Nulls stay null, so put fill_missing before it, or they become 0 at the end of the workflow. Lists are
// treated element by element.
type MinMax struct {
	// Columns are int64 or float32 and are replaced.
	Columns []string `json:"columns"`
}

type extremes struct {
	Min float64 `json:"min"`
	Max float64 `json:"max"`
}

// Name returns "min_max".
func (o *MinMax) Name() string { return "min_max" }

// Validate checks the settings.
func (o *MinMax) Validate() error { return checkNames(o.Columns) }

// Plan is the schema rule: each column becomes float32, which is continuous if the column was.
func (o *MinMax) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, o.Columns, numeric(), func(c schema.Column) (schema.Schema, error) {
		return schema.Schema{float(c)}, nil
	})
}

// Fit finds the least and the greatest values in one pass.
func (o *MinMax) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	return feature.FitLearner(ctx, o, in, src)
}

// Learn returns the range of no values.
func (o *MinMax) Learn(feature.Columns) (feature.Partial, error) {
	return newPerColumn[valueRange](o.Columns), nil
}

// Finish takes the ranges.
func (o *MinMax) Finish(in feature.Columns, learned feature.Partial) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	p, err := of[valueRange](learned)
	if err != nil {
		return nil, err
	}
	entries := make([]entry[extremes], len(o.Columns))
	for i, c := range plan.Writes {
		entries[i] = entry[extremes]{From: c.Name, Writes: schema.Schema{c}, Learned: p.States[i].Extremes}
	}
	return minMaxRule().fitted(entries)
}

// valueRange is that of values, 0 to 0 of none.
type valueRange struct {
	Extremes extremes
	Any      bool
}

func (r *valueRange) add(t *tensor.Tensor) error {
	return eachNumber(t, func(_ int, x float64) { r.put(extremes{x, x}) })
}

func (r *valueRange) put(e extremes) {
	if !r.Any {
		r.Extremes, r.Any = e, true
		return
	}
	r.Extremes = extremes{Min: min(r.Extremes.Min, e.Min), Max: max(r.Extremes.Max, e.Max)}
}

func (r *valueRange) merge(other *valueRange) {
	if other.Any {
		r.put(other.Extremes)
	}
}

func minMaxRule() rule[extremes] {
	return rule[extremes]{
		name: "min_max", version: 1,
		check: func(e entry[extremes]) error {
			width := e.Learned.Max - e.Learned.Min
			if !(width >= 0 && width <= math.MaxFloat32) {
				return fmt.Errorf("values from %v to %v: the width has to be within float32; put clip or log before min_max",
					e.Learned.Min, e.Learned.Max)
			}
			return errors.Join(checkFloats(e.Writes), checkNumbers(e.Writes, 1))
		},
		apply: func(b *graph.Builder, e entry[extremes], v *graph.Value) []*graph.Value {
			x, null := feature.Numbers(b, v)
			y := b.Sub(x, b.Float32(float32(e.Learned.Min)))
			if width := float32(e.Learned.Max - e.Learned.Min); width > 0 {
				y = b.Div(y, b.Float32(width))
			}
			return []*graph.Value{unlessNull(b, e.Writes[0], null, y)}
		},
	}
}

// float returns the float32 column, with the nulls of c, that c becomes.
func float(c schema.Column) schema.Column {
	c = feature.WithTags(c, nil, []schema.Tag{schema.Time})
	c.DType = schema.DType{DType: tensor.Float32}
	return c
}

// checkFloats verifies that the columns of an entry are float32.
func checkFloats(writes schema.Schema) error {
	for _, c := range writes {
		if c.DType.DType != tensor.Float32 {
			return fmt.Errorf("column %q is written as %s instead of float32", c.Name, c.DType)
		}
	}
	return nil
}

// unlessNull puts the nulls back into y, which is to become column c. A continuous column has none.
func unlessNull(b *graph.Builder, c schema.Column, null, y *graph.Value) *graph.Value {
	if c.Has(schema.Continuous) {
		return y
	}
	return b.Where(null, b.Float32(float32(math.NaN())), y)
}
