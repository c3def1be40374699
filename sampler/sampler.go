package sampler

import (
	"fmt"
	"math/rand/v2"
)

// Sampler draws item ids independently, with replacement, from one distribution.
type Sampler interface {
	// Sample fills ids. What it draws depends on nothing but src.
	Sample(src rand.Source, ids []int64)
	// LogProb returns the natural logarithm of the probability that one draw is id; -Inf for ids that are never drawn.
	LogProb(id int64) float32
}

// checkRange requires ids from first up to v-1, one at least.
func checkRange(first, v int) error {
	if first < 0 || first >= v {
		return fmt.Errorf("sampler of ids %d to %d: there is none", first, v-1)
	}
	return nil
}
