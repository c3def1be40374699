package model

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// SequenceRetriever is a retriever that knows a state after every place of a history, so that a history trains all of
// them at once.
type SequenceRetriever interface {
	Retriever
	// History is the name of the sequence column that it reads.
	History() string
	// States returns [B,L,D] float32: the query's vector as it is after each place of the history. States of places
	// behind the newest item mean nothing.
	States(b *graph.Builder, query Columns) *graph.Value
}

// SASRec are the settings of the self-attentive sequential recommender (Kang and McAuley 2018): a transformer over the
// items of the history, each of which sees those before it and none of the padding behind, predicts the next item by the product of its state and the
// item's embedding. Norms stand before the sublayers (as in the authors' code).
type SASRec struct {
	// Name prefixes parameter paths; "" means "sasrec".
	Name string `json:"name,omitempty"`
	// Dim is the width of embeddings and states; 0 means 64.
	Dim int `json:"dim,omitempty"`
	// Blocks is the number of transformer blocks; 0 means 2.
	Blocks int `json:"blocks,omitempty"`
	// Heads divide Dim; 0 means 1.
	Heads int `json:"heads,omitempty"`
	// Dropout is the share of elements that training drops, of embeddings and of what each sublayer adds; nil means 0.2.
	Dropout *float32 `json:"dropout,omitempty"`
	// Deviation is the standard deviation of the initial embeddings; 0 means 0.02.
	Deviation float32 `json:"deviation,omitempty"`
}

type sasrec struct {
	settings SASRec
	dropout  float32
	schema   schema.Schema
	item     schema.Column
	history  schema.Column
}

// NewSASRec binds the settings to a schema, which needs an item id and a sequence of it.
func NewSASRec(s schema.Schema, settings SASRec) (SequenceRetriever, error) {
	m := &sasrec{settings: settings.withDefaults(), dropout: 0.2, schema: s}
	if settings.Dropout != nil {
		m.dropout = *settings.Dropout
	}
	item, history, err := itemSequence(s)
	if err := errors.Join(err, check(s), m.settings.validate(m.dropout)); err != nil {
		return nil, fmt.Errorf("model %q: %w", m.settings.Name, err)
	}
	m.item, m.history = item, history
	return m, nil
}

func (s SASRec) withDefaults() SASRec {
	if s.Name == "" {
		s.Name = "sasrec"
	}
	if s.Dim == 0 {
		s.Dim = 64
	}
	if s.Blocks == 0 {
		s.Blocks = 2
	}
	if s.Heads == 0 {
		s.Heads = 1
	}
	if s.Deviation == 0 {
		s.Deviation = 0.02
	}
	return s
}

func (s SASRec) validate(dropout float32) error {
	var errs []error
	if s.Dim < 0 || s.Blocks < 0 || s.Heads < 0 || s.Deviation < 0 {
		errs = append(errs, fmt.Errorf("dim %d, blocks %d, heads %d and deviation %g have to be positive", s.Dim, s.Blocks, s.Heads, s.Deviation))
	}
	if s.Heads > 0 && s.Dim%s.Heads != 0 {
		errs = append(errs, fmt.Errorf("heads %d do not divide dim %d", s.Heads, s.Dim))
	}
	if !(dropout >= 0 && dropout < 1) {
		errs = append(errs, fmt.Errorf("dropout %g has to be in [0,1)", dropout))
	}
	return errors.Join(errs...)
}

func (m *sasrec) Name() string { return m.settings.Name }

func (m *sasrec) Schema() schema.Schema { return m.schema }

func (m *sasrec) History() string { return m.history.Name }

func (m *sasrec) table() layer.Embedding {
	return layer.Embedding{
		Name: m.item.Name, Rows: m.item.Cardinality, Dim: m.settings.Dim, Init: graph.Normal(m.settings.Deviation),
	}
}

func (m *sasrec) Items(b *graph.Builder, items Columns) *graph.Value {
	defer b.Scope(m.settings.Name)()
	return m.table().Apply(b, items[m.item.Name])
}

func (m *sasrec) States(b *graph.Builder, query Columns) *graph.Value {
	defer b.Scope(m.settings.Name)()
	ids := query[m.history.Name]
	if ids == nil {
		return b.Fail(fmt.Errorf("column %q is not among the inputs", m.history.Name))
	}
	drop := func(name string, x *graph.Value) *graph.Value {
		return layer.Dropout{Name: name + "/dropout", Rate: m.dropout}.Apply(b, x)
	}
	places := b.Param("place", graph.Dims(m.history.Length, m.settings.Dim), graph.Normal(m.settings.Deviation))
	x := b.Mul(m.table().Apply(b, ids), b.Float32(float32(math.Sqrt(float64(m.settings.Dim)))))
	x = drop("embedding", b.Add(x, places))
	for i := range m.settings.Blocks {
		name := "block/" + strconv.Itoa(i)
		normed := layer.LayerNorm{Name: name + "/norm_attention"}.Apply(b, x)
		seen := layer.MultiHeadAttention{Name: name + "/attention", Heads: m.settings.Heads, Causal: true}.Apply(b, normed, normed, nil)
		x = b.Add(x, drop(name+"/attention", seen))
		feed := layer.MLP{Name: name + "/feed", Units: []int{m.settings.Dim, m.settings.Dim}}
		x = b.Add(x, drop(name+"/feed", feed.Apply(b, layer.LayerNorm{Name: name + "/norm_feed"}.Apply(b, x))))
	}
	return layer.LayerNorm{Name: "norm"}.Apply(b, x)
}

// Query is the state after the newest item, zero for an empty history.
func (m *sasrec) Query(b *graph.Builder, query Columns) *graph.Value {
	states := m.States(b, query)
	if b.Err() != nil {
		return b.Fail(nil)
	}
	last := layer.Newest(b, query[m.history.Name]) // [B,L]
	return b.Squeeze(b.MatMul(b.Unsqueeze(last, []int64{1}), states), []int64{1})
}
