package loss

import (
	"fmt"
	"math"

	"recsys/graph"
)

// split cuts scores [B,K] into those of the positive [B,1] and of the negatives [B,K-1]; name is the loss's.
func split(b *graph.Builder, name string, scores *graph.Value) (positive, negatives *graph.Value) {
	if b.Err() == nil && (scores.Rank() != 2 || scores.Shape()[1].IsFixed() && scores.Shape()[1].Size < 2) {
		b.Fail(fmt.Errorf("%s of %s; scores have to be [B,K] with a positive and at least one negative", name, scores))
	}
	return b.SliceAxis(scores, 1, 0, 1), b.SliceAxis(scores, 1, 1, math.MaxInt64)
}
