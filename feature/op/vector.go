package op

import (
	"context"
	"errors"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Vector takes lists of numbers as they are: vectors that another model has computed of a text or an image. A model reads every
// element as a number of its own. Nulls, and a vector that is missing, become 0. Nothing is learned.
type Vector struct {
	// Columns are lists of float32 and are replaced.
	Columns []string `json:"columns"`
	// Unit divides every vector by its Euclidean length; one of length 0 stays.
	Unit bool `json:"unit,omitempty"`
}

type vector struct {
	Unit bool `json:"unit,omitempty"`
}

// Name returns "vector".
func (o *Vector) Name() string { return "vector" }

// Validate checks the settings.
func (o *Vector) Validate() error { return checkNames(o.Columns) }

// Plan is the schema rule: finished lists of numbers.
func (o *Vector) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, o.Columns, []tensor.DType{tensor.Float32}, func(c schema.Column) (schema.Schema, error) {
		if c.Length == 0 {
			return nil, errors.New("it is no list")
		}
		return schema.Schema{number(c)}, nil
	})
}

// Fit reads no data.
func (o *Vector) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return vectorRule().alike(plan, vector{o.Unit})
}

func vectorRule() rule[vector] {
	return rule[vector]{
		name: "vector", version: 1,
		check: func(e entry[vector]) error { return errors.Join(checkFloats(e.Writes), checkNumbers(e.Writes, 1)) },
		apply: func(b *graph.Builder, e entry[vector], x *graph.Value) []*graph.Value {
			zero := b.Float32(0)
			x = b.Where(b.IsNaN(x), zero, x)
			if !e.Learned.Unit {
				return []*graph.Value{x}
			}
			// Divided by the greatest element first, squares neither overflow nor vanish.
			greatest := b.ReduceMax(b.Abs(x), []int64{1}, true)
			void := b.Or(b.Equal(greatest, zero), b.IsInf(greatest))
			x = b.Where(void, zero, b.Div(x, b.Where(void, b.Float32(1), greatest)))
			length := b.Sqrt(b.ReduceSum(b.Mul(x, x), []int64{1}, true))
			return []*graph.Value{b.Div(x, b.Where(void, b.Float32(1), length))}
		},
	}
}
