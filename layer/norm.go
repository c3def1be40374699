package layer

import "recsys/graph"

// L2Norm scales vectors to length 1.
type L2Norm struct{}

// Apply maps x [...,D] float32 to x / sqrt(sum(x²) + 1e-12) along the last axis; the zero vector stays zero.
func (L2Norm) Apply(b *graph.Builder, x *graph.Value) *graph.Value {
	square := b.ReduceSum(b.Mul(x, x), []int64{-1}, true)
	return b.Div(x, b.Sqrt(b.Add(square, b.Float32(1e-12))))
}
