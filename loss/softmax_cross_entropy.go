package loss

import "recsys/graph"

// SoftmaxCrossEntropy is the negative log-likelihood of the target among all classes, computed from logits so that none
// overflows:
//
//	loss(z, y) = -log( e^z_y / Σ_j e^z_j )
type SoftmaxCrossEntropy struct{}

// Apply takes logits [N,C] and targets [N] int64 in [0,C) and returns [N].
func (SoftmaxCrossEntropy) Apply(b *graph.Builder, logits, targets *graph.Value) *graph.Value {
	picked := b.GatherElements(b.LogSoftmax(logits, -1), b.Unsqueeze(targets, []int64{1}), 1)
	return b.Neg(b.Squeeze(picked, []int64{1}))
}
