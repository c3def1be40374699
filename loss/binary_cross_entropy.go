package loss

import "recsys/graph"

// BinaryCrossEntropy is the negative log-likelihood of labels under sigmoid(logit), computed from logits so that no
// logit overflows:
//
//	loss(z, y) = softplus(z) - y·z = -y·log σ(z) - (1-y)·log(1-σ(z))
//
// (Good 1952; the stable form is the usual one, softplus(z) = log(1+e^z) being max(z,0) + log(1+e^-|z|).)
type BinaryCrossEntropy struct{}

// Apply takes logits [B,K] and labels [B,K] in [0,1] and returns the mean over K of every row, [B].
func (BinaryCrossEntropy) Apply(b *graph.Builder, logits, labels *graph.Value) *graph.Value {
	return meanColumns(b, b.Sub(b.Softplus(logits), b.Mul(labels, logits)))
}
