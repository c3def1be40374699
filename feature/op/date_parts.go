package op

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"recsys/feature"
	"recsys/graph"
	"recsys/internal/portable"
	"recsys/schema"
	"recsys/tensor"
)

// DateParts derives columns from a time in Unix seconds (int64), in UTC or in local time. For a request's own time the
// column is tagged context and time. Ids are 0 padding, 1 null, 2+value, exact for every time, before 1970 too.
// Nothing is learned.
type DateParts struct {
	// Column is the time; it stays as it is.
	Column string `json:"column"`
	// Parts lists what to derive: "hour" (0 to 23) and "weekday" (0 Monday to 6 Sunday). The columns are named
	// COLUMN_hour and COLUMN_weekday. Empty means both.
	Parts []string `json:"parts,omitempty"`
	// UTCOffset names an int64 column with the seconds that local time is ahead of UTC, such as 3600;
	// parts are then local, and null where the offset is. Empty means UTC.
	UTCOffset string `json:"utc_offset,omitempty"`
	// Cyclic makes a point on a circle of each part instead of ids, so that 23 is near 0: float32 columns
	// COLUMN_PART_sin and COLUMN_PART_cos of 2π·value/count, both 0 for null.
	Cyclic bool `json:"cyclic,omitempty"`
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
	Parts  []string `json:"parts"`
	Cyclic bool     `json:"cyclic,omitempty"`
}

// Name returns "date_parts".
func (o *DateParts) Name() string { return "date_parts" }

// Validate checks the settings.
func (o *DateParts) Validate() error {
	var errs []error
	if o.Column == "" {
		errs = append(errs, errors.New("no column; name it in the setting column"))
	}
	if o.Column != "" && o.Column == o.UTCOffset {
		errs = append(errs, fmt.Errorf("utc_offset %q is the time itself", o.UTCOffset))
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

func (o *DateParts) reads() []string {
	if o.UTCOffset == "" {
		return []string{o.Column}
	}
	return []string{o.Column, o.UTCOffset}
}

// Plan is the schema rule: one int64 column of ids or two of float32 for each part, of the entity of the time.
func (o *DateParts) Plan(in feature.Columns) (feature.Plan, error) {
	found, entity, err := together(in, o.reads(), []tensor.DType{tensor.Int64})
	if err != nil {
		return feature.Plan{}, err
	}
	var errs []error
	for _, c := range found {
		if c.Length > 0 {
			errs = append(errs, fmt.Errorf("column %q: it is a list; date_parts takes one time a row", c.Name))
		}
	}
	var writes schema.Schema
	for _, name := range o.chosen() {
		p, err := findPart(name)
		if err != nil {
			return feature.Plan{}, err
		}
		w := ids(belonging(entity, found[0]), int(feature.FirstOOV+p.count))
		w.Name = o.Column + "_" + name
		if !o.Cyclic {
			writes = append(writes, w)
			continue
		}
		for _, axis := range []string{"_sin", "_cos"} {
			c := number(belonging(entity, found[0]))
			c.Name = w.Name + axis
			writes = append(writes, c)
		}
	}
	for _, w := range writes {
		errs = append(errs, checkFresh(in, w.Name))
	}
	return feature.Plan{Reads: o.reads(), Writes: writes}, errors.Join(errs...)
}

// Fit reads no data.
func (o *DateParts) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return datePartsRule().fitted([]entry[chosenParts]{
		{From: o.Column, With: o.reads()[1:], Writes: plan.Writes, Learned: chosenParts{o.chosen(), o.Cyclic}},
	})
}

func datePartsRule() rule[chosenParts] {
	return rule[chosenParts]{name: "date_parts", version: 1, check: checkParts, join: partsOf}
}

func checkParts(e entry[chosenParts]) error {
	if len(e.With) > 1 {
		return fmt.Errorf("it is read with %d columns; one is the offset", len(e.With))
	}
	if e.Learned.Cyclic {
		for _, name := range e.Learned.Parts {
			if _, err := findPart(name); err != nil {
				return err
			}
		}
		return errors.Join(checkFloats(e.Writes), checkNumbers(e.Writes, 2*len(e.Learned.Parts)))
	}
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
}

// partsOf computes the parts of in[0], the time, ahead by in[1] where there is one.
func partsOf(b *graph.Builder, e entry[chosenParts], in []*graph.Value) []*graph.Value {
	null := isNull(b, in[0])
	if len(in) > 1 {
		null = b.Or(null, isNull(b, in[1]))
	}
	out := make([]*graph.Value, 0, len(e.Writes))
	for _, name := range e.Learned.Parts {
		p, _ := findPart(name) // check has found it
		// ONNX's Mod takes the sign of the divisor, so that times before 1970 come out right, and Div then only sees
		// numbers from 0 on. Of two remainders the sum cannot overflow.
		seconds := b.Mod(in[0], b.Int64(p.period))
		if len(in) > 1 {
			seconds = b.Mod(b.Add(seconds, b.Mod(in[1], b.Int64(p.period))), b.Int64(p.period))
		}
		v := b.Div(seconds, b.Int64(p.unit))
		if p.shift != 0 {
			v = b.Mod(b.Add(v, b.Int64(p.shift)), b.Int64(p.count))
		}
		if !e.Learned.Cyclic {
			out = append(out, b.Where(null, b.Int64(feature.NullID), b.Add(v, b.Int64(feature.FirstOOV))))
			continue
		}
		for _, of := range []func(float64) float64{portable.Sin, portable.Cos} {
			out = append(out, b.Where(null, b.Float32(0), b.Gather(circle(b, p.count, of), v, 0)))
		}
	}
	return out
}

// circle returns a function of 2πv/count for v from 0 to count-1, [count] float32.
func circle(b *graph.Builder, count int64, of func(float64) float64) *graph.Value {
	points := make([]float32, count)
	for v := range points {
		points[v] = float32(of(2 * math.Pi * float64(v) / float64(count)))
	}
	return b.Const("", tensor.Of(points, len(points)))
}
