package model

import (
	"errors"
	"fmt"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// TwoTower are the settings of two networks, one over the columns of the query and one over those of an item, whose
// vectors' product is the score (Covington et al. 2016 for the query with its pooled history; Yi et al. 2019).
type TwoTower struct {
	// Name prefixes parameter paths; "" means "two_tower".
	Name string `json:"name,omitempty"`
	// Dim is the width of the embeddings of ids and of the history; 0 means 64. Other categorical columns get
	// 1.6·V^0.56, at least 4 and at most Dim.
	Dim int `json:"dim,omitempty"`
	// Query and Candidate are the widths of the towers' layers; the last ones have to agree. None means 256, 64.
	Query     []int `json:"query,omitempty"`
	Candidate []int `json:"candidate,omitempty"`
	// Normalize scales both vectors to length 1, so that the score is their cosine. Then give the loss a temperature
	// near 0.05.
	Normalize bool `json:"normalize,omitempty"`
	// OwnHistory gives the history a table of its own. Otherwise a sequence with as many ids as the item's key shares
	// the key's table.
	OwnHistory bool `json:"own_history,omitempty"`
	// Recency are the rates at which means of the history forget (see layer.SequenceEmbedding); each adds Dim inputs to
	// the query tower. None means 0, 0.3, 2: all of it, the last few, the last one or two. A single 0 is the plain mean.
	Recency []float32 `json:"recency,omitempty"`
	// Deviation is the standard deviation of the initial embeddings; 0 means 0.05.
	Deviation float32 `json:"deviation,omitempty"`
}

type twoTower struct {
	settings TwoTower
	schema   schema.Schema
	item     schema.Column
}

// NewTwoTower binds the settings to a schema, which needs an item id and at least one user or context column.
func NewTwoTower(s schema.Schema, settings TwoTower) (Retriever, error) {
	settings = settings.withDefaults()
	item, err := key(s, schema.Item)
	if err := errors.Join(err, check(s), settings.validate(s)); err != nil {
		return nil, fmt.Errorf("model %q: %w", settings.Name, err)
	}
	return &twoTower{settings: settings, schema: s, item: item}, nil
}

func (t TwoTower) withDefaults() TwoTower {
	if t.Name == "" {
		t.Name = "two_tower"
	}
	if t.Dim == 0 {
		t.Dim = 64
	}
	if t.Deviation == 0 {
		t.Deviation = 0.05
	}
	if len(t.Recency) == 0 {
		t.Recency = []float32{0, 0.3, 2}
	}
	if len(t.Query) == 0 {
		t.Query = []int{256, 64}
	}
	if len(t.Candidate) == 0 {
		t.Candidate = []int{256, 64}
	}
	return t
}

func (t TwoTower) validate(s schema.Schema) error {
	var errs []error
	if t.Dim < 4 || t.Deviation < 0 {
		errs = append(errs, fmt.Errorf("dim %d has to be at least 4 and deviation %g positive", t.Dim, t.Deviation))
	}
	if q, c := t.Query[len(t.Query)-1], t.Candidate[len(t.Candidate)-1]; q != c {
		errs = append(errs, fmt.Errorf("query ends in %d units and candidate in %d; make them equal", q, c))
	}
	for _, rate := range t.Recency {
		if !(rate >= 0) {
			errs = append(errs, fmt.Errorf("recency %g has to be 0 or positive", rate))
		}
	}
	if len(QueryColumns(s)) == 0 {
		errs = append(errs, errors.New("the schema has no categorical or continuous user or context column"))
	}
	return errors.Join(errs...)
}

func (m *twoTower) Name() string { return m.settings.Name }

func (m *twoTower) Schema() schema.Schema { return m.schema }

func (m *twoTower) Query(b *graph.Builder, query Columns) *graph.Value {
	defer b.Scope(m.settings.Name)()
	return m.tower(b, "query", QueryColumns(m.schema), query, m.settings.Query)
}

func (m *twoTower) Items(b *graph.Builder, items Columns) *graph.Value {
	defer b.Scope(m.settings.Name)()
	return m.tower(b, "candidate", ItemColumns(m.schema), items, m.settings.Candidate)
}

func (m *twoTower) tower(b *graph.Builder, name string, s schema.Schema, values Columns, units []int) *graph.Value {
	features := make([]*graph.Value, len(s))
	for i, c := range s {
		switch {
		case c.Has(schema.Continuous):
			features[i] = number(b, c, values[c.Name])
		case c.Has(schema.Sequence):
			features[i] = history(b, c, layer.SequenceEmbedding{Embedding: m.table(c), Rates: m.settings.Recency}, values[c.Name])
		default:
			features[i] = embed(b, c, m.table(c), values[c.Name])
		}
	}
	x := layer.Concat{}.Apply(b, features...)
	x = layer.MLP{Name: name, Units: units}.Apply(b, x)
	if m.settings.Normalize {
		x = layer.L2Norm{}.Apply(b, x)
	}
	return x
}

func (m *twoTower) table(c schema.Column) layer.Embedding {
	e := layer.Embedding{Name: c.Name, Rows: c.Cardinality, Dim: m.settings.Dim, Init: graph.Normal(m.settings.Deviation)}
	switch {
	case c.Has(schema.Sequence) && c.Cardinality == m.item.Cardinality && !m.settings.OwnHistory:
		e.Name = m.item.Name
	case !c.Has(schema.Sequence) && !c.Has(schema.ID):
		e.Dim = suggestedDim(c.Cardinality, m.settings.Dim)
	}
	return e
}
