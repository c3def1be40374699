package stage

import (
	"fmt"
	"math"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/tensor"
)

// Ordering is the last stage: the N best candidates by one score.
type Ordering struct {
	// Keys are the raw item keys by item index: [V] int64 or string.
	Keys *tensor.Tensor
	// Task is the tensor [B,K] to order by; empty orders by the masked scores of the retrieval.
	Task string
	// Candidates is K, the size of the candidates' axis.
	Candidates int
	// Return is N; it is clamped to K.
	Return int
}

// Order makes a stage that returns the N candidates of the highest score of the task, best first, ties to the earlier candidate. A
// candidate whose masked score is -inf has the score -inf; answers leave such slots out.
func Order(o Ordering) (ensemble.Stage, error) {
	if o.Keys == nil || o.Keys.Rank() != 1 || o.Keys.DType() != tensor.Int64 && o.Keys.DType() != tensor.String {
		return ensemble.Stage{}, fmt.Errorf("stage %q: item keys are %v: want [V] int64 or string", OrderName, o.Keys)
	}
	if o.Candidates < 1 || o.Return < 1 {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %d of %d candidates: want 1 or more", OrderName, o.Return, o.Candidates)
	}
	b := graph.NewBuilder(OrderName)
	slots := graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(o.Candidates)}
	candidates := b.Input(Candidates, tensor.Int64, slots)
	masked := b.Input(MaskedScores, tensor.Float32, slots)
	score := masked
	if o.Task != "" && o.Task != MaskedScores {
		score = b.Where(b.IsInf(masked), b.Float32(float32(math.Inf(-1))), b.Input(o.Task, tensor.Float32, slots))
	}
	top, at := b.TopK(score, int64(min(o.Return, o.Candidates)), 1)
	indices := b.GatherElements(candidates, at, 1)
	b.Output(ItemIDs, b.Gather(b.Const("keys", o.Keys), indices, 0))
	b.Output(Scores, top)
	b.Output(ItemIndices, indices)
	return build(OrderName, b)
}
