package loss

import "recsys/graph"

// BPRMax weighs the negatives by the softmax of their scores, so that those which stand highest count most however many
// are drawn (Hidasi and Karatzoglou 2018, equations 7 and 10):
//
//	w = softmax(s_1 ... s_{K-1})
//	loss = -log Σ_j w_j σ(s_0 - s_j) + λ Σ_j w_j s_j²
type BPRMax struct {
	// Regularization is λ, which draws the scores of the highest negatives to 0; 0 means none.
	Regularization float32
}

// Apply takes scores [B,K] whose column 0 is the positive and whose other columns, a fixed number, are negatives, and
// returns [B].
func (l BPRMax) Apply(b *graph.Builder, scores *graph.Value) *graph.Value {
	positive, negatives := split(b, "bpr_max", scores)
	// log(w_j σ(s_0 - s_j)). The logarithm of the sum of exponentials is a_j - logsoftmax(a)_j for every j, and so for
	// their mean; no exponential of a score is taken.
	a := b.Sub(b.LogSoftmax(negatives, -1), b.Softplus(b.Sub(negatives, positive)))
	rows := meanColumns(b, b.Sub(b.LogSoftmax(a, -1), a))
	if l.Regularization == 0 {
		return rows
	}
	weighted := b.Mul(b.Softmax(negatives, -1), b.Mul(negatives, negatives))
	return b.Add(rows, b.Mul(b.ReduceSum(weighted, []int64{-1}, false), b.Float32(l.Regularization)))
}
