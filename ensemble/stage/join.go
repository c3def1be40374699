package stage

import (
	"fmt"
	"math"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/tensor"
)

// Keys makes a stage that joins a source which knows items by their raw keys: candidate_keys [B,K] become item indices, candidates [B,K], and
// found_scores [B,K] become candidate_scores, -inf for a key that is no item of the catalogue. keys [V] are the raw keys by item index; first is the lowest
// index of an item.
func Keys(keys *tensor.Tensor, first, k int) (ensemble.Stage, error) {
	if keys == nil || keys.Rank() != 1 || first < 0 || first >= keys.Len() || k < 1 {
		return ensemble.Stage{}, fmt.Errorf("stage %q: keys %v, first item %d, %d candidates: want [V] keys, an index among them, 1 or more candidates",
			KeysName, keys, first, k)
	}
	b := graph.NewBuilder(KeysName)
	slots := graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(k)}
	found := b.Input(CandidateKeys, keys.DType(), slots)
	scores := b.Input(FoundScores, tensor.Float32, slots)
	indices := make([]int64, keys.Len()-first)
	for i := range indices {
		indices[i] = int64(first + i)
	}
	index := b.LabelEncoder(found, keys.Rows(first, keys.Len()), tensor.Of(indices, len(indices)), tensor.Of([]int64{0}, 1))
	guard(b, index, scores, first, keys.Len())
	return build(KeysName, b)
}

// Guard makes a stage that joins a source which knows items by their index: found_candidates and found_scores [B,K] become candidates and candidate_scores. An
// index that is none of an item, which lookups would fail at, becomes first with the score -inf, as does a NaN.
func Guard(first, v, k int) (ensemble.Stage, error) {
	if first < 0 || first >= v || k < 1 {
		return ensemble.Stage{}, fmt.Errorf("stage %q: items %d to %d, %d candidates: want 1 or more of both", GuardName, first, v, k)
	}
	b := graph.NewBuilder(GuardName)
	slots := graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(k)}
	guard(b, b.Input(FoundCandidates, tensor.Int64, slots), b.Input(FoundScores, tensor.Float32, slots), first, v)
	return build(GuardName, b)
}

// guard puts out candidates and their scores; indices beyond [first,v) are no items.
func guard(b *graph.Builder, index, scores *graph.Value, first, v int) {
	known := b.And(b.GreaterOrEqual(index, b.Int64(int64(first))), b.Less(index, b.Int64(int64(v))))
	sound := b.And(known, b.Not(b.IsNaN(scores)))
	b.Output(Candidates, b.Where(known, index, b.Int64(int64(first))))
	b.Output(CandidateScores, b.Where(sound, scores, lowest(b)))
}

func lowest(b *graph.Builder) *graph.Value { return b.Float32(float32(math.Inf(-1))) }

// Mask makes a stage that applies further filters: filtered_scores [B,K] become masked_scores, -inf where one of the tensors of the names keep, [B,K] bool, is
// false.
func Mask(keep []string, k int) (ensemble.Stage, error) {
	if len(keep) == 0 || k < 1 {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %d filters of %d candidates: want 1 or more of both", MaskName, len(keep), k)
	}
	b := graph.NewBuilder(MaskName)
	slots := graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(k)}
	scores := b.Input(FilteredScores, tensor.Float32, slots)
	all := b.Input(keep[0], tensor.Bool, slots)
	for _, name := range keep[1:] {
		all = b.And(all, b.Input(name, tensor.Bool, slots))
	}
	b.Output(MaskedScores, b.Where(all, scores, lowest(b)))
	return build(MaskName, b)
}

// Pick makes a stage that ends an ensemble behind an ordering of another origin, which says by their places on the candidates' axis what is returned:
// positions [B,N] int64, best first, and order_scores [B,N]. keys [V] are the raw item keys by item index, k is K, n is N. A place that is
// none, and one whose masked score is -inf, have the score -inf: no ordering brings back what was filtered out.
func Pick(keys *tensor.Tensor, k, n int) (ensemble.Stage, error) {
	if err := (Ordering{Keys: keys, Candidates: k, Return: n}).validate(); err != nil {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", PickName, err)
	}
	b := graph.NewBuilder(PickName)
	batch := graph.Sym(ensemble.BatchDim)
	slots, returned := graph.Shape{batch, graph.Fixed(k)}, graph.Shape{batch, graph.Fixed(n)}
	candidates := b.Input(Candidates, tensor.Int64, slots)
	masked := b.Input(MaskedScores, tensor.Float32, slots)
	at := b.Input(Positions, tensor.Int64, returned)
	scores := b.Input(OrderScores, tensor.Float32, returned)
	inside := b.And(b.GreaterOrEqual(at, b.Int64(0)), b.Less(at, b.Int64(int64(k))))
	at = b.Where(inside, at, b.Int64(0))
	gone := b.Or(b.Not(inside), b.IsInf(b.GatherElements(masked, at, 1)))
	indices := b.GatherElements(candidates, at, 1)
	b.Output(ItemIDs, b.Gather(b.Const("keys", keys), indices, 0))
	b.Output(Scores, b.Where(gone, lowest(b), scores))
	b.Output(ItemIndices, indices)
	return build(PickName, b)
}
