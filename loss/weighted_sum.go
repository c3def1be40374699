package loss

import "recsys/graph"

// WeightedSum reduces the losses of rows [B] by weights [B] to one float32 of rank 0: sum_r weights[r]·rows[r].
func WeightedSum(b *graph.Builder, rows, weights *graph.Value) *graph.Value {
	return b.ReduceSum(b.Mul(rows, weights), []int64{0}, false)
}

// meanColumns averages x [B,K] over its columns to [B].
func meanColumns(b *graph.Builder, x *graph.Value) *graph.Value {
	return b.ReduceMean(x, []int64{-1}, false)
}
