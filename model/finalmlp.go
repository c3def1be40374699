package model

import (
	"fmt"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// FinalMLP are the settings of FinalMLP (Mao et al. 2023): two MLPs over the vectors of all columns, each behind gates
// that look at one side alone, users or items, and a bilinear fusion of both.
type FinalMLP struct {
	// Name prefixes parameter paths; "" means "finalmlp".
	Name string `json:"name,omitempty"`
	// Dim is the width of every column's vector; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// Users and Items are the widths of the two MLPs' layers, the one behind the users' gate and the other. None means
	// 128, 64.
	Users []int `json:"users,omitempty"`
	Items []int `json:"items,omitempty"`
	// Gate is the width of a gate's hidden layer; 0 means 64, negative means no gates.
	Gate int `json:"gate,omitempty"`
	// Heads is the number of heads of the fusion and divides the last widths; 0 means 4.
	Heads int `json:"heads,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.01.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks, which share the MLPs; none means "like".
	Tasks []string `json:"-"`
}

type finalMLP struct {
	rankerBase

	settings FinalMLP
}

// NewFinalMLP binds the settings to a schema, which needs an item column.
func NewFinalMLP(s schema.Schema, settings FinalMLP) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	for _, units := range []*[]int{&settings.Users, &settings.Items} {
		if len(*units) == 0 {
			*units = []int{128, 64}
		}
	}
	if settings.Gate == 0 {
		settings.Gate = 64
	}
	if settings.Heads == 0 {
		settings.Heads = 4
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	faults := []error{positive(settings.Dim, settings.Deviation)}
	for _, units := range [][]int{settings.Users, settings.Items} {
		if last := units[len(units)-1]; settings.Heads < 0 || last%settings.Heads != 0 {
			faults = append(faults, fmt.Errorf("%d heads do not divide the last width %d", settings.Heads, last))
		}
	}
	base, err := newRankerBase(s, settings.Name, "finalmlp", settings.Tasks, faults...)
	if err != nil {
		return nil, err
	}
	return &finalMLP{base, settings}, nil
}

func (m *finalMLP) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	f := m.vectors(b, query, candidates, "", m.settings.Dim, graph.Normal(m.settings.Deviation))
	x := f.concat(b, candidateAxes(b, m.schema, candidates))
	width := (len(f.users) + len(f.items)) * m.settings.Dim
	stream := func(name string, side []*graph.Value, units []int) *graph.Value {
		y := x
		if m.settings.Gate > 0 && len(side) > 0 {
			// Equation 6: 2·sigmoid leaves what the gate is indifferent to as it is.
			gate := layer.MLP{Name: name + "/gate", Units: []int{m.settings.Gate, width}, Last: layer.Sigmoid}
			y = b.Mul(x, b.Mul(gate.Apply(b, layer.Concat{}.Apply(b, side...)), b.Float32(2)))
		}
		return layer.MLP{Name: name, Units: units, Last: layer.ReLU}.Apply(b, y)
	}
	users, items := stream("users", f.users, m.settings.Users), stream("items", f.items, m.settings.Items)
	logits := make([]*graph.Value, len(m.tasks))
	for i, task := range m.tasks {
		y := layer.Bilinear{Name: "task/" + task, Heads: m.settings.Heads}.Apply(b, users, items)
		logits[i] = b.Squeeze(y, []int64{-1})
	}
	return logits
}
