package model

import (
	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// DeepFM are the settings of DeepFM (Guo et al. 2017, equation 1): the logit is the sum of a factorisation machine's
// first and second order and of an MLP over the same vectors.
type DeepFM struct {
	// Name prefixes parameter paths; "" means "deepfm".
	Name string `json:"name,omitempty"`
	// Dim is the width of every column's vector; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// MLP are the widths of the deep part's hidden layers; a unit per task follows. None means 128, 64.
	MLP []int `json:"mlp,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.01.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks, which share the second order; none means "like".
	Tasks []string `json:"-"`
}

type deepFM struct {
	rankerBase

	settings DeepFM
}

// NewDeepFM binds the settings to a schema, which needs an item column and a second column to multiply it with.
func NewDeepFM(s schema.Schema, settings DeepFM) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	if len(settings.MLP) == 0 {
		settings.MLP = []int{128, 64}
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	base, err := newRankerBase(s, settings.Name, "deepfm", settings.Tasks, positive(settings.Dim, settings.Deviation))
	if err != nil {
		return nil, err
	}
	return &deepFM{base, settings}, nil
}

func (m *deepFM) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	f := m.vectors(b, query, candidates, "", m.settings.Dim, graph.Normal(m.settings.Deviation))
	pairs := layer.FactorizationMachine{}.Apply(b, f.all()...) // [B,K,1]
	shallow := m.split(b, b.Add(m.linear(b, query, candidates), pairs))
	x := f.concat(b, candidateAxes(b, m.schema, candidates))
	deep := m.heads(b, layer.MLP{Name: "mlp", Units: m.settings.MLP, Last: layer.ReLU}.Apply(b, x))
	for i := range deep {
		deep[i] = b.Add(shallow[i], deep[i])
	}
	return deep
}
