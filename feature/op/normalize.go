package op

import (
	"context"
	"fmt"
	"math"
	"slices"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Normalize turns numbers into float32 of mean 0 and standard deviation 1: (x-mean)/std with the population's moments
// (divided by n). A column of one value is only centred. Nulls are left out of the moments and become 0, the mean.
// Lists are treated element by element.
//
// The graph computes in float32: a column whose mean is more than 10^5 standard deviations from 0 loses digits.
type Normalize struct {
	// Columns are int64 or float32 and are replaced.
	Columns []string `json:"columns"`
}

type moments struct {
	Mean float64 `json:"mean"`
	Std  float64 `json:"std"`
}

// Name returns "normalize".
func (o *Normalize) Name() string { return "normalize" }

// Validate checks the settings.
func (o *Normalize) Validate() error { return checkNames(o.Columns) }

// Plan is the schema rule: each column becomes float32, tagged continuous.
func (o *Normalize) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, o.Columns, numeric(), func(c schema.Column) (schema.Schema, error) {
		return schema.Schema{number(c)}, nil
	})
}

// Fit computes the moments in one pass (Welford, Technometrics 4(3), 1962), value by value in the order of the rows, so
// that they do not depend on the cut into batches.
func (o *Normalize) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	sums := make([]welford, len(o.Columns))
	if err := eachColumnsNumber(ctx, src, o.Columns, func(i int, x float64) { sums[i].put(x) }); err != nil {
		return nil, err
	}
	entries := make([]entry[moments], len(o.Columns))
	for i, c := range plan.Writes {
		entries[i] = entry[moments]{From: c.Name, Writes: schema.Schema{c}, Learned: sums[i].moments()}
	}
	return normalizeRule().fitted(entries)
}

func normalizeRule() rule[moments] {
	return rule[moments]{
		name: "normalize", version: 1,
		check: func(e entry[moments]) error {
			if e.Learned.Std < 0 {
				return fmt.Errorf("standard deviation %v is negative", e.Learned.Std)
			}
			return checkNumbers(e.Writes, 1)
		},
		apply: func(b *graph.Builder, e entry[moments], v *graph.Value) []*graph.Value {
			x, null := feature.Numbers(b, v)
			y := b.Sub(x, b.Float32(float32(e.Learned.Mean)))
			if std := float32(e.Learned.Std); std > 0 {
				y = b.Div(y, b.Float32(std))
			}
			return []*graph.Value{b.Where(null, b.Float32(0), y)}
		},
	}
}

// welford accumulates moments.
type welford struct {
	n        int
	mean, m2 float64
}

func (w *welford) put(x float64) {
	w.n++
	d := x - w.mean
	w.mean += d / float64(w.n)
	w.m2 += float64(d * (x - w.mean))
}

func (w *welford) moments() moments {
	if w.n == 0 {
		return moments{}
	}
	return moments{Mean: w.mean, Std: math.Sqrt(w.m2 / float64(w.n))}
}

// eachColumnsNumber calls f with every number of the columns that is not null, and the number of its column, in the order
// of the rows. Each column has to have rows.
func eachColumnsNumber(ctx context.Context, src feature.Source, columns []string, f func(i int, x float64)) error {
	rows := make([]int, len(columns))
	for batch, err := range src.Batches(ctx, columns) {
		if err != nil {
			return err
		}
		for i, name := range columns {
			t := batch[name]
			if t == nil {
				continue
			}
			rows[i] += t.Dim(0)
			if err := eachNumber(t, func(_ int, x float64) { f(i, x) }); err != nil {
				return fmt.Errorf("column %q: %w", name, err)
			}
		}
	}
	if i := slices.Index(rows, 0); i >= 0 {
		return noRows(columns[i])
	}
	return nil
}

// eachNumber calls f with every number of t that is not null and its place, in order. Infinite numbers are refused.
func eachNumber(t *tensor.Tensor, f func(i int, x float64)) error {
	switch values := t.Any().(type) {
	case []int64:
		for i, v := range values {
			if v != tensor.NullInt64 {
				f(i, float64(v))
			}
		}
	case []float32:
		for i, v := range values {
			switch {
			case v != v:
			case math.IsInf(float64(v), 0):
				return fmt.Errorf("value %v at element %d of a batch; replace infinite numbers in the data", v, i)
			default:
				f(i, float64(v))
			}
		}
	}
	return nil
}
