package samplertest

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"recsys/sampler"
)

const draws = 200_000

// Check tests a sampler of ids below v: that equal sources give equal ids and different ones do not, that ids are those
// of positive probability, that probabilities sum to 1, and that draws follow them. It reports all faults.
func Check(s sampler.Sampler, v int) error {
	ids, again, other := make([]int64, draws), make([]int64, draws), make([]int64, draws)
	s.Sample(rand.NewPCG(1, 2), ids)
	src := rand.NewPCG(1, 2)
	s.Sample(src, again[:draws/2]) // in two calls: state may be in the source alone
	s.Sample(src, again[draws/2:])
	s.Sample(rand.NewPCG(3, 4), other)
	var errs []error
	if !slices.Equal(ids, again) {
		errs = append(errs, errors.New("the same source gives other ids the second time, or in two calls"))
	}
	probs, positive, sum := make([]float64, v), 0, 0.0
	for id := range probs {
		probs[id] = math.Exp(float64(s.LogProb(int64(id))))
		sum += probs[id]
		if probs[id] > 0 {
			positive++
		}
	}
	if positive > 1 && slices.Equal(ids, other) {
		errs = append(errs, errors.New("another source gives the same ids"))
	}
	if !(math.Abs(sum-1) <= 1e-4) { // float32 logarithms of up to 20 have errors of 1e-6
		errs = append(errs, fmt.Errorf("the probabilities of ids 0 to %d sum to %v, not 1", v-1, sum))
	}
	for _, id := range []int64{-1, int64(v)} {
		if p := s.LogProb(id); !math.IsInf(float64(p), -1) {
			errs = append(errs, fmt.Errorf("LogProb(%d) is %v, not -Inf, but ids are 0 to %d", id, p, v-1))
		}
	}
	return errors.Join(append(errs, follows(ids, probs))...)
}

// follows tests the frequencies of ids by chi-square. The bound is exceeded by a right sampler with probability below
// exp(-14) = 8.3e-7: a chi-square variable of df degrees of freedom exceeds df + 2*sqrt(df*x) + 2x with probability
// at most exp(-x) (Laurent, Massart 2000, lemma 1).
func follows(ids []int64, probs []float64) error {
	const x = 14
	counts := make([]float64, len(probs))
	for _, id := range ids {
		if id < 0 || id >= int64(len(probs)) || probs[id] == 0 {
			return fmt.Errorf("drew id %d, whose probability is 0", id)
		}
		counts[id]++
	}
	chi, df := 0.0, -1.0
	var expected, count float64
	for id, p := range probs {
		expected += p * float64(len(ids))
		count += counts[id]
		if expected >= 20 || id == len(probs)-1 && expected > 0 { // rare ids are counted together
			chi += (count - expected) * (count - expected) / expected
			df++
			expected, count = 0, 0
		}
	}
	if bound := df + 2*math.Sqrt(max(df, 0)*x) + 2*x; !(chi <= bound) {
		return fmt.Errorf("draws do not follow LogProb: chi-square %.1f at %v degrees of freedom, above %.1f", chi, df, bound)
	}
	return nil
}
