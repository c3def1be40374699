package model

import (
	"fmt"
	"slices"
	"strconv"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// PLE are the settings of progressive layered extraction (Tang et al. 2020) for several tasks: levels of experts, some of
// a task's own and some shared, mixed by gates, and a tower per task upon the last level. One level is the customized gate
// control of the same paper.
type PLE struct {
	// Name prefixes parameter paths; "" means "ple".
	Name string `json:"name,omitempty"`
	// Dim is the width of every column's vector; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// Levels is the number of levels; 0 means 2.
	Levels int `json:"levels,omitempty"`
	// Own is the number of each task's experts at a level, Shared that of the shared ones; 0 means 2 and 2.
	Own    int `json:"own,omitempty"`
	Shared int `json:"shared,omitempty"`
	// Expert are the widths of an expert's layers. None means 64.
	Expert []int `json:"expert,omitempty"`
	// Tower are the widths of the hidden layers of a task's tower; a unit follows. None means 32.
	Tower []int `json:"tower,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.01.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks; none means "like".
	Tasks []string `json:"-"`
}

type ple struct {
	rankerBase

	settings PLE
}

// NewPLE binds the settings to a schema, which needs an item column.
func NewPLE(s schema.Schema, settings PLE) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	if settings.Levels == 0 {
		settings.Levels = 2
	}
	if settings.Own == 0 {
		settings.Own = 2
	}
	if settings.Shared == 0 {
		settings.Shared = 2
	}
	if len(settings.Expert) == 0 {
		settings.Expert = []int{64}
	}
	if len(settings.Tower) == 0 {
		settings.Tower = []int{32}
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	faults := []error{positive(settings.Dim, settings.Deviation)}
	if settings.Levels < 0 || settings.Own < 0 || settings.Shared < 0 {
		faults = append(faults, fmt.Errorf("levels %d, own %d and shared %d have to be positive", settings.Levels, settings.Own, settings.Shared))
	}
	base, err := newRankerBase(s, settings.Name, "ple", settings.Tasks, faults...)
	if err != nil {
		return nil, err
	}
	return &ple{base, settings}, nil
}

func (m *ple) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	f := m.vectors(b, query, candidates, "", m.settings.Dim, graph.Normal(m.settings.Deviation))
	shared := f.concat(b, candidateAxes(b, m.schema, candidates))
	own := slices.Repeat([]*graph.Value{shared}, len(m.tasks))
	for i := range m.settings.Levels {
		own, shared = layer.Extraction{
			Name: "level/" + strconv.Itoa(i), Tasks: m.tasks, Own: m.settings.Own, Shared: m.settings.Shared, Units: m.settings.Expert,
			Last: i == m.settings.Levels-1,
		}.Apply(b, own, shared)
	}
	return m.towers(b, m.settings.Tower, own)
}
