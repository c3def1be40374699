package op

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// FillMissing replaces the nulls of scalar columns by a constant or by the median of the training data. The type stays.
type FillMissing struct {
	// Columns are int64, float32 or string and are replaced.
	Columns []string `json:"columns"`
	// Value is the constant, a number or a string as the columns are. Absent means 0 for numbers; strings need one.
	Value any `json:"value,omitempty"`
	// Median replaces by the median instead (of an even number of values the lower middle one, so that it is a value
	// of the data). Fitting holds one column of numbers at a time in memory, 8 bytes a row.
	Median bool `json:"median,omitempty"`
	// Indicator adds for each column a float32 column, named with the suffix "_missing", that is 1 where the value
	// was null and 0 elsewhere.
	Indicator bool `json:"indicator,omitempty"`
}

// filling is the value of the column's type that replaces null.
type filling struct {
	Int   *int64   `json:"int,omitempty"`
	Float *float32 `json:"float,omitempty"`
	Text  *string  `json:"string,omitempty"`
}

const missingSuffix = "_missing"

// Name returns "fill_missing".
func (o *FillMissing) Name() string { return "fill_missing" }

// Validate checks the settings.
func (o *FillMissing) Validate() error {
	err := checkNames(o.Columns)
	if o.Median && o.Value != nil {
		err = errors.Join(err, fmt.Errorf("value %v and median are both set; choose one", o.Value))
	}
	return err
}

// Plan is the schema rule: columns keep their type; float32 columns are continuous from here on.
func (o *FillMissing) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, o.Columns, nil, func(c schema.Column) (schema.Schema, error) {
		switch {
		case c.Length > 0:
			return nil, errors.New("it is a list, in which null is padding; leave it out")
		case o.Median && c.DType.DType == tensor.String:
			return nil, errors.New("strings have no median; set value")
		}
		if !o.Median {
			if _, err := constant(o.Value, c.DType.DType); err != nil {
				return nil, err
			}
		}
		writes := schema.Schema{c}
		if c.DType.DType == tensor.Float32 {
			writes[0] = feature.WithTags(c, []schema.Tag{schema.Continuous}, nil)
		}
		if o.Indicator {
			name := c.Name + missingSuffix
			if _, taken := in.Now.Column(name); taken {
				return nil, fmt.Errorf("there is a column %q already; rename it or leave the indicator out", name)
			}
			flag := number(feature.WithTags(c, nil, []schema.Tag{schema.ID}))
			flag.Name = name
			writes = append(writes, flag)
		}
		return writes, nil
	})
}

// Fit finds the medians, one column after another.
func (o *FillMissing) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	return o.finish(in, func(f func(i int, c *collected) error) error { return collectEach(ctx, src, o.Columns, f) })
}

// Learn returns collections of no values, nil where nulls are replaced by a constant. Merging holds all columns in memory.
func (o *FillMissing) Learn(feature.Columns) (feature.Partial, error) {
	if !o.Median {
		return nil, nil //nolint:nilnil // It needs no data.
	}
	return newPerColumn[collected](o.Columns), nil
}

// Finish finds the medians.
func (o *FillMissing) Finish(in feature.Columns, learned feature.Partial) (feature.Fitted, error) {
	return o.finish(in, eachLearned(learned))
}

func (o *FillMissing) finish(in feature.Columns, each func(func(i int, c *collected) error) error) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	width := len(plan.Writes) / len(o.Columns)
	entries := make([]entry[filling], len(o.Columns))
	for i, name := range o.Columns {
		entries[i] = entry[filling]{From: name, Writes: plan.Writes[i*width : (i+1)*width]}
	}
	if o.Median {
		err = each(func(i int, c *collected) (err error) {
			if entries[i].Learned, err = median(c, entries[i].Writes[0].DType.DType); err != nil {
				return fmt.Errorf("column %q: %w", o.Columns[i], err)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		return fillMissingRule().fitted(entries)
	}
	for i, e := range entries {
		if entries[i].Learned, err = constant(o.Value, e.Writes[0].DType.DType); err != nil {
			return nil, fmt.Errorf("column %q: %w", e.From, err)
		}
	}
	return fillMissingRule().fitted(entries)
}

// constant converts a setting, as a YAML or JSON decoder or a Go program gives it, to the column's type.
func constant(v any, dtype tensor.DType) (filling, error) {
	if text, ok := v.(string); ok != (dtype == tensor.String) && v != nil || v == nil && dtype == tensor.String {
		return filling{}, fmt.Errorf("value %#v does not fill a %s column; set value to a %s", v, dtype, dtype)
	} else if ok {
		if text == "" {
			return filling{}, errors.New("value \"\" is null itself; set another")
		}
		return filling{Text: &text}, nil
	}
	if v == nil {
		v = 0
	}
	n, err := strconv.ParseFloat(fmt.Sprint(v), 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return filling{}, fmt.Errorf("value %v is not a finite number", v)
	}
	if dtype == tensor.Int64 {
		i := int64(n)
		if exact, err := strconv.ParseInt(fmt.Sprint(v), 10, 64); err == nil {
			i = exact
		} else if float64(i) != n || math.Abs(n) >= 1<<63 {
			return filling{}, fmt.Errorf("value %v is not an int64", v)
		}
		if i == tensor.NullInt64 {
			return filling{}, fmt.Errorf("value %v is null itself; set another", v)
		}
		return filling{Int: &i}, nil
	}
	f := float32(n)
	if math.IsInf(float64(f), 0) {
		return filling{}, fmt.Errorf("value %v is beyond float32", v)
	}
	return filling{Float: &f}, nil
}

func median(c *collected, dtype tensor.DType) (filling, error) {
	switch {
	case len(c.Ints) > 0:
		return filling{Int: &c.Ints[(len(c.Ints)-1)/2]}, nil
	case len(c.Floats) > 0:
		m := c.Floats[(len(c.Floats)-1)/2]
		if math.IsInf(float64(m), 0) {
			return filling{}, fmt.Errorf("the median is %v; replace infinite numbers in the data", m)
		}
		return filling{Float: &m}, nil
	}
	return filling{}, fmt.Errorf("all %d values are null, so there is no median of %s; set value", c.Nulls, dtype)
}

func fillMissingRule() rule[filling] {
	return rule[filling]{
		name: "fill_missing", version: 1,
		check: func(e entry[filling]) error {
			set := 0
			for _, have := range []bool{e.Learned.Int != nil, e.Learned.Float != nil, e.Learned.Text != nil} {
				if have {
					set++
				}
			}
			if set != 1 {
				return errors.New("it needs one value of one type")
			}
			return checkNumbers(e.Writes, min(max(len(e.Writes), 1), 2))
		},
		apply: fill,
	}
}

func fill(b *graph.Builder, e entry[filling], x *graph.Value) []*graph.Value {
	var with *graph.Value
	switch {
	case e.Learned.Int != nil:
		with = b.Int64(*e.Learned.Int)
	case e.Learned.Float != nil:
		with = b.Float32(*e.Learned.Float)
	default:
		with = b.Const("", tensor.Scalar(*e.Learned.Text))
	}
	null := isNull(b, x)
	out := []*graph.Value{b.Where(null, with, x)}
	if len(e.Writes) > 1 {
		out = append(out, b.Cast(null, tensor.Float32))
	}
	return out
}
