package op

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// TimeSince makes a column of how long ago a time was at another time: (At - Since) / Unit as float32, 0 where Since is
// later. Both are int64 columns of Unix seconds, such as the request's time and that of an item's release;
// lists as in [Difference]. It is null where one of the two is. Nothing is learned.
type TimeSince struct {
	// Column is the name of the new column.
	Column string `json:"name"`
	// At names the later time, Since the earlier one.
	At    string `json:"at"`
	Since string `json:"since"`
	// Unit is "second", "minute", "hour" or "day"; empty means day.
	Unit string `json:"unit,omitempty"`
}

type unit struct {
	Unit string `json:"unit"`
}

func units() []string { return []string{"second", "minute", "hour", "day"} }

// seconds returns how long a unit is, 0 for an unknown one.
func (u unit) seconds() float32 {
	i := slices.Index(units(), u.Unit)
	if i < 0 {
		return 0
	}
	return []float32{1, 60, hour, day}[i]
}

func (u unit) check() error {
	if u.seconds() == 0 {
		return fmt.Errorf("unit %q is not known; known are %s", u.Unit, strings.Join(units(), ", "))
	}
	return nil
}

func (o *TimeSince) unit() unit {
	if o.Unit == "" {
		return unit{"day"}
	}
	return unit{o.Unit}
}

// Name returns "time_since".
func (o *TimeSince) Name() string { return "time_since" }

// Validate checks the settings.
func (o *TimeSince) Validate() error {
	return errors.Join(checkPair(o.Column, "at", o.At, "since", o.Since), o.unit().check())
}

// Plan is the schema rule: a new float32 column, with nulls.
func (o *TimeSince) Plan(in feature.Columns) (feature.Plan, error) {
	names := []string{o.At, o.Since}
	c, err := derived(in, o.Column, names)
	for _, name := range names {
		if _, typeErr := in.FindRaw(name, tensor.Int64); err == nil {
			err = typeErr
		}
	}
	return feature.Plan{Reads: names, Writes: schema.Schema{c}}, err
}

// Fit reads no data.
func (o *TimeSince) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return timeSinceRule().fitted([]entry[unit]{
		{From: o.At, With: []string{o.Since}, Writes: plan.Writes, Learned: o.unit()},
	})
}

func timeSinceRule() rule[unit] {
	return rule[unit]{
		name: "time_since", version: 1,
		check: func(e entry[unit]) error { return errors.Join(e.Learned.check(), checkGap(e.With, e.Writes)) },
		join: func(b *graph.Builder, e entry[unit], in []*graph.Value) []*graph.Value {
			d, null := gap(b, in)
			return []*graph.Value{unlessNull(b, e.Writes[0], null, b.Div(b.Relu(d), b.Float32(e.Learned.seconds())))}
		},
	}
}
