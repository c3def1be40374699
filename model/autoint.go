package model

import (
	"fmt"
	"strconv"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// AutoInt are the settings of AutoInt (Song et al. 2019): columns' vectors attend to one another in layers, beside an MLP
// over the vectors (the paper's AutoInt+).
type AutoInt struct {
	// Name prefixes parameter paths; "" means "autoint".
	Name string `json:"name,omitempty"`
	// Dim is the width of every column's vector; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// Layers is the number of interacting layers; 0 means 2.
	Layers int `json:"layers,omitempty"`
	// Heads is the number of heads of a layer; 0 means 2.
	Heads int `json:"heads,omitempty"`
	// Width is that of a head; 0 means 16.
	Width int `json:"width,omitempty"`
	// MLP are the widths of the deep part's hidden layers. None means 128, 64.
	MLP []int `json:"mlp,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.01.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks; none means "like".
	Tasks []string `json:"-"`
}

type autoInt struct {
	rankerBase

	settings AutoInt
}

// NewAutoInt binds the settings to a schema, which needs an item column.
func NewAutoInt(s schema.Schema, settings AutoInt) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	if settings.Layers == 0 {
		settings.Layers = 2
	}
	if settings.Heads == 0 {
		settings.Heads = 2
	}
	if settings.Width == 0 {
		settings.Width = 16
	}
	if len(settings.MLP) == 0 {
		settings.MLP = []int{128, 64}
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	faults := []error{positive(settings.Dim, settings.Deviation)}
	if settings.Layers < 0 || settings.Heads < 0 || settings.Width < 0 {
		faults = append(faults, fmt.Errorf("layers %d, heads %d and width %d have to be positive", settings.Layers, settings.Heads, settings.Width))
	}
	base, err := newRankerBase(s, settings.Name, "autoint", settings.Tasks, faults...)
	if err != nil {
		return nil, err
	}
	return &autoInt{base, settings}, nil
}

func (m *autoInt) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	axes := candidateAxes(b, m.schema, candidates)
	f := m.vectors(b, query, candidates, "", m.settings.Dim, graph.Normal(m.settings.Deviation))
	shallow := m.split(b, m.linear(b, query, candidates))
	x := f.stack(b, axes, m.settings.Dim)
	for i := range m.settings.Layers {
		x = layer.Interacting{
			Name: "interacting/" + strconv.Itoa(i), Heads: m.settings.Heads, Width: m.settings.Width,
		}.Apply(b, x)
	}
	attended := flat(b, x, (len(f.users)+len(f.items))*m.settings.Heads*m.settings.Width)
	deep := layer.MLP{Name: "mlp", Units: m.settings.MLP, Last: layer.ReLU}.Apply(b, f.concat(b, axes))
	logits := m.heads(b, layer.Concat{}.Apply(b, attended, deep))
	for i := range logits {
		logits[i] = b.Add(shallow[i], logits[i])
	}
	return logits
}
