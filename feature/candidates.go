package feature

import (
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Candidates returns the graph of the encoded columns that carry the tag interaction, for k items of each request: inputs
// are the raw columns of requests, [B] or [B,L], and of items, [B,k] or [B,k,L], outputs are [B,k] or [B,k,L]. Its nodes
// are those of [FittedWorkflow.Graph], over all pairs of a request and an item as rows.
func (w *FittedWorkflow) Candidates(name string, k int) (*graph.Graph, error) {
	rows, err := w.Graph(name, schema.Interaction)
	if err != nil {
		return nil, err
	}
	if k < 1 {
		return nil, fmt.Errorf("graph %q: %d candidates; want 1 or more", name, k)
	}
	b := graph.NewBuilder(name)
	given := map[string]*graph.Value{}
	for _, c := range w.raw {
		if rows.Input(c.Name) != nil {
			given[c.Name] = pairs(b, c, int64(k))
		}
	}
	columns := b.Inline(rows, given)
	for _, c := range w.encoded.Select(schema.Interaction) {
		if b.Err() != nil {
			break
		}
		b.Output(c.Name, b.Reshape(columns[c.Name], constant(b, c, -1, int64(k))))
	}
	return b.Build()
}

// pairs declares a raw column and returns its values for every pair of a request and an item, [B·k] or [B·k,L].
func pairs(b *graph.Builder, c schema.Column, k int64) *graph.Value {
	shape := shapeOf(c)
	if EntityOf(c) == schema.Item {
		shape = slices.Insert(shape, 1, graph.Fixed(int(k)))
		return b.Reshape(b.Input(c.Name, c.DType.DType, shape), constant(b, c, -1))
	}
	x := b.Unsqueeze(b.Input(c.Name, c.DType.DType, shape), []int64{1})
	to := []int64{1, k}
	if c.Length > 0 {
		to = append(to, 1)
	}
	return b.Reshape(b.Expand(x, b.Const("", tensor.Of(to, len(to)))), constant(b, c, -1))
}

// constant is a shape, with the length of a list behind it.
func constant(b *graph.Builder, c schema.Column, dims ...int64) *graph.Value {
	if c.Length > 0 {
		dims = append(dims, int64(c.Length))
	}
	return b.Const("", tensor.Of(dims, len(dims)))
}
