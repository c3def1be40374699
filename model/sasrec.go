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
	sequenceBase

	settings SASRec
}

// NewSASRec binds the settings to a schema, which needs an item id and a sequence of it.
func NewSASRec(s schema.Schema, settings SASRec) (SequenceRetriever, error) {
	settings = settings.withDefaults()
	dropout := float32(0.2)
	if settings.Dropout != nil {
		dropout = *settings.Dropout
	}
	base, err := newSequenceBase(s, settings.Name, settings.Dim, settings.Deviation, dropout, settings.validate())
	if err != nil {
		return nil, err
	}
	return &sasrec{base, settings}, nil
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

func (s SASRec) validate() error {
	var errs []error
	if s.Blocks < 0 || s.Heads < 0 {
		errs = append(errs, fmt.Errorf("blocks %d and heads %d have to be positive", s.Blocks, s.Heads))
	}
	if s.Heads > 0 && s.Dim%s.Heads != 0 {
		errs = append(errs, fmt.Errorf("heads %d do not divide dim %d", s.Heads, s.Dim))
	}
	return errors.Join(errs...)
}

func (m *sasrec) States(b *graph.Builder, query Columns) *graph.Value {
	defer b.Scope(m.name)()
	ids, dim := m.ids(b, query), m.settings.Dim
	places := b.Param("place", graph.Dims(m.history.Length, dim), graph.Normal(m.settings.Deviation))
	x := b.Mul(m.table.Apply(b, ids), b.Float32(float32(math.Sqrt(float64(dim)))))
	x = m.drop(b, "embedding", b.Add(x, places))
	for i := range m.settings.Blocks {
		name := "block/" + strconv.Itoa(i)
		normed := layer.LayerNorm{Name: name + "/norm_attention"}.Apply(b, x)
		seen := layer.MultiHeadAttention{Name: name + "/attention", Heads: m.settings.Heads, Causal: true}.Apply(b, normed, normed, nil)
		x = b.Add(x, m.drop(b, name+"/attention", seen))
		feed := layer.MLP{Name: name + "/feed", Units: []int{dim, dim}}
		x = b.Add(x, m.drop(b, name+"/feed", feed.Apply(b, layer.LayerNorm{Name: name + "/norm_feed"}.Apply(b, x))))
	}
	return layer.LayerNorm{Name: "norm"}.Apply(b, x)
}

// Query is the state after the newest item, zero for an empty history.
func (m *sasrec) Query(b *graph.Builder, query Columns) *graph.Value {
	return m.newest(b, query, m.States(b, query))
}
