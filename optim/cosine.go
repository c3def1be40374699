package optim

import (
	"errors"
	"fmt"
	"math"

	"recsys/internal/portable"
)

// Cosine falls from Peak, before the first step, to Final at step Total along half a cosine and stays there:
// Final + (Peak-Final)/2 · (1 + cos(π·step/Total)), Loshchilov and Hutter 2017 (SGDR, equation 5) without restarts.
type Cosine struct {
	Peak, Final float64
	Total       int64
}

// Validate reports settings out of range.
func (c Cosine) Validate() error {
	var total error
	if c.Total < 1 {
		total = fmt.Errorf("cosine rate: Total is %d; it has to be 1 or more", c.Total)
	}
	return errors.Join(total, inRange("cosine rate: Peak", c.Peak, 1e30), inRange("cosine rate: Final", c.Final, 1e30))
}

// Rate returns the rate of a step.
func (c Cosine) Rate(step int64) float64 {
	if step >= c.Total {
		return c.Final
	}
	share := float64(step) / float64(c.Total)
	return c.Final + float64((c.Peak-c.Final)/2*(1+portable.Cos(float64(math.Pi*share))))
}
