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

// HashBucket encodes int64 and string columns, scalar or lists, as ids of buckets that their hashes choose, for keys too
// many or too new for a vocabulary: 0 padding, 1 null, 2 + MurmurHash3(key) mod Buckets. Null is padding in lists. Keys
// may share a bucket. Nothing is learned, and the hash is that of feature.Vocabulary's out-of-vocabulary buckets.
type HashBucket struct {
	// Columns are encoded in place.
	Columns []string `json:"columns"`
	// Buckets is the number of buckets, 1 to 2^31.
	Buckets int `json:"buckets"`
}

// buckets is what HashBucket and HashedCross save.
type buckets struct {
	Buckets int `json:"buckets"`
}

// Name returns "hash_bucket".
func (o *HashBucket) Name() string { return "hash_bucket" }

// Validate checks the settings.
func (o *HashBucket) Validate() error {
	return errors.Join(checkNames(o.Columns), checkBuckets(o.Buckets))
}

// maxBuckets stays below the 2^32 values of the hash.
const maxBuckets = 1 << 31

func checkBuckets(n int) error {
	if n < 1 || n > maxBuckets {
		return fmt.Errorf("%d buckets; set buckets to a number from 1 to %d", n, maxBuckets)
	}
	return nil
}

// Plan is the schema rule: each column becomes int64 ids, tagged categorical.
func (o *HashBucket) Plan(in feature.Columns) (feature.Plan, error) {
	return eachColumn(in, o.Columns, keys(), func(c schema.Column) (schema.Schema, error) {
		return schema.Schema{ids(c, feature.FirstOOV+o.Buckets)}, nil
	})
}

// Fit reads no data.
func (o *HashBucket) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	return hashBucketRule().alike(plan, buckets{o.Buckets})
}

func hashBucketRule() rule[buckets] {
	return rule[buckets]{
		name: "hash_bucket", version: 1,
		check: checkHashed,
		apply: func(b *graph.Builder, e entry[buckets], x *graph.Value) []*graph.Value {
			id := feature.HashBucket(b, b.MurmurHash3(x, 0, true), e.Learned.Buckets)
			return []*graph.Value{b.Where(isNull(b, x), b.Int64(nullID(x)), id)}
		},
	}
}

func checkHashed(e entry[buckets]) error {
	return errors.Join(checkBuckets(e.Learned.Buckets), checkIDs(e.Writes, 1, feature.FirstOOV+e.Learned.Buckets))
}

// keys lists the types of columns that are hashed and looked up.
func keys() []tensor.DType { return []tensor.DType{tensor.Int64, tensor.String} }

// isNull tells where a raw column is null, of its shape.
func isNull(b *graph.Builder, x *graph.Value) *graph.Value {
	switch x.DType() { //nolint:exhaustive // raw columns have these types
	case tensor.Int64:
		return b.Equal(x, b.Int64(tensor.NullInt64))
	case tensor.String:
		// ONNX compares strings by Equal only since opset 19.
		null := b.LabelEncoder(x, tensor.Of([]string{""}, 1), tensor.Of([]int64{1}, 1), tensor.Scalar(int64(0)))
		return b.Greater(null, b.Int64(0))
	}
	return b.IsNaN(x)
}

// nullID is the id of null in columns of x's shape: padding in lists.
func nullID(x *graph.Value) int64 {
	if x.Rank() > 1 {
		return feature.PaddingID
	}
	return feature.NullID
}
