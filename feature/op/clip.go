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

// Clip limits numbers to given bounds: smaller ones become Min, greater ones Max. The type stays, nulls stay null, and
// so does padding in lists. Nothing is learned.
type Clip struct {
	// Columns are int64 or float32 and are replaced.
	Columns []string `json:"columns"`
	// Min and Max lie between -2^63 and 2^63; nil means no bound, but one has to be there. Float32 columns take them
	// rounded to float32, int64 columns the integers between them.
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

type bounds struct {
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
}

// Name returns "clip".
func (o *Clip) Name() string { return "clip" }

// Validate checks the settings.
func (o *Clip) Validate() error {
	return errors.Join(checkNames(o.Columns), bounds{o.Min, o.Max}.check(tensor.Float32))
}

// check verifies that there are numbers of a type between the bounds.
func (v bounds) check(dtype tensor.DType) error {
	if v.Min == nil && v.Max == nil {
		return errors.New("no bounds; set min, max or both")
	}
	for _, bound := range []*float64{v.Min, v.Max} {
		if bound != nil && !(math.Abs(*bound) < 1<<63) {
			return fmt.Errorf("bound %v is beyond 2^63", *bound)
		}
	}
	if v.Min == nil || v.Max == nil {
		return nil
	}
	if *v.Min > *v.Max {
		return fmt.Errorf("min %v is above max %v", *v.Min, *v.Max)
	}
	if dtype == tensor.Int64 && math.Ceil(*v.Min) > math.Floor(*v.Max) {
		return fmt.Errorf("there is no integer from %v to %v", *v.Min, *v.Max)
	}
	return nil
}

// Plan is the schema rule: columns stay what they are.
func (o *Clip) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, o.Columns, numeric(), func(c schema.Column) (schema.Schema, error) {
		return schema.Schema{c}, bounds{o.Min, o.Max}.check(c.DType.DType)
	})
}

// Fit reads no data.
func (o *Clip) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return clipRule().alike(plan, bounds{o.Min, o.Max})
}

func clipRule() rule[bounds] {
	return rule[bounds]{
		name: "clip", version: 1,
		check: func(e entry[bounds]) error {
			if err := checkNumbers(e.Writes, 1); err != nil {
				return err
			}
			return e.Learned.check(e.Writes[0].DType.DType)
		},
		apply: func(b *graph.Builder, e entry[bounds], x *graph.Value) []*graph.Value {
			low, high := e.Learned.constants(b, x.DType())
			// The null of int64 is below every bound, and engines differ in Clip(NaN).
			return []*graph.Value{b.Where(isNull(b, x), x, b.Clip(x, low, high))}
		},
	}
}

// constants returns the bounds in the column's type. Where there is none it is infinite for float32, because ONNX
// Runtime's Clip takes the greatest finite number then, and nil for int64.
func (v bounds) constants(b *graph.Builder, dtype tensor.DType) (low, high *graph.Value) {
	of := func(bound *float64, whole func(float64) float64, none int) *graph.Value {
		switch {
		case bound == nil && dtype == tensor.Int64:
			return nil
		case bound == nil:
			return b.Float32(float32(math.Inf(none)))
		case dtype == tensor.Int64:
			return b.Int64(int64(whole(*bound)))
		}
		return b.Float32(float32(*bound))
	}
	return of(v.Min, math.Ceil, -1), of(v.Max, math.Floor, 1)
}
