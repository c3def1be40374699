package sampler

import (
	"fmt"
	"math"
	"math/rand/v2"

	"recsys/internal/portable"
)

// Popularity draws ids in proportion to a power of their counts (Mikolov et al. 2013 take 0.75), each in constant time
// by an alias table (Walker 1977, as built by Vose 1991).
type Popularity struct {
	first   int
	keep    []float64 // chance to keep a column's own id
	alias   []int32   // the id otherwise, both less first
	logProb []float32
}

// NewPopularity draws from the ids first to len(counts)-1, with counts indexed by id. An exponent alpha of 0 is
// uniform, 1 the counts themselves; above 0, an id of count 0 is never drawn.
func NewPopularity(first int, counts []int64, alpha float64) (*Popularity, error) {
	if err := checkRange(first, len(counts)); err != nil {
		return nil, err
	}
	if !(alpha >= 0) || math.IsInf(alpha, 1) {
		return nil, fmt.Errorf("popularity sampler: exponent %v has to be finite and not negative", alpha)
	}
	weights, sum := make([]float64, len(counts)-first), 0.0
	for i := range weights {
		c := counts[first+i]
		if c < 0 {
			return nil, fmt.Errorf("popularity sampler: the count of id %d is %d", first+i, c)
		}
		weights[i] = portable.Pow(float64(c), alpha)
		sum += weights[i]
	}
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil, fmt.Errorf("popularity sampler: the counts of ids %d to %d to the power %v sum to %v, which cannot be shared out",
			first, len(counts)-1, alpha, sum)
	}
	s := &Popularity{first: first, logProb: make([]float32, len(weights))}
	for i, w := range weights {
		s.logProb[i] = float32(portable.Log(w) - portable.Log(sum))
		weights[i] = float64(w/sum) * float64(len(weights))
	}
	s.build(weights)
	return s, nil
}

// build makes the alias table from weights of mean 1, which it changes.
func (s *Popularity) build(weights []float64) {
	n, heaviest := len(weights), 0
	s.keep, s.alias = make([]float64, n), make([]int32, n)
	small, large := make([]int, 0, n), make([]int, 0, n)
	for i, w := range weights {
		if s.logProb[i] > s.logProb[heaviest] {
			heaviest = i
		}
		if w < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
	}
	for len(small) > 0 && len(large) > 0 {
		i, j := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		s.keep[i], s.alias[i] = weights[i], int32(j)
		weights[j] = (weights[j] + weights[i]) - 1
		if weights[j] < 1 {
			large = large[:len(large)-1]
			small = append(small, j)
		}
	}
	// What is left over is 1 but for rounding; a weight of 0 that rounding left stays out.
	for _, i := range append(large, small...) {
		if s.keep[i], s.alias[i] = 1, int32(i); weights[i] == 0 {
			s.keep[i], s.alias[i] = 0, int32(heaviest)
		}
	}
}

// Sample implements [Sampler].
func (s *Popularity) Sample(src rand.Source, ids []int64) {
	r := portable.Over(src)
	for i := range ids {
		column := r.IntN(len(s.keep))
		if r.Float64() >= s.keep[column] {
			column = int(s.alias[column])
		}
		ids[i] = int64(s.first + column)
	}
}

// LogProb implements [Sampler].
func (s *Popularity) LogProb(id int64) float32 {
	i := id - int64(s.first)
	if i < 0 || i >= int64(len(s.logProb)) {
		return float32(math.Inf(-1))
	}
	return s.logProb[i]
}
