package feature

import (
	"recsys/graph"
	"recsys/tensor"
)

// Encode adds the nodes that turn keys, [B] or [B,L] of the vocabulary's type, into int64 ids of the same shape. A
// null is NullID in a scalar column and PaddingID in a list. An unknown key is the out-of-vocabulary bucket; of
// several buckets it takes number MurmurHash3(key) mod Buckets, where the hash is the 32-bit one of seed 0 over the
// string's bytes or the eight little-endian bytes of the number (Appleby, 2011), as an unsigned number.
func (v *Vocabulary) Encode(b *graph.Builder, x *graph.Value) *graph.Value {
	known := int64(FirstOOV)
	if v.oov > 1 {
		known = unknown
	}
	keys, ids := v.scalar()
	if x.Rank() > 1 {
		keys, ids = v.list()
	}
	out := b.LabelEncoder(x, keys, ids, tensor.Scalar(known))
	if v.oov == 1 {
		return out
	}
	bucket := HashBucket(b, b.MurmurHash3(x, 0, true), v.oov)
	return b.Where(b.Equal(out, b.Int64(unknown)), bucket, out)
}

// table returns keys and their ids, null among them; graphs share it.
func (v *Vocabulary) table(null int64) (keys, ids *tensor.Tensor) {
	numbers := make([]int64, 0, v.Len()+1)
	numbers = append(numbers, null)
	for i := range v.Len() {
		numbers = append(numbers, int64(v.First()+i))
	}
	ids = tensor.Of(numbers, len(numbers))
	if v.isText {
		return tensor.Of(append([]string{""}, v.strings...), len(numbers)), ids
	}
	return tensor.Of(append([]int64{tensor.NullInt64}, v.ints...), len(numbers)), ids
}

// unknown marks keys that are hashed; no id is negative.
const unknown = -1

// HashBucket adds the nodes that turn hashes, uint32 of any shape, into the ids of buckets: FirstOOV + hash mod buckets,
// int64 of that shape. buckets is 1 or more.
func HashBucket(b *graph.Builder, hash *graph.Value, buckets int) *graph.Value {
	return b.Add(b.Mod(b.Cast(hash, tensor.Int64), b.Int64(int64(buckets))), b.Int64(FirstOOV))
}
