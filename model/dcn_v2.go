package model

import (
	"fmt"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// DCNv2 are the settings of the deep and cross network, version 2 (Wang et al. 2021): layers that multiply features
// explicitly, and an MLP behind them or beside them.
type DCNv2 struct {
	// Name prefixes parameter paths; "" means "dcn_v2".
	Name string `json:"name,omitempty"`
	// Dim is the width of every column's vector; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// CrossLayers is the number of cross layers; 0 means 3.
	CrossLayers int `json:"cross_layers,omitempty"`
	// Rank makes the weights of the cross layers products of two narrow ones (section 3.4.1); 0 means full weights.
	Rank int `json:"rank,omitempty"`
	// MLP are the widths of the deep part's hidden layers. None means 128, 64.
	MLP []int `json:"mlp,omitempty"`
	// Parallel puts the MLP beside the cross layers; otherwise it is stacked upon them.
	Parallel bool `json:"parallel,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.01.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks; none means "like".
	Tasks []string `json:"-"`
}

type dcnV2 struct {
	rankerBase

	settings DCNv2
}

// NewDCNv2 binds the settings to a schema, which needs an item column.
func NewDCNv2(s schema.Schema, settings DCNv2) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	if settings.CrossLayers == 0 {
		settings.CrossLayers = 3
	}
	if len(settings.MLP) == 0 {
		settings.MLP = []int{128, 64}
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	faults := []error{positive(settings.Dim, settings.Deviation)}
	if settings.CrossLayers < 0 || settings.Rank < 0 {
		faults = append(faults, fmt.Errorf("cross_layers %d and rank %d cannot be negative", settings.CrossLayers, settings.Rank))
	}
	base, err := newRankerBase(s, settings.Name, "dcn_v2", settings.Tasks, faults...)
	if err != nil {
		return nil, err
	}
	return &dcnV2{base, settings}, nil
}

func (m *dcnV2) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	f := m.vectors(b, query, candidates, "", m.settings.Dim, graph.Normal(m.settings.Deviation))
	x := f.concat(b, candidateAxes(b, m.schema, candidates))
	crossed := layer.CrossNetwork{Name: "cross", Layers: m.settings.CrossLayers, Rank: m.settings.Rank}.Apply(b, x)
	mlp := layer.MLP{Name: "mlp", Units: m.settings.MLP, Last: layer.ReLU}
	if m.settings.Parallel {
		return m.heads(b, layer.Concat{}.Apply(b, crossed, mlp.Apply(b, x)))
	}
	return m.heads(b, mlp.Apply(b, crossed))
}
