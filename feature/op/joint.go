package op

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"recsys/feature"
	"recsys/graph"
	"recsys/tensor"
)

// joint numbers the keys that one or several scalar columns have together: ids as those of a vocabulary, null where one of
// the keys is, out of vocabulary where the keys were not seen together. Each column has a vocabulary; Pairs[i] is one of
// int64 keys, the joint id of the columns up to i times 2^32 plus the id of column i+1, so that ids stay where new keys follow.
type joint struct {
	Columns []string `json:"columns"`
	Pairs   []string `json:"pairs,omitempty"`

	columns, pairs []*feature.Vocabulary
}

// last is the vocabulary whose ids are the joint ones.
func (j *joint) last() *feature.Vocabulary {
	if len(j.pairs) > 0 {
		return j.pairs[len(j.pairs)-1]
	}
	return j.columns[0]
}

func (j *joint) encode(b *graph.Builder, in []*graph.Value) *graph.Value {
	id := j.columns[0].Encode(b, in[0])
	for i, v := range j.pairs {
		next := j.columns[i+1].Encode(b, in[i+1])
		null := b.Or(b.Equal(id, b.Int64(feature.NullID)), b.Equal(next, b.Int64(feature.NullID)))
		key := b.Add(b.Mul(id, b.Int64(1<<32)), next)
		id = v.Encode(b, b.Where(null, b.Int64(tensor.NullInt64), key))
	}
	return id
}

// vocabularies returns all by their names.
func (j *joint) vocabularies() map[string]*feature.Vocabulary {
	out := map[string]*feature.Vocabulary{}
	for _, v := range slices.Concat(j.columns, j.pairs) {
		out[v.Name()] = v
	}
	return out
}

// resolve finds the vocabularies of a state that was read.
func (j *joint) resolve(find feature.Vocabularies) error {
	if len(j.Columns) == 0 || len(j.Pairs) != len(j.Columns)-1 {
		return fmt.Errorf("vocabularies of %d columns and %d pairs", len(j.Columns), len(j.Pairs))
	}
	for _, name := range j.Columns {
		v, err := find(name)
		if err != nil {
			return err
		}
		j.columns = append(j.columns, v)
	}
	for _, name := range j.Pairs {
		v, err := find(name)
		if err == nil && v.DType() != tensor.Int64 {
			err = fmt.Errorf("%s does not hold pairs", v)
		}
		if err != nil {
			return err
		}
		j.pairs = append(j.pairs, v)
	}
	return nil
}

// tuples collects the keys that columns have together. It numbers them from 0 in the order in which they are first seen.
type tuples struct {
	columns []numbering
	levels  []pairing // of the tuple of the columns before, and the next column's key
}

// numbering gives the keys of a column numbers; one of the maps and lists is used.
type numbering struct {
	isText  bool
	ints    map[int64]int
	strings map[string]int
	intKeys []int64
	texts   []string
}

type pairing struct {
	numbers map[[2]int]int
	pairs   [][2]int
}

func newTuples(columns int) *tuples {
	t := &tuples{columns: make([]numbering, columns), levels: make([]pairing, columns-1)}
	for i := range t.columns {
		t.columns[i] = numbering{ints: map[int64]int{}, strings: map[string]int{}}
	}
	for i := range t.levels {
		t.levels[i].numbers = map[[2]int]int{}
	}
	return t
}

// add returns the number of each row's tuple, -1 where a key is null.
func (t *tuples) add(columns []*tensor.Tensor) []int {
	rows := make([]int, columns[0].Dim(0))
	for i, c := range columns {
		t.columns[i].add(c, func(row, key int) {
			switch {
			case key < 0 || rows[row] < 0:
				rows[row] = -1
			case i == 0:
				rows[row] = key
			default:
				rows[row] = t.levels[i-1].add([2]int{rows[row], key})
			}
		})
	}
	return rows
}

func (p *pairing) add(pair [2]int) int {
	n, ok := p.numbers[pair]
	if !ok {
		n = len(p.pairs)
		p.numbers[pair], p.pairs = n, append(p.pairs, pair)
	}
	return n
}

// add calls put with the number of every row's key, -1 for null.
func (n *numbering) add(c *tensor.Tensor, put func(row, key int)) {
	switch values := c.Any().(type) {
	case []int64:
		numberKeys(values, tensor.NullInt64, n.ints, &n.intKeys, put)
	case []string:
		n.isText = true
		numberKeys(values, "", n.strings, &n.texts, put)
	}
}

func numberKeys[K comparable](values []K, null K, numbers map[K]int, list *[]K, put func(row, key int)) {
	for row, k := range values {
		at, ok := numbers[k]
		switch {
		case k == null:
			at = -1
		case !ok:
			at = len(*list)
			numbers[k], *list = at, append(*list, k)
		}
		put(row, at)
	}
}

func (n *numbering) compare(i, j int) int {
	if n.isText {
		return cmp.Compare(n.texts[i], n.texts[j])
	}
	return cmp.Compare(n.intKeys[i], n.intKeys[j])
}

// len returns the number of tuples.
func (t *tuples) len() int {
	if len(t.levels) > 0 {
		return len(t.levels[len(t.levels)-1].pairs)
	}
	return len(t.columns[0].intKeys) + len(t.columns[0].texts)
}

// keys returns the numbers of a tuple's keys by column.
func (t *tuples) keys(tuple int) []int {
	out := make([]int, len(t.columns))
	for i, level := range slices.Backward(t.levels) {
		pair := level.pairs[tuple]
		tuple, out[i+1] = pair[0], pair[1]
	}
	out[0] = tuple
	return out
}

