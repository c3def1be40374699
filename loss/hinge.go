package loss

import "recsys/graph"

// Hinge wants the positive above each negative by a margin m (Herbrich, Graepel and Obermayer 2000, section 4):
//
//	loss = mean over negatives j of max(0, m - (s_0 - s_j))
type Hinge struct {
	// Margin is m; 0 means 1.
	Margin float32
}

// Apply takes scores [B,K] whose column 0 is the positive and whose other columns, a fixed number, are negatives, and
// returns [B].
func (h Hinge) Apply(b *graph.Builder, scores *graph.Value) *graph.Value {
	if h.Margin == 0 {
		h.Margin = 1
	}
	positive, negatives := split(b, "hinge", scores)
	return meanColumns(b, b.Relu(b.Add(b.Sub(negatives, positive), b.Float32(h.Margin))))
}
