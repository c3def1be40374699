package op

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Lag makes a column of what the user's items before had: the value of an item column of the newest item of the history, or of
// one further back, such as the brand or the price that the user looked at last. Histories hold what lies strictly before the
// interaction, in training and in requests, so the value is as of then. It is null where the history is shorter, where the
// item was not in the training data, and where its value is.
type Lag struct {
	// Column is the name of the new column.
	Column string `json:"name"`
	// Of is a scalar column of items, raw or encoded. The new column is like it: raw, for operators behind, or ids of the same
	// vocabulary.
	Of string `json:"of"`
	// History is the list of a sequence operator before.
	History string `json:"history"`
	// Steps is how far back, 1 for the newest; 0 means 1.
	Steps int `json:"steps,omitempty"`
}

// itemValues has a value for each id of items; one of the lists is used. Ids that no item had are null.
type itemValues struct {
	Ints    []int64   `json:"ints,omitempty"`
	Floats  []float32 `json:"floats,omitempty"`
	Strings []string  `json:"strings,omitempty"`
	Missing []int     `json:"missing,omitempty"` // ids whose float is null, which JSON has no number for
	Steps   int       `json:"steps,omitempty"`
}

// Name returns "lag".
func (o *Lag) Name() string { return "lag" }

// Validate checks the settings.
func (o *Lag) Validate() error {
	err := checkPair(o.Column, "of", o.Of, "history", o.History)
	if o.Steps < 0 {
		err = errors.Join(err, fmt.Errorf("steps %d; set it to 1 for the newest item or more", o.Steps))
	}
	return err
}

func (o *Lag) steps() int { return max(o.Steps, 1) }

// Plan is the schema rule: a new column of the context, of the type of Of.
func (o *Lag) Plan(in feature.Columns) (feature.Plan, error) {
	of, err := findOf(in, o.Of, o.History)
	if err != nil {
		return feature.Plan{}, err
	}
	if o.steps() > of.history.Length {
		return feature.Plan{}, fmt.Errorf("steps %d: the history %q has %d items", o.Steps, o.History, of.history.Length)
	}
	c := belonging(schema.Context, of.column)
	c.Name = o.Column
	if !c.Has(schema.Categorical) && c.DType.DType == tensor.Float32 {
		c = feature.WithTags(c, nil, []schema.Tag{schema.Continuous}) // there are nulls
	}
	return feature.Plan{Reads: []string{o.History}, Writes: schema.Schema{c}}, checkFresh(in, o.Column)
}

// ofItems is what operators over a history find.
type ofItems struct{ column, history, key schema.Column }

// findOf finds a scalar item column, a history and the encoded key of the items in it.
func findOf(in feature.Columns, of, history string) (found ofItems, err error) {
	var errs [2]error
	found.column, errs[0] = in.Find(of)
	if errs[0] == nil && (!found.column.Has(schema.Item) || found.column.Length > 0) {
		errs[0] = fmt.Errorf("column %q: it is no scalar column of items", of)
	}
	found.history, errs[1] = in.Find(history)
	if errs[1] == nil && !found.history.Has(schema.Sequence, schema.Categorical) {
		errs[1] = fmt.Errorf("column %q: it is no history; put a sequence of that name before", history)
	}
	if err := errors.Join(errs[:]...); err != nil {
		return found, err
	}
	for _, c := range in.Now.Select(schema.Item, schema.ID, schema.Categorical) {
		if c.Length == 0 && c.Cardinality == found.history.Cardinality {
			found.key = c
			return found, nil
		}
	}
	return found, fmt.Errorf("column %q: it is no history of the item key, which categorify has to encode before", history)
}

// Fit reads the value of every item of the training data in one pass. Where rows differ the last one counts.
func (o *Lag) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	of, err := findOf(in, o.Of, o.History)
	if err != nil {
		return nil, err
	}
	learned, err := learnItems(ctx, src, of)
	if err != nil {
		return nil, err
	}
	learned.Steps = o.steps()
	return lagRule().fitted([]entry[itemValues]{{From: o.History, Writes: plan.Writes, Learned: learned}})
}

