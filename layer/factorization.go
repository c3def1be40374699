package layer

import (
	"fmt"

	"recsys/graph"
)

// FactorizationMachine is the sum of the dot products of all pairs of vectors, the second-order term of a factorisation
// machine (Rendle 2010, equation 1 in the form of lemma 3.1): ½ Σ_d ((Σ_i v_i)² - Σ_i v_i²).
type FactorizationMachine struct{}

// Apply takes F >= 2 vectors [...,D], whose leading axes broadcast, and returns [...,1].
func (FactorizationMachine) Apply(b *graph.Builder, vectors ...*graph.Value) *graph.Value {
	if len(vectors) < 2 {
		return b.Fail(fmt.Errorf("factorisation machine of %d vectors; at least 2 are needed", len(vectors)))
	}
	sum := vectors[0]
	squares := b.Mul(sum, sum)
	for _, v := range vectors[1:] {
		sum, squares = b.Add(sum, v), b.Add(squares, b.Mul(v, v))
	}
	pairs := b.ReduceSum(b.Sub(b.Mul(sum, sum), squares), []int64{-1}, true)
	return b.Mul(pairs, b.Float32(0.5))
}
