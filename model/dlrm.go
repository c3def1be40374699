package model

import (
	"errors"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// DLRM are the settings of the deep learning recommendation model (Naumov et al. 2019): a bottom MLP over the
// continuous columns, an embedding of one width per categorical column, the dot products of all pairs of these vectors,
// and a top MLP over the products and the bottom's output.
type DLRM struct {
	// Name prefixes parameter paths; "" means "dlrm".
	Name string `json:"name,omitempty"`
	// Dim is the width D of every embedding; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// Bottom are the widths of the bottom MLP's hidden layers; a layer of Dim units follows. None means 64. Unused
	// without continuous columns.
	Bottom []int `json:"bottom,omitempty"`
	// Top are the widths of the top MLP's hidden layers; a layer of one unit per task follows. None means 128, 64.
	Top []int `json:"top,omitempty"`
	// Deviation is the standard deviation of the initial embeddings; 0 means 0.01. Where ids are many and rows few,
	// smaller ones generalise better: a vector then says nothing until it has been seen.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks; none means "like".
	Tasks []string `json:"-"`
}

type dlrm struct {
	rankerBase

	settings DLRM
}

// NewDLRM binds the settings to a schema, which needs an item column and two vectors to multiply.
func NewDLRM(s schema.Schema, settings DLRM) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	if len(settings.Bottom) == 0 {
		settings.Bottom = []int{64}
	}
	if len(settings.Top) == 0 {
		settings.Top = []int{128, 64}
	}
	base, err := newRankerBase(s, settings.Name, "dlrm", settings.Tasks, positive(settings.Dim, settings.Deviation))
	if err != nil {
		return nil, err
	}
	return &dlrm{base, settings}, nil
}

func (m *dlrm) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	userVectors, userNumbers := m.encode(b, QueryColumns(m.schema), query)
	vectors, numbers := m.encode(b, CandidateColumns(m.schema), candidates)
	axes := candidateAxes(b, m.schema, candidates)
	repeat := func(x *graph.Value) *graph.Value { return b.Expand(b.Unsqueeze(x, []int64{1}), axes) } // [B,K,F]
	for _, x := range userVectors {
		vectors = append(vectors, repeat(x))
	}
	for _, x := range userNumbers {
		numbers = append(numbers, repeat(x))
	}
	var top []*graph.Value
	if len(numbers) > 0 {
		units := append(append([]int{}, m.settings.Bottom...), m.settings.Dim)
		x := layer.Concat{}.Apply(b, numbers...)
		bottom := layer.MLP{Name: "bottom", Units: units, Last: layer.ReLU}.Apply(b, x)
		vectors = append(vectors, bottom)
		top = append(top, bottom)
	}
	top = append(top, layer.DotInteraction{}.Apply(b, vectors...))
	x := layer.MLP{Name: "top", Units: m.settings.Top, Last: layer.ReLU}.Apply(b, layer.Concat{}.Apply(b, top...))
	return m.heads(b, x)
}

// encode returns the categorical columns as vectors [...,D] and the continuous ones as [...,1].
func (m *dlrm) encode(b *graph.Builder, s schema.Schema, values Columns) (vectors, numbers []*graph.Value) {
	for _, c := range s {
		if c.Has(schema.Continuous) {
			numbers = append(numbers, number(b, c, values[c.Name]))
			continue
		}
		e := layer.Embedding{
			Name: c.Name, Rows: c.Cardinality, Dim: m.settings.Dim, Init: graph.Normal(m.settings.Deviation),
		}
		vectors = append(vectors, embed(b, c, e, values[c.Name]))
	}
	return vectors, numbers
}

// candidateAxes returns the shape [B,K,1] of the candidates as a value, taken from the first scalar column.
func candidateAxes(b *graph.Builder, s schema.Schema, candidates Columns) *graph.Value {
	for _, c := range ItemColumns(s) {
		if v := candidates[c.Name]; v != nil && c.Length == 0 {
			return b.ShapeOf(b.Unsqueeze(v, []int64{-1}))
		}
	}
	return b.Fail(errors.New("no scalar item column is among the inputs"))
}
