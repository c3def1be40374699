package op

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"

	"recsys/feature"
	"recsys/internal/parallel"
	"recsys/schema"
	"recsys/tensor"
)

// Categorify encodes int64 and string columns, scalar or lists, as ids of a vocabulary that is learned from the data:
// 0 padding, 1 null, then out-of-vocabulary buckets from 2 on, then the values by falling frequency, the smaller
// key first where frequencies are equal. Null is padding in lists. Frequencies count rows, in lists elements.
//
// Where a workflow is fitted on from a former one, values that the former vocabulary has keep their ids, seen again or
// not, and new ones follow by falling frequency while MaxSize allows. OOVBuckets has to be what it was.
type Categorify struct {
	// Columns are encoded in place.
	Columns []string `json:"columns"`
	// MinFrequency is the number of times that a value has to be seen; rarer ones are out of vocabulary. 0 means 1.
	MinFrequency int `json:"min_frequency,omitempty"`
	// MaxSize limits the vocabulary to the most frequent values; 0 means no limit.
	MaxSize int `json:"max_size,omitempty"`
	// OOVBuckets is the number of ids for values that are not in the vocabulary. 0 means 1; with more, values are
	// spread by their MurmurHash3, see feature.Vocabulary.
	OOVBuckets int `json:"oov_buckets,omitempty"`
	// Share names a column whose vocabulary all Columns use instead of one each. It is one of Columns, from which
	// alone the vocabulary is learned, or a column that an operator before has encoded: then MinFrequency, MaxSize
	// and OOVBuckets are that operator's and must not be set here.
	Share string `json:"share,omitempty"`
	// Vocabulary lists the values to use, in the order of their ids, instead of learning them: integers or strings as the
	// columns are, unique and not null. Nothing is counted then, so MinFrequency and MaxSize must not be set.
	Vocabulary []any `json:"vocabulary,omitempty"`
	// VocabularyFile names a table whose first column is used in the place of Vocabulary. Pipelines read it, relative to
	// the folder of the data; a program sets Vocabulary.
	VocabularyFile string `json:"vocabulary_file,omitempty"`
}

// Name returns "categorify".
func (o *Categorify) Name() string { return "categorify" }

// Validate checks the settings.
func (o *Categorify) Validate() error {
	errs := []error{checkNames(o.Columns)}
	if o.MinFrequency < 0 || o.MaxSize < 0 || o.OOVBuckets < 0 {
		errs = append(errs, fmt.Errorf("min_frequency %d, max_size %d and oov_buckets %d must not be negative",
			o.MinFrequency, o.MaxSize, o.OOVBuckets))
	}
	if o.borrows() && (o.MinFrequency != 0 || o.MaxSize != 0 || o.OOVBuckets != 0) {
		errs = append(errs, fmt.Errorf("the vocabulary of %q is learned by the operator that encodes it; "+
			"set min_frequency, max_size and oov_buckets there", o.Share))
	}
	if len(o.Vocabulary) > 0 && o.VocabularyFile != "" {
		errs = append(errs, errors.New("vocabulary and vocabulary_file are both set; choose one"))
	}
	if o.given() && (o.MinFrequency != 0 || o.MaxSize != 0) {
		errs = append(errs, errors.New("the vocabulary is given, so min_frequency and max_size choose nothing; leave them out"))
	}
	if o.given() && o.borrows() {
		errs = append(errs, fmt.Errorf("vocabulary and share %q are both set; choose one", o.Share))
	}
	return errors.Join(errs...)
}

// borrows reports whether the vocabulary is that of an operator before.
func (o *Categorify) borrows() bool { return o.Share != "" && !slices.Contains(o.Columns, o.Share) }

// given reports whether the vocabulary is not learned.
func (o *Categorify) given() bool { return len(o.Vocabulary) > 0 || o.VocabularyFile != "" }

// Plan is the schema rule: each column becomes int64 ids, tagged categorical.
func (o *Categorify) Plan(in feature.Columns) (feature.Plan, error) {
	if o.VocabularyFile != "" {
		return feature.Plan{}, fmt.Errorf("vocabulary_file %s has not been read: only pipelines do; set vocabulary", o.VocabularyFile)
	}
	p, err := eachColumn(in, o.Columns, keys(),
		func(c schema.Column) (schema.Schema, error) {
			if c.Has(schema.Continuous) {
				return nil, errors.New("it holds continuous numbers here; bucketize it or put categorify first")
			}
			if err := o.checkShared(in, c); err != nil || len(o.Vocabulary) == 0 {
				return schema.Schema{ids(c, 0)}, err
			}
			v, err := o.values(c.Name, c.DType.DType)
			if err != nil {
				return nil, err
			}
			return schema.Schema{ids(c, v.Cardinality())}, nil
		})
	return p, err
}

// checkShared verifies that c can use the vocabulary of the shared column.
func (o *Categorify) checkShared(in feature.Columns, c schema.Column) error {
	if o.Share == "" {
		return nil
	}
	from := in.Now
	if o.borrows() {
		if now, ok := in.Now.Column(o.Share); !ok || !now.Has(schema.Categorical) {
			return fmt.Errorf("it shares the vocabulary of %q, which no operator before encodes; "+
				"put categorify of %q first or among these columns", o.Share, o.Share)
		}
		from = in.Raw
	}
	if shared, ok := from.Column(o.Share); ok && shared.DType != c.DType {
		return fmt.Errorf("it is %s and shares the vocabulary of %q, which is %s", c.DType, o.Share, shared.DType)
	}
	return nil
}

