package layer

import (
	"fmt"

	"recsys/graph"
	"recsys/tensor"
)

// SequenceEmbedding pools a history, oldest first, into means that forget at different speeds: for each rate r the mean
// of the vectors weighted by e^(-r·age), where the newest item has age 0. Rate 0 is the plain mean, a rate of 1 looks at
// the last few items, 10 at the last one alone. Id 0 is padding and takes no part, on either side.
type SequenceEmbedding struct {
	Embedding

	// Rates are not negative; none means a single 0.
	Rates []float32
}

// Apply pools ids int64 [...,L] and returns [...,R·D] float32, the means in the order of Rates: zero vectors for a list
// of padding only.
func (s SequenceEmbedding) Apply(b *graph.Builder, ids *graph.Value) *graph.Value {
	if b.Err() != nil {
		return b.Fail(nil)
	}
	length := graph.Fixed(0)
	if ids.Rank() >= 2 {
		length = ids.Shape()[ids.Rank()-1]
	}
	if !length.IsFixed() || length.Size == 0 {
		return b.Fail(fmt.Errorf("sequence embedding %q of %s; ids have to be [...,L] with a fixed L", s.Name, ids))
	}
	rates := s.Rates
	if len(rates) == 0 {
		rates = []float32{0}
	}
	present := b.Cast(b.Not(b.Equal(ids, b.Int64(0))), tensor.Float32)
	weights := make([]*graph.Value, len(rates))
	for i, rate := range rates {
		if !(rate >= 0) {
			return b.Fail(fmt.Errorf("sequence embedding %q has the rate %g; rates are not negative", s.Name, rate))
		}
		w := present
		if rate > 0 {
			w = b.Mul(present, b.Exp(b.Mul(age(b, present, length.Size), b.Float32(-rate))))
		}
		// The newest item weighs 1, so that a sum below 1 is that of an empty list.
		sum := b.Max(b.ReduceSum(w, []int64{-1}, true), b.Float32(1))
		weights[i] = b.Unsqueeze(b.Div(w, sum), []int64{-2})
	}
	joint := weights[0]
	if len(weights) > 1 {
		joint = b.Concat(-2, weights...) // [...,R,L]
	}
	means := b.MatMul(joint, s.Embedding.Apply(b, ids)) // [...,R,D]
	shape := make([]int64, ids.Rank())
	shape[len(shape)-1] = int64(len(rates) * s.Dim)
	return b.Reshape(means, b.Int64s(shape...))
}

// Newest returns for ids [...,L] int64, whose L has to be fixed, 1 at the place of the newest item, the last that is not
// the padding 0, and 0 at the others, float32: zeros for a list of padding only.
func Newest(b *graph.Builder, ids *graph.Value) *graph.Value {
	if b.Err() != nil {
		return b.Fail(nil)
	}
	length := ids.Shape()[ids.Rank()-1]
	if !length.IsFixed() {
		return b.Fail(fmt.Errorf("newest of %s; ids have to be [...,L] with a fixed L", ids))
	}
	present := b.Cast(b.Not(b.Equal(ids, b.Int64(0))), tensor.Float32)
	first := b.Cast(b.Equal(age(b, present, length.Size), b.Float32(0)), tensor.Float32)
	return b.Mul(present, first)
}

// age returns for each place of a list how many places it stands before the last one that is present; places behind
// that one, which are padding, have age 0.
func age(b *graph.Builder, present *graph.Value, length int) *graph.Value {
	places := make([]float32, length)
	for i := range places {
		places[i] = float32(i + 1)
	}
	place := b.Const("places", tensor.Of(places, length))
	last := b.ReduceMax(b.Mul(present, place), []int64{-1}, true)
	return b.Relu(b.Sub(last, place))
}
