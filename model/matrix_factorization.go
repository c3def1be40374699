package model

import (
	"fmt"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// MatrixFactorization are the settings of a factorisation of the user-item matrix into ids' vectors:
//
//	score(u, i) = <p_u, q_i> + b_i
//
// (Rendle et al. 2009, section 4.3.1; the item bias b is a further dimension, against which queries have 1).
type MatrixFactorization struct {
	// Name prefixes parameter paths; "" means "mf".
	Name string `json:"name,omitempty"`
	// Dim is the width of the vectors without the bias; 0 means 64.
	Dim int `json:"dim,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.05.
	Deviation float32 `json:"deviation,omitempty"`
}

type matrixFactorization struct {
	settings   MatrixFactorization
	schema     schema.Schema
	user, item schema.Column
}

// NewMatrixFactorization binds the settings to a schema, which needs a user id and an item id.
func NewMatrixFactorization(s schema.Schema, settings MatrixFactorization) (Retriever, error) {
	if settings.Name == "" {
		settings.Name = "mf"
	}
	if settings.Dim == 0 {
		settings.Dim = 64
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.05
	}
	user, err := key(s, schema.User)
	if err != nil {
		return nil, fmt.Errorf("model %q: %w", settings.Name, err)
	}
	item, err := key(s, schema.Item)
	if err != nil {
		return nil, fmt.Errorf("model %q: %w", settings.Name, err)
	}
	if settings.Dim < 0 || settings.Deviation < 0 {
		return nil, fmt.Errorf("model %q: dim %d and deviation %g have to be positive",
			settings.Name, settings.Dim, settings.Deviation)
	}
	return &matrixFactorization{settings: settings, schema: s, user: user, item: item}, nil
}

func (m *matrixFactorization) Name() string { return m.settings.Name }

func (m *matrixFactorization) Schema() schema.Schema { return m.schema }

func (m *matrixFactorization) table(c schema.Column) layer.Embedding {
	return layer.Embedding{
		Name: c.Name, Rows: c.Cardinality, Dim: m.settings.Dim, Init: graph.Normal(m.settings.Deviation),
	}
}

func (m *matrixFactorization) Query(b *graph.Builder, query Columns) *graph.Value {
	defer b.Scope(m.settings.Name)()
	ids := query[m.user.Name]
	return layer.Concat{}.Apply(b, m.table(m.user).Apply(b, ids), onesPerRow(b, ids))
}

func (m *matrixFactorization) Items(b *graph.Builder, items Columns) *graph.Value {
	defer b.Scope(m.settings.Name)()
	ids := items[m.item.Name]
	bias := layer.Embedding{Name: m.item.Name + "_bias", Rows: m.item.Cardinality, Dim: 1, Init: graph.Zero()}
	return layer.Concat{}.Apply(b, m.table(m.item).Apply(b, ids), bias.Apply(b, ids))
}
