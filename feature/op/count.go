package op

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"recsys/feature"
	"recsys/tensor"
)

// counter counts the values of one column; one of the maps is used.
type counter struct {
	ints    map[int64]int
	strings map[string]int
	isText  bool
	rows    int
}

// countValues counts the values of columns in one pass over src. Nulls do not count.
func countValues(ctx context.Context, src feature.Source, columns []string) ([]*counter, error) {
	counts := make([]*counter, len(columns))
	for i := range counts {
		counts[i] = &counter{ints: map[int64]int{}, strings: map[string]int{}}
	}
	for batch, err := range src.Batches(ctx, columns) {
		if err != nil {
			return nil, err
		}
		for i, name := range columns {
			if t := batch[name]; t != nil {
				counts[i].add(t)
			}
		}
	}
	for i, name := range columns {
		if counts[i].rows == 0 {
			return nil, noRows(name)
		}
	}
	return counts, nil
}

func noRows(column string) error {
	return fmt.Errorf("column %q: the training data has no rows of it; check the split and the file", column)
}

func (c *counter) add(t *tensor.Tensor) {
	c.rows += t.Dim(0)
	switch values := t.Any().(type) {
	case []int64:
		for _, v := range values {
			c.ints[v]++
		}
	case []string:
		c.isText = true
		for _, v := range values {
			c.strings[v]++
		}
	}
}

// vocabulary keeps the values that o wants, most frequent first.
func (c *counter) vocabulary(o *Categorify, name string) (*feature.Vocabulary, error) {
	buckets := max(o.OOVBuckets, 1)
	if c.isText {
		return feature.NewStringVocabulary(name, buckets, frequent(c.strings, "", o.MinFrequency, o.MaxSize))
	}
	return feature.NewIntVocabulary(name, buckets, frequent(c.ints, tensor.NullInt64, o.MinFrequency, o.MaxSize))
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
		return feature.NewStringVocabulary(name, oov, appended(had, c.strings, "", o))
	}
	had := tensor.MustData[int64](former.Keys())
	return feature.NewIntVocabulary(name, oov, appended(had, c.ints, tensor.NullInt64, o))
}

// appended returns had and then the other keys that o wants. It changes counts.
func appended[K cmp.Ordered](had []K, counts map[K]int, null K, o *Categorify) []K {
	for _, k := range had {
		delete(counts, k)
	}
	if o.MaxSize > 0 && len(had) >= o.MaxSize {
		return had
	}
	return slices.Concat(had, frequent(counts, null, o.MinFrequency, max(0, o.MaxSize-len(had))))
}

// frequent returns the keys other than null with a count of threshold or more, by falling count and rising key; a limit
// above 0 keeps the first of them.
func frequent[K cmp.Ordered](counts map[K]int, null K, threshold, limit int) []K {
	type counted struct {
		key   K
		count int
	}
	all := make([]counted, 0, len(counts))
	for k, n := range counts {
		if k != null && n >= threshold {
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
