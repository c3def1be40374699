package model

import (
	"errors"
	"fmt"

	"recsys/graph"
	"recsys/internal/portable"
	"recsys/schema"
	"recsys/tensor"
)

// PopularityName is the name of the popularity model.
const PopularityName = "popularity"

// Popularity ranks items by how often they occur, the same for every query: D is 1, queries are 1, and item i is
// log(1 + counts[i]). Counts are by item index and not negative; those before first are ignored. The schema needs a
// user or context column that tells the batch size; the user's key if there is one.
func Popularity(s schema.Schema, counts []int64, first int) (*Retrieval, error) {
	sizes := make([]float64, len(counts))
	for i, n := range counts {
		if n < 0 {
			return nil, fmt.Errorf("model %q: item index %d has the count %d", PopularityName, i, n)
		}
		sizes[i] = float64(n)
	}
	return constant(s, PopularityName, sizes, first)
}

// constant makes the model that scores item i with log(1 + counts[i]) for every query.
func constant(s schema.Schema, name string, counts []float64, first int) (*Retrieval, error) {
	column, err := key(s, schema.User)
	if err != nil {
		query := QueryColumns(s)
		if len(query) == 0 {
			return nil, fmt.Errorf("model %q: %w", name, errors.New("the schema has no user or context column"))
		}
		column = query[0]
	}
	if first < 0 || first > len(counts) {
		return nil, fmt.Errorf("model %q: first item %d of %d", name, first, len(counts))
	}
	b := graph.NewBuilder(name + "_query")
	x := b.Input(QueryInput(column.Name), InputType(column), InputShape(column, graph.Sym("B")))
	b.Output(QueryOutput, onesPerRow(b, x))
	g, err := b.Build()
	if err != nil {
		return nil, fmt.Errorf("model %q: %w", name, err)
	}
	items := tensor.Zeros(tensor.Float32, len(counts), 1)
	data := tensor.MustData[float32](items)
	for i := first; i < len(counts); i++ {
		data[i] = portable.Log1p32(float32(counts[i]))
	}
	return &Retrieval{Name: name, Query: g, Items: items, First: first}, nil
}

// onesPerRow returns [B,1] float32 of ones for x [B] or [B,L] of any type.
func onesPerRow(b *graph.Builder, x *graph.Value) *graph.Value {
	if b.Err() == nil && x.Rank() > 1 {
		x = b.Squeeze(b.SliceAxis(x, 1, 0, 1), []int64{1})
	}
	// The shape of x [B,1] alone matters, so that no value of x, NaN included, reaches the result.
	return b.Expand(b.Const("one", tensor.Of([]float32{1}, 1, 1)), b.ShapeOf(b.Unsqueeze(x, []int64{-1})))
}
