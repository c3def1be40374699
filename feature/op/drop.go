package op

import (
	"context"
	"encoding/json"
	"errors"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
)

// Drop takes columns away, such as those that another column was computed from: operators behind do not find them, and
// models do not get them. Nothing is learned.
type Drop struct {
	// Columns are raw, encoded or between the two.
	Columns []string `json:"columns"`
}

// Name returns "drop".
func (o *Drop) Name() string { return "drop" }

// Validate checks the settings.
func (o *Drop) Validate() error { return checkNames(o.Columns) }

// Plan is the schema rule: the columns are gone.
func (o *Drop) Plan(in feature.Columns) (feature.Plan, error) {
	errs := make([]error, len(o.Columns))
	for i, name := range o.Columns {
		_, errs[i] = in.Find(name)
	}
	return feature.Plan{Drops: o.Columns}, errors.Join(errs...)
}

// Fit reads no data.
func (o *Drop) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	return dropped{plan.Drops}, err
}

// dropped is a fitted Drop; it needs no columns and makes none.
type dropped struct {
	Columns []string `json:"columns"`
}

func (f dropped) Name() string          { return "drop" }
func (f dropped) Reads() []string       { return nil }
func (f dropped) Writes() schema.Schema { return nil }
func (f dropped) Drops() []string       { return f.Columns }
func (f dropped) State() (int, any)     { return 1, f }

func (f dropped) Apply(*graph.Builder, map[string]*graph.Value) map[string]*graph.Value { return nil }

func dropKind() feature.Kind {
	return feature.Kind{
		Name: "drop", Version: 1, New: func() feature.Operator { return &Drop{} },
		Load: func(state json.RawMessage, _ feature.Vocabularies) (feature.Fitted, error) {
			var f dropped
			if err := feature.DecodeState(state, &f); err != nil {
				return nil, err
			}
			return f, checkNames(f.Columns)
		},
	}
}