// Fit counts the values in one pass.
func (o *Categorify) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	return feature.FitLearner(ctx, o, in, src)
}

// Learn returns empty counts, nil where the vocabulary is given or that of an operator before.
func (o *Categorify) Learn(feature.Columns) (feature.Partial, error) {
	switch {
	case o.borrows(), len(o.Vocabulary) > 0:
		return nil, nil //nolint:nilnil // It needs no data.
	case o.Share != "":
		return newPerColumn[counter]([]string{o.Share}), nil
	}
	return newPerColumn[counter](o.Columns), nil
}

// Finish chooses the vocabularies.
func (o *Categorify) Finish(in feature.Columns, learned feature.Partial) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	vocabularies, err := o.vocabularies(in, learned)
	if err != nil {
		return nil, err
	}
	entries := make([]entry[lookup], len(o.Columns))
	for i, c := range plan.Writes {
		name := c.Name
		if o.Share != "" {
			name = o.Share
		}
		v := vocabularies[name]
		before, _ := in.Now.Column(c.Name)
		if v.DType() != before.DType.DType {
			return nil, fmt.Errorf("column %q is %s and %s does not fit", c.Name, before.DType, v)
		}
		c.Cardinality = v.Cardinality()
		entries[i] = entry[lookup]{
			From: c.Name, Writes: schema.Schema{c}, Learned: lookup{Name: v.Name(), vocabulary: v},
		}
	}
	return newEncoder(categorifyRule(), entries)
}

// vocabularies returns the vocabularies by the column that they are named after.
func (o *Categorify) vocabularies(in feature.Columns, learned feature.Partial) (map[string]*feature.Vocabulary, error) {
	if o.borrows() {
		v, ok := in.Vocabulary(o.Share)
		if !ok {
			return nil, fmt.Errorf("column %q has no vocabulary; only a column that categorify encodes has one", o.Share)
		}
		return map[string]*feature.Vocabulary{o.Share: v}, nil
	}
	if c, ok := learned.(*counts); ok {
		return o.choose(in, c)
	}
	columns := o.Columns
	if o.Share != "" {
		columns = []string{o.Share}
	}
	out := make(map[string]*feature.Vocabulary, len(columns))
	for _, name := range columns {
		c, err := in.Find(name)
		if err != nil {
			return nil, err
		}
		if out[name], err = o.values(name, c.DType.DType); err != nil {
			return nil, err
		}
		if former, ok := in.Former(name); ok && !begins(out[name], former) {
			return nil, fmt.Errorf("column %q: the given vocabulary moves ids of the former workflow; "+
				"put new values behind the former ones and keep oov_buckets, or fit anew", name)
		}
	}
	return out, nil
}

// begins tells whether v gives every key of former the same id.
func begins(v, former *feature.Vocabulary) bool {
	if v.DType() != former.DType() || v.Buckets() != former.Buckets() || v.Len() < former.Len() {
		return false
	}
	if v.DType() == tensor.String {
		return slices.Equal(tensor.MustData[string](v.Keys())[:former.Len()], tensor.MustData[string](former.Keys()))
	}
	return slices.Equal(tensor.MustData[int64](v.Keys())[:former.Len()], tensor.MustData[int64](former.Keys()))
}

// choose makes a vocabulary of each column's counts, or extends the former one.
func (o *Categorify) choose(in feature.Columns, c *counts) (map[string]*feature.Vocabulary, error) {
	if err := c.checkRows(); err != nil {
		return nil, err
	}
	made := make([]*feature.Vocabulary, len(c.Names))
	err := parallel.Do(runtime.GOMAXPROCS(0), len(made), func(i int) (err error) {
		name := c.Names[i]
		if former, ok := in.Former(name); ok {
			made[i], err = c.States[i].extend(o, name, former)
		} else {
			made[i], err = c.States[i].vocabulary(o, name)
		}
		return err
	})
	out := make(map[string]*feature.Vocabulary, len(made))
	for i, name := range c.Names {
		out[name] = made[i]
	}
	return out, err
}

// values returns the vocabulary of the settings for a column.
func (o *Categorify) values(name string, dtype tensor.DType) (*feature.Vocabulary, error) {
	oov := max(o.OOVBuckets, 1)
	if dtype == tensor.String {
		texts := make([]string, len(o.Vocabulary))
		for i, v := range o.Vocabulary {
			text, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("value %v of the vocabulary is no string, which the column holds", v)
			}
			texts[i] = text
		}
		return feature.NewStringVocabulary(name, oov, texts)
	}
	ints := make([]int64, len(o.Vocabulary))
	for i, v := range o.Vocabulary {
		// A number from a decoder is an integer or a float64, printed here without an exponent.
		text := fmt.Sprint(v)
		if f, is := v.(float64); is {
			text = strconv.FormatFloat(f, 'f', -1, 64)
		}
		n, err := strconv.ParseInt(text, 10, 64)
		if _, is := v.(string); is || err != nil {
			return nil, fmt.Errorf("value %#v of the vocabulary is no int64, which the column holds", v)
		}
		ints[i] = n
	}
	return feature.NewIntVocabulary(name, oov, ints)
}

func categorifyRule() rule[lookup] {
	return rule[lookup]{name: "categorify", version: 1, check: checkLookup, apply: encodeColumn}
}
