package layer

import (
	"fmt"

	"recsys/graph"
	"recsys/tensor"
)

// Embedding is a table of learned vectors that are looked up by id.
type Embedding struct {
	// Name makes the parameter path "embedding/NAME". Embeddings of one name in one scope share the table.
	Name string
	// Rows is the number of ids V, Dim the width D of a vector.
	Rows, Dim int
	// Init fills the table; nil means Normal(0.05).
	Init graph.Initializer
}

// Apply looks up ids int64 [...] in [0,Rows) and returns [...,D] float32. An id outside the range fails the run.
func (e Embedding) Apply(b *graph.Builder, ids *graph.Value) *graph.Value {
	return b.Gather(e.Table(b), ids, 0)
}

// Table returns the table [V,D].
func (e Embedding) Table(b *graph.Builder) *graph.Value {
	if e.Rows <= 0 || e.Dim <= 0 {
		return b.Fail(fmt.Errorf("embedding %q has %d rows of width %d; both have to be positive", e.Name, e.Rows, e.Dim))
	}
	init := e.Init
	if init == nil {
		init = graph.Normal(0.05)
	}
	return b.Param("embedding/"+e.Name, graph.Dims(e.Rows, e.Dim), init)
}

// ListEmbedding is the mean of the vectors of a padded list of ids. Id 0 is padding and takes no part.
type ListEmbedding struct{ Embedding }

// Apply pools ids int64 [...,L] and returns [...,D] float32: the zero vector for a list of padding only.
func (e ListEmbedding) Apply(b *graph.Builder, ids *graph.Value) *graph.Value {
	if b.Err() == nil && ids.Rank() < 2 {
		return b.Fail(fmt.Errorf("list embedding %q of %s; ids have to be [...,L]", e.Name, ids))
	}
	rows := e.Embedding.Apply(b, ids)
	present := b.Cast(b.Not(b.Equal(ids, b.Int64(0))), tensor.Float32)
	count := b.Max(b.ReduceSum(present, []int64{-1}, true), b.Float32(1))
	weights := b.Unsqueeze(b.Div(present, count), []int64{-2}) // [...,1,L]
	return b.Squeeze(b.MatMul(weights, rows), []int64{-2})
}
