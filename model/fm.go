package model

import (
	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// FM are the settings of the factorisation machine (Rendle 2010): a weight per id and number, and the products of the
// vectors of every two columns.
type FM struct {
	// Name prefixes parameter paths; "" means "fm".
	Name string `json:"name,omitempty"`
	// Dim is the width of every column's vector; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.01.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks, which share the second order; none means "like".
	Tasks []string `json:"-"`
}

type fm struct {
	rankerBase

	settings FM
}

// NewFM binds the settings to a schema, which needs an item column and a second column to multiply it with.
func NewFM(s schema.Schema, settings FM) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	base, err := newRankerBase(s, settings.Name, "fm", settings.Tasks, positive(settings.Dim, settings.Deviation))
	if err != nil {
		return nil, err
	}
	return &fm{base, settings}, nil
}

func (m *fm) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	f := m.vectors(b, query, candidates, "", m.settings.Dim, graph.Normal(m.settings.Deviation))
	pairs := layer.FactorizationMachine{}.Apply(b, f.all()...) // [B,K,1]
	return m.split(b, b.Add(m.linear(b, query, candidates), pairs))
}
