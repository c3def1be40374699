package loss

import "recsys/graph"

// TOP1 is the approximated relative rank of the positive, with a term that draws the negatives' scores to 0 (Hidasi et al.
// 2016, section 3.1.1):
//
//	loss = mean over negatives j of σ(s_j - s_0) + σ(s_j²)
type TOP1 struct{}

// Apply takes scores [B,K] whose column 0 is the positive and whose other columns, a fixed number, are negatives, and
// returns [B].
func (TOP1) Apply(b *graph.Builder, scores *graph.Value) *graph.Value {
	positive, negatives := split(b, "top1", scores)
	return meanColumns(b, b.Add(b.Sigmoid(b.Sub(negatives, positive)), b.Sigmoid(b.Mul(negatives, negatives))))
}
