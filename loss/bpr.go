package loss

import "recsys/graph"

// BPR is Bayesian personalised ranking (Rendle et al. 2009, section 4.1, without the regulariser, which belongs to the
// parameters):
//
//	loss = mean over negatives j of -log σ(s_0 - s_j) = softplus(s_j - s_0)
type BPR struct{}

// Apply takes scores [B,K] whose column 0 is the positive and whose other columns, a fixed number, are negatives, and
// returns [B].
func (BPR) Apply(b *graph.Builder, scores *graph.Value) *graph.Value {
	positive, negatives := split(b, "bpr", scores)
	return meanColumns(b, b.Softplus(b.Sub(negatives, positive)))
}
