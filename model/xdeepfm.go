package model

import (
	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// XDeepFM are the settings of xDeepFM (Lian et al. 2018): the first order, products of columns' vectors by a compressed
// interaction network, and an MLP over the vectors.
type XDeepFM struct {
	// Name prefixes parameter paths; "" means "xdeepfm".
	Name string `json:"name,omitempty"`
	// Dim is the width of every column's vector; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// Maps are the numbers of feature maps of the interaction's layers. None means 32, 32.
	Maps []int `json:"maps,omitempty"`
	// MLP are the widths of the deep part's hidden layers. None means 128, 64.
	MLP []int `json:"mlp,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.01.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks; none means "like".
	Tasks []string `json:"-"`
}

type xDeepFM struct {
	rankerBase

	settings XDeepFM
}

// NewXDeepFM binds the settings to a schema, which needs an item column.
func NewXDeepFM(s schema.Schema, settings XDeepFM) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	if len(settings.Maps) == 0 {
		settings.Maps = []int{32, 32}
	}
	if len(settings.MLP) == 0 {
		settings.MLP = []int{128, 64}
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	base, err := newRankerBase(s, settings.Name, "xdeepfm", settings.Tasks, positive(settings.Dim, settings.Deviation))
	if err != nil {
		return nil, err
	}
	return &xDeepFM{base, settings}, nil
}

func (m *xDeepFM) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	axes := candidateAxes(b, m.schema, candidates)
	f := m.vectors(b, query, candidates, "", m.settings.Dim, graph.Normal(m.settings.Deviation))
	shallow := m.split(b, m.linear(b, query, candidates))
	products := layer.CompressedInteraction{Name: "interaction", Maps: m.settings.Maps}.Apply(b, f.stack(b, axes, m.settings.Dim))
	deep := layer.MLP{Name: "mlp", Units: m.settings.MLP, Last: layer.ReLU}.Apply(b, f.concat(b, axes))
	logits := m.heads(b, layer.Concat{}.Apply(b, products, deep))
	for i := range logits {
		logits[i] = b.Add(shallow[i], logits[i])
	}
	return logits
}
