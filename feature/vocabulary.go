package feature

import (
	"fmt"
	"slices"
	"strconv"
	"sync"
	"unicode/utf8"

	"recsys/internal/keytable"
	"recsys/tensor"
)

// The ids that every vocabulary begins with.
const (
	PaddingID = 0 // fills lists
	NullID    = 1 // stands for a missing value in a scalar column
	FirstOOV  = 2 // the first out-of-vocabulary bucket
)

// Vocabulary maps keys to ids: 0 padding, 1 null, then OOV out-of-vocabulary buckets, then the keys in order. It is
// immutable and safe for concurrent use.
type Vocabulary struct {
	name    string
	oov     int
	ints    []int64
	strings []string
	isText  bool
	// scalar and list return the table that encodes columns of that form, made once.
	scalar, list func() (keys, ids *tensor.Tensor)
}

// NewIntVocabulary makes a vocabulary of int64 keys, which it keeps. The name is that of the column that it was fitted
// from. Keys are unique and none is null; oov is at least 1.
func NewIntVocabulary(name string, oov int, keys []int64) (*Vocabulary, error) {
	if slices.Contains(keys, tensor.NullInt64) {
		return nil, fmt.Errorf("vocabulary %q: null is among the keys", name)
	}
	return checked(&Vocabulary{name: name, oov: oov, ints: keys}, firstDoubleInt(keys))
}

// NewStringVocabulary makes a vocabulary of string keys; see [NewIntVocabulary]. Keys are UTF-8.
func NewStringVocabulary(name string, oov int, keys []string) (*Vocabulary, error) {
	for _, k := range keys {
		if k == "" {
			return nil, fmt.Errorf("vocabulary %q: null (the empty string) is among the keys", name)
		}
		if !utf8.ValidString(k) {
			return nil, fmt.Errorf("vocabulary %q: key %q is not UTF-8; convert the data to UTF-8", name, k)
		}
	}
	return checked(&Vocabulary{name: name, oov: oov, strings: keys, isText: true}, firstDoubleText(keys))
}

func checked(v *Vocabulary, double string) (*Vocabulary, error) {
	switch {
	case v.name == "":
		return nil, fmt.Errorf("vocabulary of %d keys without a name", v.Len())
	case v.oov < 1:
		return nil, fmt.Errorf("vocabulary %q: %d out-of-vocabulary buckets; it needs 1 or more", v.name, v.oov)
	case double != "":
		return nil, fmt.Errorf("vocabulary %q: key %s appears twice", v.name, double)
	}
	v.scalar = sync.OnceValues(func() (keys, ids *tensor.Tensor) { return v.table(NullID) })
	v.list = sync.OnceValues(func() (keys, ids *tensor.Tensor) { return v.table(PaddingID) })
	return v, nil
}

// firstDoubleInt returns a key that appears twice, "" when there is none.
func firstDoubleInt(keys []int64) string {
	seen := keytable.New(len(keys))
	for _, k := range keys {
		if !seen.Put(k, 0) {
			return strconv.FormatInt(k, 10)
		}
	}
	return ""
}

// firstDoubleText returns a key that appears twice, quoted, "" when there is none.
func firstDoubleText(keys []string) string {
	seen := make(map[string]struct{}, len(keys))
	for _, k := range keys {
		if _, again := seen[k]; again {
			return strconv.Quote(k)
		}
		seen[k] = struct{}{}
	}
	return ""
}

// Name returns the column that the vocabulary was fitted from.
func (v *Vocabulary) Name() string { return v.name }

// DType returns the type of the keys: Int64 or String.
func (v *Vocabulary) DType() tensor.DType {
	if v.isText {
		return tensor.String
	}
	return tensor.Int64
}

// Len returns the number of keys.
func (v *Vocabulary) Len() int { return len(v.ints) + len(v.strings) }

// Buckets returns the number of out-of-vocabulary buckets.
func (v *Vocabulary) Buckets() int { return v.oov }

// First returns the id of the first key. Ids below stand for padding, null and unknown values.
func (v *Vocabulary) First() int { return FirstOOV + v.oov }

// Cardinality returns the number of ids: V of an embedding table.
func (v *Vocabulary) Cardinality() int { return v.First() + v.Len() }

// Keys returns the keys by id, [Len] int64 or string: key i has the id First()+i. The tensor is shared with v.
func (v *Vocabulary) Keys() *tensor.Tensor {
	if v.isText {
		return tensor.Of(v.strings, len(v.strings))
	}
	return tensor.Of(v.ints, len(v.ints))
}

// KeysByID returns a key for every id, [Cardinality] int64 or string, with null for the ids that stand for no key.
func (v *Vocabulary) KeysByID() *tensor.Tensor {
	if v.isText {
		return tensor.Of(append(make([]string, v.First(), v.Cardinality()), v.strings...), v.Cardinality())
	}
	keys := make([]int64, v.First(), v.Cardinality())
	for i := range keys {
		keys[i] = tensor.NullInt64
	}
	return tensor.Of(append(keys, v.ints...), v.Cardinality())
}

func (v *Vocabulary) String() string {
	return fmt.Sprintf("vocabulary %q of %d %s keys", v.name, v.Len(), v.DType())
}
