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
	null := int64(NullID)
	if x.Rank() > 1 {
		null = PaddingID
	}
	known := int64(FirstOOV)
	if v.oov > 1 {
		known = unknown
	}
	ids := make([]int64, 0, v.Len()+1)
	ids = append(ids, null)
	for i := range v.Len() {
		ids = append(ids, int64(v.First()+i))
	}
	var keys *tensor.Tensor
	if v.isText {
		keys = tensor.Of(append([]string{""}, v.strings...), len(ids))
	} else {
		keys = tensor.Of(append([]int64{tensor.NullInt64}, v.ints...), len(ids))
	}
	out := b.LabelEncoder(x, keys, tensor.Of(ids, len(ids)), tensor.Scalar(known))
	if v.oov == 1 {
		return out
	}
	bucket := HashBucket(b, b.MurmurHash3(x, 0, true), v.oov)
	return b.Where(b.Equal(out, b.Int64(unknown)), bucket, out)
}

// unknown marks keys that are hashed; no id is negative.
const unknown = -1

// HashBucket adds the nodes that turn hashes, uint32 of any shape, into the ids of buckets: FirstOOV + hash mod buckets,
// int64 of that shape. buckets is 1 or more.
func HashBucket(b *graph.Builder, hash *graph.Value, buckets int) *graph.Value {
	return b.Add(b.Mod(b.Cast(hash, tensor.Int64), b.Int64(int64(buckets))), b.Int64(FirstOOV))
}
