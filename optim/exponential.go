package optim

import (
	"errors"
	"fmt"

	"recsys/internal/portable"
)

// Exponential multiplies the rate by Factor every Every steps: Peak · Factor^((step-1)/Every). It does so little by
// little, or with Staircase at once, which keeps the exponent whole (torch.optim.lr_scheduler.StepLR).
type Exponential struct {
	Peak, Factor float64
	Every        int64
	Staircase    bool
}

// Validate reports settings out of range.
func (e Exponential) Validate() error {
	var faults []error
	if !(e.Factor > 0 && e.Factor <= 1) {
		faults = append(faults, fmt.Errorf("exponential rate: Factor is %v; it has to be in (0,1]", e.Factor))
	}
	if e.Every < 1 {
		faults = append(faults, fmt.Errorf("exponential rate: Every is %d; it has to be 1 or more", e.Every))
	}
	return errors.Join(append(faults, inRange("exponential rate: Peak", e.Peak, 1e30))...)
}

// Rate returns the rate of a step.
func (e Exponential) Rate(step int64) float64 {
	if e.Staircase {
		return float64(e.Peak * power(e.Factor, (step-1)/e.Every))
	}
	return float64(e.Peak * portable.Pow(e.Factor, float64(step-1)/float64(e.Every)))
}
