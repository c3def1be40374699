package op

import (
	"context"
	"errors"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
)

// Log turns numbers into log(1+x) as float32, natural logarithm. Numbers below 0 count as 0. Nulls stay null, so that
// normalize after it leaves them out; put fill_missing before or after it to replace them, or they become 0 at the
// end of the workflow. Nothing is learned.
type Log struct {
	// Columns are int64 or float32 and are replaced.
	Columns []string `json:"columns"`
}

// Name returns "log".
func (o *Log) Name() string { return "log" }

// Validate checks the settings.
func (o *Log) Validate() error { return checkNames(o.Columns) }

// Plan is the schema rule: each column becomes float32, which is continuous if the column was.
func (o *Log) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, o.Columns, numeric(), func(c schema.Column) (schema.Schema, error) {
		return schema.Schema{float(c)}, nil
	})
}

// Fit reads no data.
func (o *Log) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return logRule().alike(plan, struct{}{})
}

func logRule() rule[struct{}] {
	return rule[struct{}]{
		name: "log", version: 1,
		check: func(e entry[struct{}]) error {
			return errors.Join(checkFloats(e.Writes), checkNumbers(e.Writes, 1))
		},
		apply: func(b *graph.Builder, e entry[struct{}], v *graph.Value) []*graph.Value {
			x, null := feature.Numbers(b, v)
			// Engines differ in Relu(NaN), so nulls are taken out before and put back behind.
			y := b.Log(b.Add(b.Relu(b.Where(null, b.Float32(0), x)), b.Float32(1)))
			return []*graph.Value{unlessNull(b, e.Writes[0], null, y)}
		},
	}
}
