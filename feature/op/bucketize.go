package op

import (
	"context"
	"errors"
	"fmt"
	"math"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Bucketize encodes numbers by the bin they fall into: n boundaries make n+1 bins, and a value on a boundary belongs
// to the bin on its right. Ids are 0 padding, 1 null, 2+bin; null is padding in lists. The boundaries are given, or
// learned so that the bins hold equally many values of the training data.
type Bucketize struct {
	// Columns are int64 or float32 and are replaced.
	Columns []string `json:"columns"`
	// Boundaries rise strictly and lie between -2^63 and 2^63. For float32 columns they are rounded to float32, so that
	// 0.7 in the data is on the boundary 0.7.
	Boundaries []float64 `json:"boundaries,omitempty"`
	// Quantiles is the number of bins, 2 or more, to learn boundaries for instead, each column its own: of n values in
	// rising order, boundary i is number i·n/Quantiles, rounded down and counted from 0. Boundaries that are equal count
	// once and one on the least value not at all, so columns of few values get fewer bins. Fitting holds one column of
	// numbers at a time in memory, 8 bytes a value.
	Quantiles int `json:"quantiles,omitempty"`
}

type bins struct {
	Boundaries []float64 `json:"boundaries"`
}

// firstBin is the id of the bin below the first boundary.
const firstBin = 2

// Name returns "bucketize".
func (o *Bucketize) Name() string { return "bucketize" }

// Validate checks the settings.
func (o *Bucketize) Validate() error {
	err := checkNames(o.Columns)
	switch {
	case o.Quantiles == 0:
		err = errors.Join(err, checkBoundaries(o.Boundaries))
	case len(o.Boundaries) > 0:
		err = errors.Join(err, errors.New("boundaries and quantiles are both set; choose one"))
	case o.Quantiles < 2 || o.Quantiles > maxQuantiles:
		err = errors.Join(err, fmt.Errorf("%d quantiles; set a number from 2 to %d", o.Quantiles, maxQuantiles))
	}
	return err
}

// maxQuantiles bounds the comparisons that a value costs.
const maxQuantiles = 1000

func checkBoundaries(boundaries []float64) error {
	if len(boundaries) == 0 {
		return errors.New("no boundaries; one makes two bins, and quantiles learns them")
	}
	for i, v := range boundaries {
		// The limit keeps every boundary within float32 and int64.
		if !(math.Abs(v) < 1<<63) {
			return fmt.Errorf("boundary %v is beyond 2^63", v)
		}
		if i > 0 && v <= boundaries[i-1] {
			return fmt.Errorf("boundary %v follows %v; boundaries have to rise", v, boundaries[i-1])
		}
	}
	return nil
}

// Plan is the schema rule: each column becomes int64 ids, tagged categorical.
func (o *Bucketize) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, o.Columns, numeric(), func(c schema.Column) (schema.Schema, error) {
		if o.Quantiles > 0 {
			return schema.Schema{ids(c, 0)}, nil
		}
		return schema.Schema{ids(c, firstBin+len(o.Boundaries)+1)}, nil
	})
}

// Fit reads the columns one after another for quantiles, and no data for given boundaries.
func (o *Bucketize) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	return o.finish(in, func(f func(i int, c *collected) error) error { return collectEach(ctx, src, o.Columns, f) })
}

// Learn returns collections of no values, nil for given boundaries. Merging holds all columns in memory.
func (o *Bucketize) Learn(feature.Columns) (feature.Partial, error) {
	if o.Quantiles == 0 {
		return nil, nil //nolint:nilnil // It needs no data.
	}
	return newPerColumn[collected](o.Columns), nil
}

// Finish finds the quantiles.
func (o *Bucketize) Finish(in feature.Columns, learned feature.Partial) (feature.Fitted, error) {
	return o.finish(in, eachLearned(learned))
}

func (o *Bucketize) finish(in feature.Columns, each func(func(i int, c *collected) error) error) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	entries := make([]entry[bins], len(o.Columns))
	put := func(i int, at []float64) {
		c := plan.Writes[i]
		c.Cardinality = firstBin + len(at) + 1
		entries[i] = entry[bins]{From: c.Name, Writes: schema.Schema{c}, Learned: bins{at}}
	}
	if o.Quantiles == 0 {
		for i := range o.Columns {
			put(i, o.Boundaries)
		}
		return bucketizeRule().fitted(entries)
	}
	err = each(func(i int, c *collected) error {
		at, err := o.quantiles(c)
		if err != nil {
			return fmt.Errorf("column %q: %w", o.Columns[i], err)
		}
		put(i, at)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return bucketizeRule().fitted(entries)
}

// quantiles returns the boundaries that a column's values have.
func (o *Bucketize) quantiles(c *collected) ([]float64, error) {
	n := c.len()
	if n == 0 {
		return nil, fmt.Errorf("all %d rows are null, so there are no quantiles; set boundaries", c.Nulls)
	}
	var at []float64
	last := c.at(0)
	for i := 1; i < o.Quantiles; i++ {
		v := c.at(i * n / o.Quantiles)
		if len(c.Ints) > 0 {
			// The greatest int64 are rounded up to 2^63, which is none.
			v = min(max(v, -largestBoundary), largestBoundary)
		}
		if v > last {
			at = append(at, v)
			last = v
		}
	}
	if len(at) == 0 {
		return nil, fmt.Errorf("no quantile is above the least of its %d values, %v; set boundaries, or more quantiles", n, last)
	}
	if err := checkBoundaries(at); err != nil {
		return nil, fmt.Errorf("quantile: %w; put clip or log before", err)
	}
	return at, nil
}

// largestBoundary is the float64 below 2^63.
const largestBoundary = 1<<63 - 1<<10

func bucketizeRule() rule[bins] {
	return rule[bins]{
		name: "bucketize", version: 1,
		check: func(e entry[bins]) error {
			return errors.Join(checkBoundaries(e.Learned.Boundaries), checkIDs(e.Writes, 1, firstBin+len(e.Learned.Boundaries)+1))
		},
		apply: func(b *graph.Builder, e entry[bins], x *graph.Value) []*graph.Value {
			above := b.GreaterOrEqual(b.Unsqueeze(x, []int64{-1}), boundaries(b, e.Learned.Boundaries, x.DType()))
			bin := b.Cast(b.ReduceSum(b.Cast(above, tensor.Float32), []int64{-1}, false), tensor.Int64)
			return []*graph.Value{b.Where(isNull(b, x), b.Int64(nullID(x)), b.Add(bin, b.Int64(firstBin)))}
		},
	}
}

// boundaries returns the boundaries in the column's type: rounded up for int64, which changes no comparison, and to the
// nearest float32, as a number in the data that is written like the boundary has been.
func boundaries(b *graph.Builder, at []float64, dtype tensor.DType) *graph.Value {
	if dtype == tensor.Int64 {
		rounded := make([]int64, len(at))
		for i, v := range at {
			rounded[i] = int64(math.Ceil(v))
		}
		return b.Const("", tensor.Of(rounded, len(rounded)))
	}
	rounded := make([]float32, len(at))
	for i, v := range at {
		rounded[i] = float32(v)
	}
	return b.Const("", tensor.Of(rounded, len(rounded)))
}
