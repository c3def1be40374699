package stage

import (
	"fmt"
	"math"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/tensor"
)

// Term is one part of the score that orders an answer: Weight times the tensor [B,K] of that name.
type Term struct {
	Tensor string
	Weight float32
}

// Ordering is the last stage: the N best candidates by one score.
type Ordering struct {
	// Keys are the raw item keys by item index: [V] int64 or string.
	Keys *tensor.Tensor
	// Blend are the terms whose sum orders; none orders by the masked scores of the retrieval.
	Blend []Term
	// Candidates is K, the size of the candidates' axis.
	Candidates int
	// Return is N; it is clamped to K.
	Return int
}

// Order makes a stage that returns the N candidates of the highest blended score, best first, ties to the earlier candidate. A
// candidate whose masked score is -inf has the score -inf; answers leave such slots out.
func Order(o Ordering) (ensemble.Stage, error) {
	if err := o.validate(); err != nil {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", OrderName, err)
	}
	b := graph.NewBuilder(OrderName)
	slots := graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(o.Candidates)}
	candidates := b.Input(Candidates, tensor.Int64, slots)
	masked := b.Input(MaskedScores, tensor.Float32, slots)
	top, at := b.TopK(o.blend(b, masked, slots), int64(min(o.Return, o.Candidates)), 1)
	indices := b.GatherElements(candidates, at, 1)
	b.Output(ItemIDs, b.Gather(b.Const("keys", o.Keys), indices, 0))
	b.Output(Scores, top)
	b.Output(ItemIndices, indices)
	return build(OrderName, b)
}

func (o Ordering) validate() error {
	if o.Keys == nil || o.Keys.Rank() != 1 || o.Keys.DType() != tensor.Int64 && o.Keys.DType() != tensor.String {
		return fmt.Errorf("item keys are %v: want [V] int64 or string", o.Keys)
	}
	if o.Candidates < 1 || o.Return < 1 {
		return fmt.Errorf("%d of %d candidates: want 1 or more", o.Return, o.Candidates)
	}
	seen := map[string]bool{}
	for _, t := range o.Blend {
		w := float64(t.Weight)
		if t.Tensor == "" || seen[t.Tensor] || t.Weight == 0 || math.IsNaN(w) || math.IsInf(w, 0) {
			return fmt.Errorf("blend of %g times %q: want each tensor once, with a finite weight other than 0", t.Weight, t.Tensor)
		}
		seen[t.Tensor] = true
	}
	return nil
}

// blend returns the score [B,K] to order by.
func (o Ordering) blend(b *graph.Builder, masked *graph.Value, slots graph.Shape) *graph.Value {
	if len(o.Blend) == 0 {
		return masked
	}
	// -inf stays out of the sum, where a negative weight would turn it over.
	gone := b.IsInf(masked)
	var sum *graph.Value
	for _, t := range o.Blend {
		var x *graph.Value
		if t.Tensor == MaskedScores {
			x = b.Where(gone, b.Float32(0), masked)
		} else {
			x = b.Input(t.Tensor, tensor.Float32, slots)
		}
		if t.Weight != 1 {
			x = b.Mul(x, b.Float32(t.Weight))
		}
		if sum == nil {
			sum = x
			continue
		}
		sum = b.Add(sum, x)
	}
	return b.Where(gone, b.Float32(float32(math.Inf(-1))), sum)
}
