package model

import (
	"fmt"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// MMoE are the settings of the multi-gate mixture of experts (Ma et al. 2018): networks that all tasks share, mixed for
// each task by a gate of its own, and a tower per task upon its mixture.
type MMoE struct {
	// Name prefixes parameter paths; "" means "mmoe".
	Name string `json:"name,omitempty"`
	// Dim is the width of every column's vector; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// Experts is the number of shared networks; 0 means 4.
	Experts int `json:"experts,omitempty"`
	// Expert are the widths of an expert's layers. None means 128, 64.
	Expert []int `json:"expert,omitempty"`
	// Tower are the widths of the hidden layers of a task's tower; a unit follows. None means 32.
	Tower []int `json:"tower,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.01.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks; none means "like".
	Tasks []string `json:"-"`
}

type mmoe struct {
	rankerBase

	settings MMoE
}

// NewMMoE binds the settings to a schema, which needs an item column.
func NewMMoE(s schema.Schema, settings MMoE) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	if settings.Experts == 0 {
		settings.Experts = 4
	}
	if len(settings.Expert) == 0 {
		settings.Expert = []int{128, 64}
	}
	if len(settings.Tower) == 0 {
		settings.Tower = []int{32}
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	faults := []error{positive(settings.Dim, settings.Deviation)}
	if settings.Experts < 0 {
		faults = append(faults, fmt.Errorf("experts %d cannot be negative", settings.Experts))
	}
	base, err := newRankerBase(s, settings.Name, "mmoe", settings.Tasks, faults...)
	if err != nil {
		return nil, err
	}
	return &mmoe{base, settings}, nil
}

func (m *mmoe) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	f := m.vectors(b, query, candidates, "", m.settings.Dim, graph.Normal(m.settings.Deviation))
	x := f.concat(b, candidateAxes(b, m.schema, candidates))
	mixtures := layer.Experts{
		Name: "expert", Experts: m.settings.Experts, Units: m.settings.Expert, Gates: m.tasks,
	}.Apply(b, x)
	return m.towers(b, m.settings.Tower, mixtures)
}
