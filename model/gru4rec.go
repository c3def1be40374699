package model

import (
	"fmt"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// GRU4Rec are the settings of the recurrent recommender (Hidasi et al. 2016): a gated recurrent unit over the items of the
// history; its state, through a linear layer, predicts the next item by the product with the item's embedding.
type GRU4Rec struct {
	// Name prefixes parameter paths; "" means "gru4rec".
	Name string `json:"name,omitempty"`
	// Dim is the width of embeddings; 0 means 64.
	Dim int `json:"dim,omitempty"`
	// Hidden is the width of the unit's state; 0 means 128.
	Hidden int `json:"hidden,omitempty"`
	// Dropout is the share of elements of embeddings and states that training drops; nil means 0.2.
	Dropout *float32 `json:"dropout,omitempty"`
	// Deviation is the standard deviation of the initial embeddings; 0 means 0.02.
	Deviation float32 `json:"deviation,omitempty"`
}

type gru4rec struct {
	sequenceBase

	hidden int
}

// NewGRU4Rec binds the settings to a schema, which needs an item id and a sequence of it.
func NewGRU4Rec(s schema.Schema, settings GRU4Rec) (SequenceRetriever, error) {
	if settings.Name == "" {
		settings.Name = "gru4rec"
	}
	if settings.Dim == 0 {
		settings.Dim = 64
	}
	if settings.Hidden == 0 {
		settings.Hidden = 128
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.02
	}
	dropout := float32(0.2)
	if settings.Dropout != nil {
		dropout = *settings.Dropout
	}
	var fault error
	if settings.Hidden < 0 {
		fault = fmt.Errorf("hidden %d has to be positive", settings.Hidden)
	}
	base, err := newSequenceBase(s, settings.Name, settings.Dim, settings.Deviation, dropout, fault)
	if err != nil {
		return nil, err
	}
	return &gru4rec{base, settings.Hidden}, nil
}

func (m *gru4rec) States(b *graph.Builder, query Columns) *graph.Value {
	defer b.Scope(m.name)()
	x := m.drop(b, "embedding", m.table.Apply(b, m.ids(b, query)))
	states := layer.GRU{Name: "unit", Units: m.hidden}.Apply(b, x)
	return layer.Dense{Name: "out", Units: m.table.Dim, Activation: layer.Linear}.Apply(b, m.drop(b, "unit", states))
}

// Query is the state after the newest item, zero for an empty history.
func (m *gru4rec) Query(b *graph.Builder, query Columns) *graph.Value {
	return m.newest(b, query, m.States(b, query))
}
