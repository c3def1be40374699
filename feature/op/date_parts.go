package op

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// DateParts derives categorical columns from a time in Unix seconds (int64), in UTC. For a request's own time the
// column is tagged context and time. Ids are 0 padding, 1 null, 2+value, exact for every time, before 1970 too.
// Nothing is learned.
type DateParts struct {
	// Column is the time; it stays as it is.
	Column string `json:"column"`
	// Parts lists what to derive: "hour" (0 to 23) and "weekday" (0 Monday to 6 Sunday). The columns are named
	// COLUMN_hour and COLUMN_weekday. Empty means both.
	Parts []string `json:"parts,omitempty"`
}

// part says how to take a value out of Unix seconds: ((t mod period) / unit + shift) mod count.
type part struct {
	name                       string
	period, unit, shift, count int64
}

const (
	hour = 3600
	day  = 24 * hour
)

// parts lists what DateParts knows. Day 0 of Unix time was a Thursday, number 3.
func parts() []part {
	return []part{
		{name: "hour", period: day, unit: hour, count: 24},
		{name: "weekday", period: 7 * day, unit: day, shift: 3, count: 7},
	}
}

func findPart(name string) (part, error) {
	for _, p := range parts() {
		if p.name == name {
			return p, nil
		}
	}
	return part{}, fmt.Errorf("part %q is not known; known are hour and weekday", name)
}

type chosenParts struct {
	Parts []string `json:"parts"`
}

// Name returns "date_parts".
func (o *DateParts) Name() string { return "date_parts" }

// Validate checks the settings.
func (o *DateParts) Validate() error {
	var errs []error
	if o.Column == "" {
		errs = append(errs, errors.New("no column; name it in the setting column"))
	}
	for i, name := range o.Parts {
		if _, err := findPart(name); err != nil {
			errs = append(errs, err)
		} else if slices.Contains(o.Parts[:i], name) {
			errs = append(errs, fmt.Errorf("part %q is named twice", name))
		}
	}
	return errors.Join(errs...)
}

func (o *DateParts) chosen() []string {
	if len(o.Parts) > 0 {
		return o.Parts
	}
	return []string{"hour", "weekday"}
}

// Plan is the schema rule: one int64 column of ids for each part, of the entity of the time.
func (o *DateParts) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, []string{o.Column}, []tensor.DType{tensor.Int64},
		func(c schema.Column) (schema.Schema, error) {
			if c.Length > 0 {
				return nil, errors.New("it is a list; date_parts takes one time a row")
			}
			var writes schema.Schema
			for _, name := range o.chosen() {
				p, err := findPart(name)
				if err != nil {
					return nil, err
				}
				w := ids(c, int(feature.FirstOOV+p.count))
				w.Name = o.Column + "_" + name
				if err := checkFresh(in, w.Name); err != nil {
					return nil, err
				}
				writes = append(writes, w)
			}
			return writes, nil
		})
}

// Fit reads no data.
func (o *DateParts) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return datePartsRule().fitted([]entry[chosenParts]{
		{From: o.Column, Writes: plan.Writes, Learned: chosenParts{o.chosen()}},
	})
}

func datePartsRule() rule[chosenParts] {
	return rule[chosenParts]{
		name: "date_parts", version: 1,
		check: func(e entry[chosenParts]) error {
			if err := checkIDs(e.Writes, len(e.Learned.Parts), 0); err != nil {
				return err
			}
			for i, name := range e.Learned.Parts {
				p, err := findPart(name)
				if err != nil {
					return err
				}
				if c := e.Writes[i]; c.Cardinality != int(feature.FirstOOV+p.count) {
					return fmt.Errorf("column %q has %d ids and part %q has %d values", c.Name, c.Cardinality, name, p.count)
				}
			}
			return nil
		},
		apply: func(b *graph.Builder, e entry[chosenParts], t *graph.Value) []*graph.Value {
			null := b.Equal(t, b.Int64(tensor.NullInt64))
			out := make([]*graph.Value, len(e.Learned.Parts))
			for i, name := range e.Learned.Parts {
				p, _ := findPart(name) // check has found it
				// ONNX's Mod takes the sign of the divisor, so that times before 1970 come out right, and Div then
				// only sees numbers from 0 on.
				v := b.Div(b.Mod(t, b.Int64(p.period)), b.Int64(p.unit))
				if p.shift != 0 {
					v = b.Mod(b.Add(v, b.Int64(p.shift)), b.Int64(p.count))
				}
				out[i] = b.Where(null, b.Int64(feature.NullID), b.Add(v, b.Int64(feature.FirstOOV)))
			}
			return out
		},
	}
}
