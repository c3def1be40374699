package op

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"recsys/feature"
	"recsys/internal/keytable"
	"recsys/tensor"
)

var errNoRows = errors.New("the training data has no rows of it; check the split and the file")

// counter counts the values of one column, nulls too; one of the tables is used.
type counter struct {
	ints    keytable.Table
	strings map[string]int64
	isText  bool
}

// counts is what categorify learns before it chooses.
type counts = perColumn[counter, *counter]

func (c *counter) add(t *tensor.Tensor) error { //nolint:unparam // What others learn may fail.
	switch values := t.Any().(type) {
	case []int64:
		c.ints.Count(values)
	case []string:
		if c.isText = true; c.strings == nil {
			c.strings = map[string]int64{}
		}
		for _, v := range values {
			c.strings[v]++
		}
	}
	return nil
}

func (c *counter) merge(other *counter) {
	for k, n := range other.ints.All() {
		c.ints.Add(k, n)
	}
	if other.isText {
		if c.isText = true; c.strings == nil {
			c.strings = map[string]int64{}
		}
	}
	for k, n := range other.strings {
		c.strings[k] += n
	}
}

// GobEncode writes 1 and the strings, each with its length, or 0 and the integers, all with their counts, in no order.
func (c *counter) GobEncode() ([]byte, error) {
	if c.isText {
		out := []byte{1}
		for k, n := range c.strings {
			out = append(binary.AppendUvarint(out, uint64(len(k))), k...)
			out = binary.AppendVarint(out, n)
		}
		return out, nil
	}
	out := append(make([]byte, 0, 1+4*c.ints.Len()), 0)
	for k, n := range c.ints.All() {
		out = binary.AppendVarint(binary.AppendVarint(out, k), n)
	}
	return out, nil
}

// GobDecode reads what GobEncode wrote.
func (c *counter) GobDecode(text []byte) error {
	*c = counter{}
	if len(text) == 0 {
		return errors.New("no counts")
	}
	if c.isText = text[0] == 1; c.isText {
		c.strings = map[string]int64{}
	}
	for text = text[1:]; len(text) > 0; {
		var key int64
		var word string
		if c.isText {
			length, n := binary.Uvarint(text)
			if n <= 0 || uint64(len(text)-n) < length {
				return errors.New("counts end within a key")
			}
			word, text = string(text[n:n+int(length)]), text[n+int(length):]
		} else {
			k, n := binary.Varint(text)
			if n <= 0 {
				return errors.New("counts end within a key")
			}
			key, text = k, text[n:]
		}
		count, n := binary.Varint(text)
		if n <= 0 {
			return errors.New("counts end behind a key")
		}
		if text = text[n:]; c.isText {
			c.strings[word] = count
		} else {
			c.ints.Add(key, count)
		}
	}
	return nil
}

// vocabulary keeps the values that o wants, most frequent first.
func (c *counter) vocabulary(o *Categorify, name string) (*feature.Vocabulary, error) {
	buckets := max(o.OOVBuckets, 1)
	if c.isText {
		return feature.NewStringVocabulary(name, buckets, frequent(maps.All(c.strings), "", o.MinFrequency, o.MaxSize))
	}
	return feature.NewIntVocabulary(name, buckets, frequent(c.ints.All(), tensor.NullInt64, o.MinFrequency, o.MaxSize))
}

// extend keeps the ids of a former vocabulary and puts the values behind that o wants and it has not. MaxSize counts
// both.
func (c *counter) extend(o *Categorify, name string, former *feature.Vocabulary) (*feature.Vocabulary, error) {
	oov := max(o.OOVBuckets, 1)
	if oov != former.Buckets() {
		return nil, fmt.Errorf("column %q: oov_buckets %d would move the ids of the former workflow, which has %d; "+
			"set that, or fit anew", name, oov, former.Buckets())
	}
	if c.isText != (former.DType() == tensor.String) {
		return nil, fmt.Errorf("column %q: the former %s does not fit its values; fit anew", name, former)
	}
	if c.isText {
		had := tensor.MustData[string](former.Keys())
		return feature.NewStringVocabulary(name, oov, appended(had, maps.All(c.strings), "", o))
	}
	had := tensor.MustData[int64](former.Keys())
	return feature.NewIntVocabulary(name, oov, appended(had, c.ints.All(), tensor.NullInt64, o))
}

// appended returns had and then the other keys that o wants.
func appended[K cmp.Ordered](had []K, counts iter.Seq2[K, int64], null K, o *Categorify) []K {
	if o.MaxSize > 0 && len(had) >= o.MaxSize {
		return had
	}
	known := make(map[K]struct{}, len(had))
	for _, k := range had {
		known[k] = struct{}{}
	}
	others := func(yield func(K, int64) bool) {
		for k, n := range counts {
			if _, is := known[k]; !is && !yield(k, n) {
				return
			}
		}
	}
	return slices.Concat(had, frequent(others, null, o.MinFrequency, max(0, o.MaxSize-len(had))))
}

// frequent returns the keys other than null with a count of threshold or more, by falling count and rising key; a limit
// above 0 keeps the first of them.
func frequent[K cmp.Ordered](counts iter.Seq2[K, int64], null K, threshold, limit int) []K {
	type counted struct {
		key   K
		count int64
	}
	var all []counted
	for k, n := range counts {
		if k != null && n >= int64(threshold) {
			all = append(all, counted{k, n})
		}
	}
	slices.SortFunc(all, func(a, b counted) int {
		return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.key, b.key))
	})
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	keys := make([]K, len(all))
	for i, c := range all {
		keys[i] = c.key
	}
	return keys
}
