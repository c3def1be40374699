package loss

import (
	"fmt"
	"math"

	"recsys/graph"
)

// BPR is Bayesian personalised ranking (Rendle et al. 2009, section 4.1, without the regulariser, which belongs to the
// parameters):
//
//	loss = mean over negatives j of -log σ(s_0 - s_j) = softplus(s_j - s_0)
type BPR struct{}

// Apply takes scores [B,K] whose column 0 is the positive and whose other columns, a fixed number, are negatives, and
// returns [B].
func (BPR) Apply(b *graph.Builder, scores *graph.Value) *graph.Value {
	if b.Err() == nil && (scores.Rank() != 2 || scores.Shape()[1].IsFixed() && scores.Shape()[1].Size < 2) {
		return b.Fail(fmt.Errorf("bpr of %s; scores have to be [B,K] with a positive and at least one negative", scores))
	}
	positive, negatives := b.SliceAxis(scores, 1, 0, 1), b.SliceAxis(scores, 1, 1, math.MaxInt64)
	return meanColumns(b, b.Softplus(b.Sub(negatives, positive)))
}
