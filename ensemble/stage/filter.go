package stage

import (
	"fmt"

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

	b.Output(MaskedScores, b.Where(bitOf(b, blocked, candidates), lowest(b), scores))
	return build(FilterName, b)
}

// bitOf returns for item indices [B,M] their bits in a bitmap [B,W].
func bitOf(b *graph.Builder, bitmap, indices *graph.Value) *graph.Value {
	// Entry 8*byte+bit of the table is that bit of that byte.
	eight := b.Int64(8)
	place := b.Div(indices, eight)
	bytes := b.Cast(b.GatherElements(b.Cast(bitmap, tensor.Int32), place, 1), tensor.Int64)
	bit := b.Sub(indices, b.Mul(place, eight))
	table := b.Const("bits", tensor.Of(tensor.MustData[bool](bits()), 256*8))
	return b.Gather(table, b.Add(b.Mul(bytes, eight), bit), 0)
}
