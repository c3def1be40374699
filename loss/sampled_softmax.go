package loss

import (
	"recsys/graph"
	"recsys/tensor"
)

// SampledSoftmax is the softmax cross-entropy over a sample of items that holds the positive, corrected for how the
// sample was drawn (Yi et al. 2019, equations 3 to 5; Bengio and Senécal 2008):
//
//	s(q, j) = <q, v_j> / T - log Q(j)
//	loss(q) = -s(q, pos) + log( e^s(q, pos) + Σ_{j in sample, id_j ≠ id_pos} e^s(q, j) )
//
// Q(j) is the expected share of j in the sample: without it, popular items are pushed down for being sampled often.
// Entries of the sample that are the row's positive again (accidental hits) are no negatives: together they count once.
type SampledSoftmax struct {
	// Temperature T divides the products; 0 means 1.
	Temperature float32 `json:"temperature,omitempty"`
	// Uncorrected leaves log Q out, for comparison.
	Uncorrected bool `json:"uncorrected,omitempty"`
}

// Sample is what SampledSoftmax reads. With in-batch negatives M is B and entry r is the positive of row r.
type Sample struct {
	Query      *graph.Value // [B,D] float32
	PositiveID *graph.Value // [B] int64; each has to be among ItemIDs
	Items      *graph.Value // [M,D] float32; entries of one id have one vector
	ItemIDs    *graph.Value // [M] int64
	LogQ       *graph.Value // [M] float32
}

// Apply returns the loss of every row, [B].
//
// Where the positive stands n times in the sample, its entries are lowered by log n: their exponentials then sum to a
// single one.
func (s SampledSoftmax) Apply(b *graph.Builder, in Sample) *graph.Value {
	query := in.Query
	if s.Temperature != 0 && s.Temperature != 1 {
		query = b.Mul(query, b.Float32(1/s.Temperature))
	}
	scores := b.MatMul(query, b.Transpose(in.Items, []int64{1, 0})) // [B,M]
	if !s.Uncorrected {
		scores = b.Sub(scores, in.LogQ)
	}
	equal := b.Equal(b.Unsqueeze(in.PositiveID, []int64{1}), b.Unsqueeze(in.ItemIDs, []int64{0}))
	hit := b.Cast(equal, tensor.Float32)
	count := b.ReduceSum(hit, []int64{-1}, true) // [B,1]
	scores = b.Sub(scores, b.Mul(hit, b.Log(count)))
	mean := b.Div(b.ReduceSum(b.Mul(hit, b.LogSoftmax(scores, -1)), []int64{-1}, true), count)
	return b.Squeeze(b.Neg(b.Add(mean, b.Log(count))), []int64{-1})
}
