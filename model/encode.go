package model

import (
	"fmt"
	"math"

	"recsys/graph"
	"recsys/internal/portable"
	"recsys/layer"
	"recsys/schema"
)

// suggestedDim is the width of the embedding of v ids: 1.6·v^0.56 (the rule of NVIDIA Merlin's embedding_sizes), at
// least 4 and at most most.
func suggestedDim(v, most int) int {
	dim := int(math.Floor(float64(1.6*portable.Pow(float64(v), 0.56)) + 0.5))
	return min(max(dim, 4), most)
}

// embed looks up a categorical column: [...] -> [...,D], a list column [...,L] as the mean of its ids.
func embed(b *graph.Builder, c schema.Column, e layer.Embedding, ids *graph.Value) *graph.Value {
	if ids == nil {
		return b.Fail(fmt.Errorf("column %q is not among the inputs", c.Name))
	}
	if c.Length > 0 {
		return layer.ListEmbedding{Embedding: e}.Apply(b, ids)
	}
	return e.Apply(b, ids)
}

// history pools a sequence column [B,L].
func history(b *graph.Builder, c schema.Column, e layer.SequenceEmbedding, ids *graph.Value) *graph.Value {
	if ids == nil {
		return b.Fail(fmt.Errorf("column %q is not among the inputs", c.Name))
	}
	return e.Apply(b, ids)
}

// number gives a continuous column a last axis: [...] -> [...,1]; a list column [...,L] has one.
func number(b *graph.Builder, c schema.Column, x *graph.Value) *graph.Value {
	if x == nil {
		return b.Fail(fmt.Errorf("column %q is not among the inputs", c.Name))
	}
	if c.Length > 0 {
		return x
	}
	return b.Unsqueeze(x, []int64{-1})
}
