package op

import (
	"context"
	"errors"
	"fmt"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// ListSlice keeps the first or the last elements of lists. A list that has fewer is padded with nulls on the right. Nothing is
// learned.
type ListSlice struct {
	// Columns are lists of int64, float32 or string, not encoded yet, and are replaced.
	Columns []string `json:"columns"`
	// First or Last is the number of elements to keep, at most the lists' length; one of the two has to be set.
	First int `json:"first,omitempty"`
	Last  int `json:"last,omitempty"`
}

type sliced struct {
	First int `json:"first,omitempty"`
	Last  int `json:"last,omitempty"`
}

// Name returns "list_slice".
func (o *ListSlice) Name() string { return "list_slice" }

// Validate checks the settings.
func (o *ListSlice) Validate() error {
	return errors.Join(checkNames(o.Columns), sliced{o.First, o.Last}.check())
}

func (s sliced) check() error {
	if s.First < 0 || s.Last < 0 || (s.First > 0) == (s.Last > 0) {
		return fmt.Errorf("first %d and last %d: set one of them to the number of elements to keep", s.First, s.Last)
	}
	return nil
}

// Plan is the schema rule: shorter lists of the same type.
func (o *ListSlice) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, o.Columns, append(numeric(), tensor.String), func(c schema.Column) (schema.Schema, error) {
		n := max(o.First, o.Last)
		switch {
		case c.Has(schema.Sequence):
			return nil, errors.New("it is a history; set its length in the sequence")
		case c.Length == 0:
			return nil, errors.New("it is no list")
		case n > c.Length:
			return nil, fmt.Errorf("its lists have %d elements, of which %d cannot be kept", c.Length, n)
		}
		c.Length = n
		return schema.Schema{c}, nil
	})
}

// Fit reads no data.
func (o *ListSlice) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return listSliceRule().alike(plan, sliced{o.First, o.Last})
}

func listSliceRule() rule[sliced] {
	return rule[sliced]{
		name: "list_slice", version: 1,
		check: func(e entry[sliced]) error {
			return errors.Join(e.Learned.check(), checkNumbers(e.Writes, 1))
		},
		apply: func(b *graph.Builder, e entry[sliced], x *graph.Value) []*graph.Value {
			if e.Learned.First > 0 {
				return []*graph.Value{b.SliceAxis(x, 1, 0, int64(e.Learned.First))}
			}
			n := e.Learned.Last
			end := listLength(b, b.Not(isNull(b, x))) // [B,1]
			start := b.Sub(end, b.Int64(int64(n)))
			places := make([]int64, n)
			for i := range places {
				places[i] = int64(i)
			}
			at := b.Add(b.Where(b.Less(start, b.Int64(0)), b.Int64(0), start), b.Const("", tensor.Of(places, n)))
			return []*graph.Value{b.GatherElements(x, at, 1)} // what is behind the end is null
		},
	}
}
