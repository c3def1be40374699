package model

import (
	"fmt"
	"strconv"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// MaskNet are the settings of MaskNet (Wang, She and Zhang 2021): blocks that multiply features with a mask which the
// embeddings of the same example decide, beside one another over the embeddings or each upon the one before.
type MaskNet struct {
	// Name prefixes parameter paths; "" means "masknet".
	Name string `json:"name,omitempty"`
	// Dim is the width of every column's vector; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// Blocks is the number of mask blocks; 0 means 3.
	Blocks int `json:"blocks,omitempty"`
	// Width is that of a block's output, and Reduction how much wider than the embeddings the hidden layer of a mask is;
	// 0 means 64 and 2.
	Width     int     `json:"width,omitempty"`
	Reduction float32 `json:"reduction,omitempty"`
	// Serial puts each block upon the one before; otherwise they stand beside one another.
	Serial bool `json:"serial,omitempty"`
	// MLP are the widths of the hidden layers upon the blocks. None means 64.
	MLP []int `json:"mlp,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.01.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks; none means "like".
	Tasks []string `json:"-"`
}

type maskNet struct {
	rankerBase

	settings MaskNet
}

// NewMaskNet binds the settings to a schema, which needs an item column.
func NewMaskNet(s schema.Schema, settings MaskNet) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	if settings.Blocks == 0 {
		settings.Blocks = 3
	}
	if settings.Width == 0 {
		settings.Width = 64
	}
	if settings.Reduction == 0 {
		settings.Reduction = 2
	}
	if len(settings.MLP) == 0 {
		settings.MLP = []int{64}
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	faults := []error{positive(settings.Dim, settings.Deviation)}
	if settings.Blocks < 0 || settings.Width < 0 || !(settings.Reduction > 0) {
		faults = append(faults, fmt.Errorf("blocks %d, width %d and reduction %g have to be positive",
			settings.Blocks, settings.Width, settings.Reduction))
	}
	base, err := newRankerBase(s, settings.Name, "masknet", settings.Tasks, faults...)
	if err != nil {
		return nil, err
	}
	return &maskNet{base, settings}, nil
}

func (m *maskNet) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	axes := candidateAxes(b, m.schema, candidates)
	f := m.vectors(b, query, candidates, "", m.settings.Dim, graph.Normal(m.settings.Deviation))
	x := f.concat(b, axes)
	width := (len(f.users) + len(f.items)) * m.settings.Dim
	// Equation 5 normalises every column's vector, with a scale and a bias that all share here.
	normed := flat(b, layer.LayerNorm{Name: "norm"}.Apply(b, f.stack(b, axes, m.settings.Dim)), width)
	hidden := max(1, int(m.settings.Reduction*float32(width)))
	outs := make([]*graph.Value, m.settings.Blocks)
	for i := range outs {
		in := normed
		if m.settings.Serial && i > 0 {
			in = outs[i-1]
		}
		outs[i] = layer.MaskBlock{Name: "block/" + strconv.Itoa(i), Hidden: hidden, Units: m.settings.Width}.Apply(b, x, in)
	}
	if m.settings.Serial {
		outs = outs[len(outs)-1:]
	}
	return m.heads(b, layer.MLP{Name: "mlp", Units: m.settings.MLP, Last: layer.ReLU}.Apply(b, layer.Concat{}.Apply(b, outs...)))
}
