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
// to the bin on its right. Ids are 0 padding, 1 null, 2+bin; null is padding in lists. Nothing is learned.
type Bucketize struct {
	// Columns are int64 or float32 and are replaced.
	Columns []string `json:"columns"`
	// Boundaries rise strictly and lie between -2^63 and 2^63. For float32 columns they are rounded to float32, so that
	// 0.7 in the data is on the boundary 0.7.
	Boundaries []float64 `json:"boundaries"`
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
	return errors.Join(checkNames(o.Columns), checkBoundaries(o.Boundaries))
}

func checkBoundaries(boundaries []float64) error {
	if len(boundaries) == 0 {
		return errors.New("no boundaries; one makes two bins")
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
		return schema.Schema{ids(c, firstBin+len(o.Boundaries)+1)}, nil
	})
}

// Fit reads no data.
func (o *Bucketize) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	entries := make([]entry[bins], len(o.Columns))
	for i, c := range plan.Writes {
		entries[i] = entry[bins]{From: c.Name, Writes: schema.Schema{c}, Learned: bins{o.Boundaries}}
	}
	return bucketizeRule().fitted(entries)
}

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
