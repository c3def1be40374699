package op

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// ListStatistics makes columns of numbers about lists: how many values they have, and of numbers their mean, extremes and sum.
// Nulls are no values. Without values the mean and the extremes are null. Nothing is learned.
type ListStatistics struct {
	// Columns are lists of int64, float32 or string, not encoded yet, and stay as they are.
	Columns []string `json:"columns"`
	// Statistics lists length (of values that are not null), mean, min, max and sum; of strings length alone. The columns are
	// named COLUMN_STATISTIC. Empty means length.
	Statistics []string `json:"statistics,omitempty"`
}

type listStatistics struct {
	Statistics []string `json:"statistics"`
}

func listStatisticNames() []string { return []string{"length", "mean", "min", "max", "sum"} }

func (s listStatistics) check() error {
	return checkStatistics(s.Statistics, listStatisticNames())
}

// checkStatistics verifies a setting that lists statistics.
func checkStatistics(statistics, known []string) error {
	var errs []error
	for i, name := range statistics {
		switch {
		case !slices.Contains(known, name):
			errs = append(errs, fmt.Errorf("statistic %q is not known; known are %s", name, strings.Join(known, ", ")))
		case slices.Contains(statistics[:i], name):
			errs = append(errs, fmt.Errorf("statistic %q is named twice", name))
		}
	}
	return errors.Join(errs...)
}

// Name returns "list_statistics".
func (o *ListStatistics) Name() string { return "list_statistics" }

// Validate checks the settings.
func (o *ListStatistics) Validate() error {
	return errors.Join(checkNames(o.Columns), listStatistics{o.Statistics}.check())
}

func (o *ListStatistics) statistics() []string {
	if len(o.Statistics) > 0 {
		return o.Statistics
	}
	return []string{"length"}
}

// Plan is the schema rule: new float32 columns of each column's entity.
func (o *ListStatistics) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, o.Columns, append(numeric(), tensor.String), func(c schema.Column) (schema.Schema, error) {
		if c.Length == 0 {
			return nil, errors.New("it is no list")
		}
		var writes schema.Schema
		var errs []error
		for _, name := range o.statistics() {
			if c.DType.DType == tensor.String && name != "length" {
				errs = append(errs, fmt.Errorf("strings have no %s; their one statistic is length", name))
			}
			w := float(feature.WithTags(c, nil, []schema.Tag{schema.ID, schema.Continuous, schema.Sequence}))
			w.Name, w.Length = c.Name+"_"+name, 0
			writes = append(writes, w)
			errs = append(errs, checkFresh(in, w.Name))
		}
		return writes, errors.Join(errs...)
	})
}

// Fit reads no data.
func (o *ListStatistics) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	entries := make([]entry[listStatistics], len(o.Columns))
	n := len(o.statistics())
	for i, name := range o.Columns {
		entries[i] = entry[listStatistics]{
			From: name, Writes: plan.Writes[i*n : (i+1)*n], Learned: listStatistics{o.statistics()},
		}
	}
	return listStatisticsRule().fitted(entries)
}

func listStatisticsRule() rule[listStatistics] {
	return rule[listStatistics]{
		name: "list_statistics", version: 1,
		check: func(e entry[listStatistics]) error {
			return errors.Join(e.Learned.check(), checkFloats(e.Writes), checkNumbers(e.Writes, len(e.Learned.Statistics)))
		},
		apply: func(b *graph.Builder, e entry[listStatistics], x *graph.Value) []*graph.Value {
			null := isNull(b, x)
			length := b.ReduceSum(b.Cast(b.Not(null), tensor.Float32), []int64{1}, false)
			empty := b.Equal(length, b.Float32(0))
			// But for its nulls, which are replaced by a number that changes nothing.
			but := func(neutral float32) *graph.Value {
				numbers, _ := feature.Numbers(b, x)
				return b.Where(null, b.Float32(neutral), numbers)
			}
			out := make([]*graph.Value, len(e.Learned.Statistics))
			for i, name := range e.Learned.Statistics {
				switch name {
				case "length":
					out[i] = length
					continue
				case "sum":
					out[i] = total(b, but(0))
					continue
				case "mean":
					out[i] = b.Div(total(b, but(0)), b.Where(empty, b.Float32(1), length))
				case "min":
					out[i] = b.ReduceMin(but(float32(math.Inf(1))), []int64{1}, false)
				case "max":
					out[i] = b.ReduceMax(but(float32(math.Inf(-1))), []int64{1}, false)
				}
				out[i] = unlessNull(b, e.Writes[i], empty, out[i])
			}
			return out
		},
	}
}

// total adds up the elements of lists [B,L] from left to right: engines add in orders of their own, which shows where great
// numbers cancel.
func total(b *graph.Builder, x *graph.Value) *graph.Value {
	ones := make([]int64, x.Shape()[1].Size)
	for i := range ones {
		ones[i] = 1
	}
	parts := []*graph.Value{x}
	if len(ones) > 1 {
		parts = b.Split(x, 1, ones...)
	}
	sum := parts[0]
	for _, p := range parts[1:] {
		sum = b.Add(sum, p)
	}
	return b.Squeeze(sum, []int64{1})
}
