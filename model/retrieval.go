package model

import (
	"context"
	"fmt"
	"runtime"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// Retrieval is a trained retrieval model: the score of item i for a query is the product of the query's vector and row
// i of Items. With ItemItem, the query's vector is the scores themselves.
type Retrieval struct {
	// Name is the model's name.
	Name string
	// Query has inputs QueryInput(column) and the output QueryOutput [B,D]; its parameters have data. D is V with
	// ItemItem.
	Query *graph.Graph
	// Items [V,D] float32 is indexed by item index. Rows before First stand for no item and are zero.
	Items *tensor.Tensor
	First int
	// Tower computed Items: inputs ItemInput(column), output ItemsOutput [M,D]; its parameters have data. Nil where items have no
	// vectors, or such as their interactions give them.
	Tower *graph.Graph
	// ItemItem is nil for a model of vectors, and the model that Query computes where Items is nil.
	ItemItem *ItemItem
}

// Count is V, the number of item indices.
func (r *Retrieval) Count() int {
	if r.ItemItem != nil {
		return r.ItemItem.Items()
	}
	return r.Items.Dim(0)
}

// itemBlock is the number of items that the item tower runs over at once.
const itemBlock = 4096

// NewRetrieval computes every item's vector from the item columns items, [V] or [V,L] by name, with the parameters in
// state, and points the query graph at state. First is the smallest index that stands for an item. Nil kernels are
// kernel.Best().
func NewRetrieval(
	ctx context.Context, m Retriever, state, items tensor.Map, first int, kernels *kernel.Set,
) (*Retrieval, error) {
	query, err := QueryGraph(m)
	if err != nil {
		return nil, err
	}
	g, err := ItemGraph(m)
	if err != nil {
		return nil, err
	}
	for _, g := range []*graph.Graph{query, g} {
		if err := g.Load(state); err != nil {
			return nil, fmt.Errorf("model %q: %w", m.Name(), err)
		}
	}
	matrix, err := ItemMatrix(ctx, g, items, first, kernels)
	if err != nil {
		return nil, fmt.Errorf("model %q: item vectors: %w", m.Name(), err)
	}
	return &Retrieval{Name: m.Name(), Query: query, Items: matrix, First: first, Tower: g}, nil
}

// ItemMatrix runs an item graph, whose parameters have data, over the item columns items, [V] or [V,L] by name, and returns the item
// matrix [V,D] float32, with zeros before first. Nil kernels are kernel.Best().
func ItemMatrix(
	ctx context.Context, g *graph.Graph, items tensor.Map, first int, kernels *kernel.Set,
) (*tensor.Tensor, error) {
	plan, err := exec.Compile(g, exec.Options{Kernels: kernels, Threads: runtime.GOMAXPROCS(0), Frozen: true})
	if err != nil {
		return nil, err
	}
	out := g.Output(ItemsOutput).Shape()
	width := out[len(out)-1]
	v, err := itemRows(g, items)
	if err != nil {
		return nil, err
	}
	if len(out) != 2 || !width.IsFixed() || first < 0 || first > v {
		return nil, fmt.Errorf("output %s of %d items from %d on; it has to be [M,D]", out, v, first)
	}
	matrix := tensor.Zeros(tensor.Float32, v, width.Size)
	for from := first; from < v; from += itemBlock {
		to := min(from+itemBlock, v)
		in := tensor.Map{}
		for _, input := range g.Inputs {
			in[input.Name()] = items[input.Name()[len(ItemInput("")):]].Rows(from, to)
		}
		got, err := plan.Run(ctx, in)
		if err != nil {
			return nil, err
		}
		if err := tensor.Copy(matrix.Rows(from, to), got[ItemsOutput]); err != nil {
			return nil, err
		}
	}
	return matrix, nil
}

// itemRows checks that the table has the graph's columns, of one length, and returns it.
func itemRows(g *graph.Graph, items tensor.Map) (int, error) {
	rows := -1
	for _, input := range g.Inputs {
		column := input.Name()[len(ItemInput("")):]
		t, ok := items[column]
		if !ok {
			return 0, fmt.Errorf("item column %q has no data", column)
		}
		if t.Rank() == 0 || rows >= 0 && t.Dim(0) != rows {
			return 0, fmt.Errorf("item column %q is %s, others have %d rows", column, t, rows)
		}
		rows = t.Dim(0)
	}
	if rows < 0 {
		return 0, fmt.Errorf("graph %q reads no item column", g.Name)
	}
	return rows, nil
}
