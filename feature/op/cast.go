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

// Cast gives columns another type: int64 to float32 (rounded), float32 to int64 (cut off towards zero; infinite numbers
// and those from 2^63 on become null), int64 to string (decimal digits). Nulls stay null, also in lists. Strings are not
// read as numbers, because a request with another text could not be answered. Nothing is learned.
type Cast struct {
	// Columns are replaced.
	Columns []string `json:"columns"`
	// To is "float32", "int64" or "string".
	To schema.DType `json:"to"`
}

// castable lists the types that a type is made from.
func castable(to tensor.DType) []tensor.DType {
	switch to { //nolint:exhaustive // raw columns have these types
	case tensor.Float32, tensor.String:
		return []tensor.DType{tensor.Int64}
	case tensor.Int64:
		return []tensor.DType{tensor.Float32}
	}
	return nil
}

// Name returns "cast".
func (o *Cast) Name() string { return "cast" }

// Validate checks the settings.
func (o *Cast) Validate() error {
	err := checkNames(o.Columns)
	if castable(o.To.DType) == nil {
		err = errors.Join(err, fmt.Errorf("to %q; set it to float32, int64 or string", o.To))
	}
	return err
}

// Plan is the schema rule: columns change their type; what was continuous may be null as an int64.
func (o *Cast) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, o.Columns, castable(o.To.DType), func(c schema.Column) (schema.Schema, error) {
		c = feature.WithTags(c, nil, []schema.Tag{schema.Continuous})
		c.DType = o.To
		return schema.Schema{c}, nil
	})
}

// Fit reads no data.
func (o *Cast) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return castRule().alike(plan, struct{}{})
}

func castRule() rule[struct{}] {
	return rule[struct{}]{
		name: "cast", version: 1,
		check: func(e entry[struct{}]) error {
			err := checkNumbers(e.Writes, 1)
			if err == nil && castable(e.Writes[0].DType.DType) == nil {
				err = fmt.Errorf("there is no cast to %s", e.Writes[0].DType)
			}
			return err
		},
		apply: func(b *graph.Builder, e entry[struct{}], x *graph.Value) []*graph.Value {
			switch e.Writes[0].DType.DType { //nolint:exhaustive // check has seen to it
			case tensor.String:
				return []*graph.Value{b.Where(isNull(b, x), b.Const("", tensor.Scalar("")), b.Cast(x, tensor.String))}
			case tensor.Float32:
				y, null := feature.Numbers(b, x)
				return []*graph.Value{unlessNull(b, e.Writes[0], null, y)}
			}
			// Engines differ in casts of what is no int64. Comparisons with NaN are false.
			within := b.Less(b.Abs(x), b.Float32(1<<63))
			y := b.Cast(b.Where(within, x, b.Float32(0)), tensor.Int64)
			return []*graph.Value{b.Where(within, y, b.Int64(tensor.NullInt64))}
		},
	}
}