// sorted returns the tuples by falling count, those of one count by their keys. A count may be left out.
func (t *tuples) sorted(counts []int) []int {
	order, keys := make([]int, t.len()), make([][]int, t.len())
	for i := range order {
		order[i], keys[i] = i, t.keys(i)
	}
	slices.SortFunc(order, func(i, j int) int {
		if counts != nil && counts[i] != counts[j] {
			return counts[j] - counts[i]
		}
		for c := range t.columns {
			if order := t.columns[c].compare(keys[i][c], keys[j][c]); order != 0 {
				return order
			}
		}
		return 0
	})
	return order
}

// joint makes the vocabularies of tuples, which get ids in this order behind those of a former workflow, and returns the ids. A
// limit above 0 is the most tuples with ids; the last ones get none then.
func (t *tuples) joint(name string, columns []string, kept []int, limit int, in feature.Columns) (j *joint, ids []int64, err error) {
	j = &joint{}
	for i, column := range columns {
		vocabulary := name + "/" + column
		if len(columns) == 1 {
			vocabulary = name
		}
		keys := t.column(kept, i)
		v, err := t.columns[i].vocabulary(vocabulary, keys, in)
		if err != nil {
			return nil, nil, err
		}
		j.Columns, j.columns = append(j.Columns, vocabulary), append(j.columns, v)
		codes := t.columns[i].ids(v)
		if i == 0 {
			ids = make([]int64, len(kept))
		}
		for n, key := range keys {
			ids[n] = ids[n]<<32 + codes[key]
		}
		if i == 0 {
			continue
		}
		if vocabulary = name; i < len(columns)-1 {
			vocabulary += "/" + strconv.Itoa(i+1)
		}
		former, _ := in.Former(vocabulary)
		all := behind(intKeys(former), ids)
		if i == len(columns)-1 && limit > 0 {
			all = all[:min(len(all), max(limit, len(intKeys(former))))]
		}
		if v, err = feature.NewIntVocabulary(vocabulary, 1, all); err != nil {
			return nil, nil, err
		}
		j.Pairs, j.pairs = append(j.Pairs, vocabulary), append(j.pairs, v)
		ids = idsOf(ids, intKeys(v), v.First())
	}
	return j, ids, nil
}

// column returns the numbers of a column's keys of tuples.
func (t *tuples) column(kept []int, column int) []int {
	out := make([]int, len(kept))
	for i, tuple := range kept {
		out[i] = t.keys(tuple)[column]
	}
	return out
}

// vocabulary makes one of keys by their numbers, behind those of a former workflow.
func (n *numbering) vocabulary(name string, keys []int, in feature.Columns) (*feature.Vocabulary, error) {
	former, ok := in.Former(name)
	if ok && n.isText != (former.DType() == tensor.String) {
		return nil, fmt.Errorf("the former %s does not fit the keys; fit anew", former)
	}
	if n.isText {
		var had []string
		if ok {
			had = tensor.MustData[string](former.Keys())
		}
		return feature.NewStringVocabulary(name, 1, behind(had, taken(n.texts, keys)))
	}
	return feature.NewIntVocabulary(name, 1, behind(intKeys(former), taken(n.intKeys, keys)))
}

func taken[K any](list []K, at []int) []K {
	out := make([]K, len(at))
	for i, n := range at {
		out[i] = list[n]
	}
	return out
}

// intKeys returns the keys of a vocabulary, none of a nil one.
func intKeys(v *feature.Vocabulary) []int64 {
	if v == nil {
		return nil
	}
	return tensor.MustData[int64](v.Keys())
}

// behind returns had and then the others of keys, each once.
func behind[K comparable](had, keys []K) []K {
	out, seen := slices.Clone(had), make(map[K]bool, len(had))
	for _, k := range had {
		seen[k] = true
	}
	for _, k := range keys {
		if !seen[k] {
			out, seen[k] = append(out, k), true
		}
	}
	return out
}

// ids returns the id of every key by its number, out of vocabulary for those that v has not.
func (n *numbering) ids(v *feature.Vocabulary) []int64 {
	if n.isText {
		return idsOf(n.texts, tensor.MustData[string](v.Keys()), v.First())
	}
	return idsOf(n.intKeys, intKeys(v), v.First())
}

func idsOf[K comparable](list, keys []K, first int) []int64 {
	at := make(map[K]int64, len(keys))
	for i, k := range keys {
		at[k] = int64(first + i)
	}
	out := make([]int64, len(list))
	for i, k := range list {
		id, ok := at[k]
		if !ok {
			id = feature.FirstOOV
		}
		out[i] = id
	}
	return out
}

// jointKind is the kind of an operator that learns a joint, which of returns, among other things.
func jointKind[P any](
	r rule[P], settings func() feature.Operator, of func(P) *joint, fitted func(...entry[P]) (feature.Fitted, error),
) feature.Kind {
	return feature.Kind{
		Name: r.name, Version: r.version, New: settings,
		Load: func(state json.RawMessage, vocabularies feature.Vocabularies) (feature.Fitted, error) {
			entries, err := r.read(state)
			if err != nil {
				return nil, err
			}
			if len(entries) != 1 || of(entries[0].Learned) == nil {
				return nil, errors.New("it needs what one column learned")
			}
			if err := of(entries[0].Learned).resolve(vocabularies); err != nil {
				return nil, err
			}
			return fitted(entries...)
		},
	}
}
