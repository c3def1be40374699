package stage

import (
	"fmt"
	"math"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/tensor"
)

// Filter makes a stage that gives candidates whose bit is set in blocked the score -inf, and leaves the others as they are: whatever
// made the candidates, none that is blocked gets past. V is the number of item indices, K that of candidates.
func Filter(v, k int) (ensemble.Stage, error) {
	if v < 1 || k < 1 {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %d items and %d candidates: want 1 or more", FilterName, v, k)
	}
	b := graph.NewBuilder(FilterName)
	batch := graph.Sym(ensemble.BatchDim)
	slots := graph.Shape{batch, graph.Fixed(k)}
	candidates := b.Input(Candidates, tensor.Int64, slots)
	scores := b.Input(CandidateScores, tensor.Float32, slots)
	blocked := b.Input(Blocked, tensor.Uint8, graph.Shape{batch, graph.Fixed(BlockedBytes(v))})

	// Entry 8*byte+bit of the table is that bit of that byte.
	eight := b.Int64(8)
	place := b.Div(candidates, eight)
	bytes := b.Cast(b.GatherElements(b.Cast(blocked, tensor.Int32), place, 1), tensor.Int64)
	bit := b.Sub(candidates, b.Mul(place, eight))
	table, err := bits().Reshape(256 * 8)
	if err != nil {
		return ensemble.Stage{}, err
	}
	mask := b.Gather(b.Const("bits", table), b.Add(b.Mul(bytes, eight), bit), 0)
	b.Output(MaskedScores, b.Where(mask, b.Float32(float32(math.Inf(-1))), scores))
	return build(FilterName, b)
}
