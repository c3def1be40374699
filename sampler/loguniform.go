package sampler

import (
	"math"
	"math/rand/v2"

	"recsys/internal/portable"
)

// LogUniform draws ids sorted by falling frequency as if that followed Zipf's law: the k-th id, k from 0, of n has
// probability log((k+2)/(k+1)) / log(n+1), as TensorFlow's log_uniform_candidate_sampler has it. It needs no counts.
type LogUniform struct {
	first, n int
	log      float64 // log(n+1)
}

// NewLogUniform draws from the ids first to v-1, of which the lower ones are the more frequent.
func NewLogUniform(first, v int) (*LogUniform, error) {
	if err := checkRange(first, v); err != nil {
		return nil, err
	}
	return &LogUniform{first: first, n: v - first, log: portable.Log(float64(v - first + 1))}, nil
}

// Sample implements [Sampler].
func (s *LogUniform) Sample(src rand.Source, ids []int64) {
	r := portable.Over(src)
	for i := range ids {
		// k+1 <= (n+1)**u < k+2 has the probability above. Rounding may reach n+1.
		k := int(math.Floor(portable.Exp(float64(r.Float64()*s.log)))) - 1
		ids[i] = int64(s.first + min(k, s.n-1))
	}
}

// LogProb implements [Sampler].
func (s *LogUniform) LogProb(id int64) float32 {
	k := id - int64(s.first)
	if k < 0 || k >= int64(s.n) {
		return float32(math.Inf(-1))
	}
	return float32(portable.Log(portable.Log1p(1/float64(k+1)) / s.log))
}
