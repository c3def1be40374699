package portable

import (
	"fmt"
	"math"
	"sort"
)

// Table draws indices from a discrete distribution by the inverse of its cumulative sums. It is safe for concurrent
// use: the state is in the Rand.
type Table struct{ cumulative []float64 }

// NewTable makes a table that draws i with probability weights[i] / sum of weights. Weights have to be finite and not
// negative, and their sum positive.
func NewTable(weights []float64) (*Table, error) {
	cumulative, sum := make([]float64, len(weights)), 0.0
	for i, w := range weights {
		if !(w >= 0) || math.IsInf(w, 1) {
			return nil, fmt.Errorf("weight %d is %v: weights have to be finite and not negative", i, w)
		}
		sum += w
		cumulative[i] = sum
	}
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil, fmt.Errorf("the %d weights sum to %v: the sum has to be positive and finite", len(weights), sum)
	}
	return &Table{cumulative: cumulative}, nil
}

// Zipf makes a table of n indices where i has weight (i+1)**-exponent. It panics unless n > 0 and exponent is finite.
func Zipf(n int, exponent float64) *Table {
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = Pow(float64(i+1), -exponent)
	}
	t, err := NewTable(weights)
	if err != nil {
		panic("portable: Zipf: " + err.Error())
	}
	return t
}

// Sample draws an index; it takes one number from r.
func (t *Table) Sample(r *Rand) int {
	last := t.cumulative[len(t.cumulative)-1]
	x := mul(r.Float64(), last)
	// The first index whose sum exceeds x: an index of weight 0 is never it. Rounding may make x equal to last.
	i := sort.Search(len(t.cumulative), func(i int) bool { return t.cumulative[i] > x })
	for i == len(t.cumulative) || (i > 0 && t.cumulative[i] == t.cumulative[i-1]) {
		i--
	}
	return i
}

// Prob returns the probability of index i.
func (t *Table) Prob(i int) float64 {
	p := t.cumulative[i]
	if i > 0 {
		p -= t.cumulative[i-1]
	}
	return p / t.cumulative[len(t.cumulative)-1]
}
