package model

import (
	"errors"
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// DIN are the settings of the deep interest network (Zhou et al. 2018): for each candidate the history is summed with
// weights that say how much its items have to do with the candidate, and an MLP stands upon that sum and the vectors of
// all other columns.
type DIN struct {
	// Name prefixes parameter paths; "" means "din".
	Name string `json:"name,omitempty"`
	// Dim is the width of every column's vector; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// Attention are the widths of the hidden layers that weigh an item of the history. None means 36.
	Attention []int `json:"attention,omitempty"`
	// MLP are the widths of the hidden layers. None means 128, 64.
	MLP []int `json:"mlp,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.01.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks; none means "like".
	Tasks []string `json:"-"`
}

type din struct {
	rankerBase

	rest          rankerBase // the same without the history
	item, history schema.Column
	settings      DIN
}

// NewDIN binds the settings to a schema, which needs an item id and a sequence of it.
func NewDIN(s schema.Schema, settings DIN) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	if len(settings.Attention) == 0 {
		settings.Attention = []int{36}
	}
	if len(settings.MLP) == 0 {
		settings.MLP = []int{128, 64}
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	item, history, err := itemSequence(s)
	base, err := newRankerBase(s, settings.Name, "din", settings.Tasks, err, positive(settings.Dim, settings.Deviation))
	if err != nil {
		return nil, err
	}
	m := &din{base, base, item, history, settings}
	m.rest.schema = slices.DeleteFunc(slices.Clone(s), func(c schema.Column) bool { return c.Name == history.Name })
	return m, nil
}

// itemSequence finds the item's key and the sequence of it.
func itemSequence(s schema.Schema) (item, sequence schema.Column, err error) {
	if item, err = key(s, schema.Item); err != nil {
		return item, sequence, err
	}
	at := slices.IndexFunc(s, func(c schema.Column) bool {
		return c.Has(schema.Sequence) && c.Length > 0 && c.Cardinality == item.Cardinality
	})
	if at < 0 {
		return item, sequence, fmt.Errorf("the schema has no sequence of %q; add a sequence of it to features", item.Name)
	}
	return item, s[at], nil
}

func (m *din) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	f := m.rest.vectors(b, query, candidates, "", m.settings.Dim, graph.Normal(m.settings.Deviation))
	ids, keys := query[m.history.Name], candidates[m.item.Name]
	if ids == nil || keys == nil {
		return []*graph.Value{b.Fail(errors.New("the history and the item's key have to be among the inputs"))}
	}
	// The table of the item's key, which vectors made.
	table := layer.Embedding{
		Name: m.item.Name, Rows: m.item.Cardinality, Dim: m.settings.Dim, Init: graph.Normal(m.settings.Deviation),
	}
	present := b.Not(b.Equal(ids, b.Int64(0)))
	f.items = append(f.items, layer.LocalActivation{Name: "attention", Units: m.settings.Attention}.Apply(
		b, table.Apply(b, ids), present, table.Apply(b, keys)))
	x := f.concat(b, candidateAxes(b, m.schema, candidates))
	return m.heads(b, layer.MLP{Name: "mlp", Units: m.settings.MLP, Last: layer.ReLU}.Apply(b, x))
}