// learnItems reads an item column by item id.
func learnItems(ctx context.Context, src feature.Source, of ofItems) (itemValues, error) {
	var v itemValues
	n := of.key.Cardinality
	floats := make([]float32, n)
	switch of.column.DType.DType {
	case tensor.Int64:
		null := int64(tensor.NullInt64)
		if of.column.Has(schema.Categorical) {
			null = feature.NullID
		}
		v.Ints = filled(n, null)
	case tensor.Float32:
		floats = filled(n, float32(math.NaN()))
	default:
		v.Strings = make([]string, n)
	}
	for batch, err := range feature.Interactions(ctx, src, []string{of.key.Name, of.column.Name}) {
		if err != nil {
			return v, err
		}
		ids, err := tensor.Data[int64](batch[of.key.Name])
		if err != nil {
			return v, err
		}
		switch values := batch[of.column.Name].Any().(type) {
		case []int64:
			scatter(v.Ints, ids, values)
		case []float32:
			scatter(floats, ids, values)
		case []string:
			scatter(v.Strings, ids, values)
		}
	}
	if of.column.DType.DType == tensor.Float32 {
		for id, x := range floats {
			switch {
			case x != x:
				floats[id], v.Missing = 0, append(v.Missing, id)
			case math.IsInf(float64(x), 0):
				return v, fmt.Errorf("column %q: value %v of an item; replace infinite numbers in the data", of.column.Name, x)
			}
		}
		v.Floats = floats
	}
	return v, nil
}

func filled[T any](n int, v T) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = v
	}
	return out
}

// scatter writes values of items; ids below the first item's say nothing of one.
func scatter[T any](to []T, ids []int64, values []T) {
	for i, id := range ids {
		if id > feature.FirstOOV {
			to[id] = values[i]
		}
	}
}

// table is the values by id.
func (v itemValues) table() *tensor.Tensor {
	switch {
	case v.Ints != nil:
		return tensor.Of(v.Ints, len(v.Ints))
	case v.Strings != nil:
		return tensor.Of(v.Strings, len(v.Strings))
	}
	floats := append([]float32(nil), v.Floats...)
	for _, id := range v.Missing {
		floats[id] = float32(math.NaN())
	}
	return tensor.Of(floats, len(floats))
}

// of looks items up. Ids that a vocabulary got after the values were learned are null.
func (v itemValues) of(b *graph.Builder, items *graph.Value) *graph.Value {
	t := v.table()
	known := b.Less(items, b.Int64(int64(t.Dim(0))))
	return b.Gather(b.Const("", t), b.Where(known, items, b.Int64(feature.PaddingID)), 0)
}

func (v itemValues) check() error {
	lists := 0
	for _, n := range []int{len(v.Ints), len(v.Floats), len(v.Strings)} {
		if n > 0 {
			lists++
		}
	}
	if lists != 1 {
		return errors.New("it needs values of one type by item")
	}
	for _, id := range v.Missing {
		if id < 0 || id >= len(v.Floats) {
			return fmt.Errorf("item %d of %d has no value", id, len(v.Floats))
		}
	}
	return nil
}

func lagRule() rule[itemValues] {
	return rule[itemValues]{
		name: "lag", version: 1,
		check: func(e entry[itemValues]) error {
			err := e.Learned.check()
			if e.Learned.Steps < 1 {
				err = errors.Join(err, fmt.Errorf("%d steps", e.Learned.Steps))
			}
			if len(e.Writes) == 1 && e.Writes[0].Has(schema.Categorical) {
				err = errors.Join(err, checkIDs(e.Writes, 1, 0))
				if slices.ContainsFunc(e.Learned.Ints, func(id int64) bool { return id < 0 || id >= int64(e.Writes[0].Cardinality) }) {
					err = errors.Join(err, fmt.Errorf("an item has an id beyond the %d of column %q", e.Writes[0].Cardinality, e.Writes[0].Name))
				}
			}
			if len(e.Writes) != 1 || err == nil && e.Writes[0].DType.DType != e.Learned.table().DType() {
				err = errors.Join(err, errors.New("it writes one column of the type of its values"))
			}
			return err
		},
		apply: func(b *graph.Builder, e entry[itemValues], history *graph.Value) []*graph.Value {
			// Ids stand on the left, oldest first; what is Steps before the last one's end is the value's item.
			length := listLength(b, b.Not(b.Equal(history, b.Int64(feature.PaddingID))))
			at := b.Sub(length, b.Int64(int64(e.Learned.Steps)))
			before := b.Less(at, b.Int64(0))
			item := b.GatherElements(history, b.Where(before, b.Int64(0), at), 1)
			item = b.Where(before, b.Int64(feature.PaddingID), item) // [B,1]
			return []*graph.Value{e.Learned.of(b, b.Squeeze(item, []int64{1}))}
		},
	}
}

// listLength returns the place behind the last element [B,L] that is there, [B,1] int64.
func listLength(b *graph.Builder, there *graph.Value) *graph.Value {
	l := there.Shape()[1].Size
	places := make([]float32, l) // ReduceMax takes no int64
	for i := range places {
		places[i] = float32(i + 1)
	}
	last := b.ReduceMax(b.Where(there, b.Const("", tensor.Of(places, l)), b.Float32(0)), []int64{1}, true)
	return b.Cast(last, tensor.Int64)
}
