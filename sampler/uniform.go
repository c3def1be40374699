package sampler

import (
	"math"
	"math/rand/v2"

	"recsys/internal/portable"
)

// Uniform draws every id alike.
type Uniform struct {
	first, n int
	logProb  float32
}

// NewUniform draws from the ids first to v-1: first leaves out padding, null and out-of-vocabulary ids.
func NewUniform(first, v int) (*Uniform, error) {
	if err := checkRange(first, v); err != nil {
		return nil, err
	}
	return &Uniform{first: first, n: v - first, logProb: float32(-portable.Log(float64(v - first)))}, nil
}

// Sample implements [Sampler].
func (s *Uniform) Sample(src rand.Source, ids []int64) {
	r := portable.Over(src)
	for i := range ids {
		ids[i] = int64(s.first + r.IntN(s.n))
	}
}

// LogProb implements [Sampler].
func (s *Uniform) LogProb(id int64) float32 {
	if id < int64(s.first) || id >= int64(s.first+s.n) {
		return float32(math.Inf(-1))
	}
	return s.logProb
}
