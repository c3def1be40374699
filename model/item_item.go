package model

import (
	"errors"
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// ItemItem is a trained retrieval model whose score of item j is the sum, over the items i of the user's history, of
// the weight w[i,j]: each item of the history counts once. It has either all the weights or the greatest ones of every
// item.
type ItemItem struct {
	Name string
	// Weights is [V,V] float32 by item index, w[i,j] in row i; nil where Neighbors is not.
	Weights *tensor.Tensor
	// Neighbors [V,N] int64 and Values [V,N] float32 are the items j and the weights w[i,j] of row i; entries that
	// stand for none have the value 0.
	Neighbors, Values *tensor.Tensor
	// First is the smallest index that stands for an item.
	First int
}

// Names of the constants of an item-item model's graph.
const (
	weightsName   = "weights"
	neighborsName = "neighbors"
	valuesName    = "values"
)

// Items is V.
func (m *ItemItem) Items() int {
	if m.Weights != nil {
		return m.Weights.Dim(0)
	}
	return m.Neighbors.Dim(0)
}

// Score sets scores [V] to those of a history of item indices, of any length and order. It is safe for concurrent use.
func (m *ItemItem) Score(scores []float32, history []int32) {
	clear(scores)
	v := m.Items()
	seen := make(map[int32]bool, len(history))
	for _, i := range history {
		if int(i) < m.First || int(i) >= v || seen[i] {
			continue
		}
		seen[i] = true
		if m.Weights != nil {
			for j, w := range tensor.MustData[float32](m.Weights)[int(i)*v : (int(i)+1)*v] {
				scores[j] += w
			}
			continue
		}
		n := m.Neighbors.Dim(1)
		values := tensor.MustData[float32](m.Values)[int(i)*n : (int(i)+1)*n]
		for k, j := range tensor.MustData[int64](m.Neighbors)[int(i)*n : (int(i)+1)*n] {
			scores[j] += values[k]
		}
	}
}

// Retrieval makes the graph that scores the history column of a schema, which has to hold items.
func (m *ItemItem) Retrieval(s schema.Schema) (*Retrieval, error) {
	v := m.Items()
	at := slices.IndexFunc(s, func(c schema.Column) bool { return c.Has(schema.Sequence) && c.Cardinality == v })
	if at < 0 {
		return nil, fmt.Errorf("model %q: %w", m.Name,
			errors.New("the schema has no sequence of items, which the scores are of; add a sequence of the item's key to features"))
	}
	b := graph.NewBuilder(m.Name + "_query")
	ids := b.Input(QueryInput(s[at].Name), tensor.Int64, InputShape(s[at], graph.Sym("B")))
	b.Output(QueryOutput, m.scores(b, ids, s[at].Length))
	g, err := build(b, "query graph", m.Name)
	if err != nil {
		return nil, err
	}
	return &Retrieval{Name: m.Name, Query: g, ItemItem: m, First: m.First}, nil
}

// scores returns [B,V] for histories [B,L].
func (m *ItemItem) scores(b *graph.Builder, ids *graph.Value, length int) *graph.Value {
	// An item counts where it stands first: no equal one stands before it.
	before := make([]bool, length*length)
	for i := range length {
		for j := range i {
			before[i*length+j] = true
		}
	}
	equal := b.Equal(b.Unsqueeze(ids, []int64{2}), b.Unsqueeze(ids, []int64{1})) // [B,L,L]
	again := b.Cast(b.And(equal, b.Const("before", tensor.Of(before, length, length))), tensor.Float32)
	once := b.Sub(b.Float32(1), b.ReduceMax(again, []int64{-1}, false)) // [B,L]
	if m.Weights != nil {
		rows := b.Gather(b.Const(weightsName, m.Weights), ids, 0) // [B,L,V]
		return b.Squeeze(b.MatMul(b.Unsqueeze(once, []int64{1}), rows), []int64{1})
	}
	flat := func(x *graph.Value) *graph.Value { return b.Reshape(x, b.Int64s(0, int64(length*m.Neighbors.Dim(1)))) }
	neighbors := flat(b.Gather(b.Const(neighborsName, m.Neighbors), ids, 0))
	values := flat(b.Mul(b.Gather(b.Const(valuesName, m.Values), ids, 0), b.Unsqueeze(once, []int64{-1})))
	perRow := b.Mul(b.Cast(b.SliceAxis(ids, 1, 0, 1), tensor.Float32), b.Float32(0)) // [B,1]
	none := b.Add(perRow, b.Const("none", tensor.Zeros(tensor.Float32, 1, m.Items())))
	return b.ScatterElements(none, neighbors, values, 1, "add")
}

// ReadItemItem finds the model in its query graph, nil where g is another model's.
func ReadItemItem(name string, g *graph.Graph, first int) *ItemItem {
	m := &ItemItem{Name: name, First: first}
	for _, n := range g.Nodes {
		for _, in := range n.Inputs {
			if in == nil || in.Kind() != graph.FromConst {
				continue
			}
			switch in.Name() {
			case weightsName:
				m.Weights = in.Data()
			case neighborsName:
				m.Neighbors = in.Data()
			case valuesName:
				m.Values = in.Data()
			}
		}
	}
	if m.Weights == nil && (m.Neighbors == nil || m.Values == nil) {
		return nil
	}
	return m
}
