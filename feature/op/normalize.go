package op

import (
	"context"
	"fmt"
	"math"

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
	return feature.FitLearner(ctx, o, in, src)
}

// Learn returns the moments of no rows.
func (o *Normalize) Learn(feature.Columns) (feature.Partial, error) {
	return newPerColumn[welford](o.Columns), nil
}

// Finish makes deviations of the moments.
func (o *Normalize) Finish(in feature.Columns, learned feature.Partial) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	p, err := of[welford](learned)
	if err != nil {
		return nil, err
	}
	entries := make([]entry[moments], len(o.Columns))
	for i, c := range plan.Writes {
		entries[i] = entry[moments]{From: c.Name, Writes: schema.Schema{c}, Learned: p.States[i].moments()}
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
	N        int
	Mean, M2 float64
}

func (w *welford) put(x float64) {
	w.N++
	d := x - w.Mean
	w.Mean += d / float64(w.N)
	w.M2 += float64(d * (x - w.Mean))
}

func (w *welford) add(t *tensor.Tensor) error {
	return eachNumber(t, func(_ int, x float64) { w.put(x) })
}

// merge is formula (1.5) of Chan, Golub and LeVeque (The American Statistician 37(3), 1983) for means and sums of squares.
func (w *welford) merge(other *welford) {
	if other.N == 0 {
		return
	}
	n := w.N + other.N
	d := other.Mean - w.Mean
	share := float64(other.N) / float64(n)
	w.Mean += float64(d * share)
	w.M2 += other.M2 + float64(float64(d*d)*float64(float64(w.N)*share))
	w.N = n
}

func (w *welford) moments() moments {
	if w.N == 0 {
		return moments{}
	}
	return moments{Mean: w.Mean, Std: math.Sqrt(w.M2 / float64(w.N))}
}
