package op

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// HashedCross makes one column of ids from the keys that two or more columns have together, such as city and device:
// 0 padding, 1 where one of them is null, 2 + hash mod Buckets. At most one of them is
// a list, whose every element is crossed with the scalars; then null is padding. Nothing is learned.
//
// The hash of the first k keys is h(1) = H(key 1), h(k) = H(h(k-1)·2^32 + H(key k)), where H is MurmurHash3 as in
// feature.Vocabulary and the sum, its upper half signed, is hashed as an int64. It depends on the order of the columns.
type HashedCross struct {
	// Columns are int64 or string, two or more, and stay as they are.
	Columns []string `json:"columns"`
	// Column is the name of the new column; empty means those of Columns with "_x_" between them.
	Column string `json:"name,omitempty"`
	// Buckets is the number of buckets, 1 to 2^31.
	Buckets int `json:"buckets"`
}

// Name returns "hashed_cross".
func (o *HashedCross) Name() string { return "hashed_cross" }

// Validate checks the settings.
func (o *HashedCross) Validate() error {
	return errors.Join(checkNames(o.Columns), checkBuckets(o.Buckets), checkSeveral(o.Columns, "hash_bucket"))
}

// Plan is the schema rule: a new int64 column of ids, tagged categorical.
func (o *HashedCross) Plan(in feature.Columns) (feature.Plan, error) {
	c, found, err := crossed(in, o.Column, o.Columns)
	if err != nil {
		return feature.Plan{}, err
	}
	c.Cardinality = feature.FirstOOV + o.Buckets
	lists := 0
	for _, part := range found {
		if part.Length > 0 {
			c.Length = part.Length
			lists++
		}
	}
	if lists > 1 {
		return feature.Plan{}, fmt.Errorf("%d of the columns %s are lists; a cross takes one", lists, strings.Join(o.Columns, ", "))
	}
	return feature.Plan{Reads: o.Columns, Writes: schema.Schema{c}}, nil
}

// Fit reads no data.
func (o *HashedCross) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return hashedCrossRule().fitted([]entry[buckets]{
		{From: o.Columns[0], With: o.Columns[1:], Writes: plan.Writes, Learned: buckets{o.Buckets}},
	})
}

func hashedCrossRule() rule[buckets] {
	return rule[buckets]{
		name: "hashed_cross", version: 1, check: checkHashed,
		join: func(b *graph.Builder, e entry[buckets], in []*graph.Value) []*graph.Value {
			in = aligned(b, in)
			null, joint := isNull(b, in[0]), in[0]
			for _, x := range in[1:] {
				// Of two 32-bit hashes, the signed one times 2^32 plus the unsigned one uses every int64 and overflows none.
				upper := b.Mul(b.Cast(b.MurmurHash3(joint, 0, false), tensor.Int64), b.Int64(1<<32))
				joint = b.Add(upper, b.Cast(b.MurmurHash3(x, 0, true), tensor.Int64))
				null = b.Or(null, isNull(b, x))
			}
			id := feature.HashBucket(b, b.MurmurHash3(joint, 0, true), e.Learned.Buckets)
			return []*graph.Value{b.Where(null, b.Int64(nullID(joint)), id)}
		},
	}
}
