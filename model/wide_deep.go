package model

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// WideDeep are the settings of wide and deep learning (Cheng et al. 2016): a weight per id and number of the wide columns,
// such as hashed crosses, plus an MLP over the vectors of the deep ones.
type WideDeep struct {
	// Name prefixes parameter paths; "" means "wide_deep".
	Name string `json:"name,omitempty"`
	// Dim is the width of every deep column's vector; 0 means 16.
	Dim int `json:"dim,omitempty"`
	// Wide names the columns of the wide part, which then are not in the deep one. None means that all are in both.
	Wide []string `json:"wide,omitempty"`
	// MLP are the widths of the deep part's hidden layers. None means 128, 64.
	MLP []int `json:"mlp,omitempty"`
	// Deviation is the standard deviation of the initial vectors; 0 means 0.01.
	Deviation float32 `json:"deviation,omitempty"`
	// Tasks names the binary tasks; none means "like".
	Tasks []string `json:"-"`
}

type wideDeep struct {
	rankerBase

	wide, deep rankerBase // the same with the columns of a part
	settings   WideDeep
}

// NewWideDeep binds the settings to a schema, which needs an item column among the deep and among the wide ones.
func NewWideDeep(s schema.Schema, settings WideDeep) (Ranker, error) {
	if settings.Dim == 0 {
		settings.Dim = 16
	}
	if len(settings.MLP) == 0 {
		settings.MLP = []int{128, 64}
	}
	if settings.Deviation == 0 {
		settings.Deviation = 0.01
	}
	base, err := newRankerBase(s, settings.Name, "wide_deep", settings.Tasks, positive(settings.Dim, settings.Deviation))
	if err != nil {
		return nil, err
	}
	m := &wideDeep{base, base, base, settings}
	if len(settings.Wide) == 0 {
		return m, nil
	}
	columns := append(QueryColumns(s), ItemColumns(s)...)
	m.wide.schema, m.deep.schema = nil, nil
	for _, c := range columns {
		part := &m.deep
		if slices.Contains(settings.Wide, c.Name) {
			part = &m.wide
		}
		part.schema = append(part.schema, c)
	}
	var faults []error
	for _, name := range settings.Wide {
		if _, ok := columns.Column(name); !ok {
			faults = append(faults, fmt.Errorf("wide: there is no column %q for a ranker; there are %s", name, strings.Join(columns.Names(), ", ")))
		}
	}
	if len(ItemColumns(m.wide.schema)) == 0 {
		faults = append(faults, errors.New("wide: the wide part has no item column"))
	}
	if len(ItemColumns(m.deep.schema)) == 0 {
		faults = append(faults, errors.New("wide: no item column is left for the deep part"))
	}
	if err := errors.Join(faults...); err != nil {
		return nil, fmt.Errorf("model %q: %w", m.name, err)
	}
	return m, nil
}

func (m *wideDeep) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	f := m.deep.vectors(b, query, candidates, "", m.settings.Dim, graph.Normal(m.settings.Deviation))
	x := f.concat(b, candidateAxes(b, m.schema, candidates))
	wide := m.split(b, m.wide.linear(b, query, candidates))
	deep := m.heads(b, layer.MLP{Name: "mlp", Units: m.settings.MLP, Last: layer.ReLU}.Apply(b, x))
	for i := range deep {
		deep[i] = b.Add(wide[i], deep[i])
	}
	return deep
}
