package optim

import "fmt"

// Schedule gives the learning rate of each step, counted from 1.
type Schedule interface {
	// Validate reports settings out of range.
	Validate() error
	// Rate returns the learning rate of a step.
	Rate(step int64) float64
}

// Constant is one learning rate for all steps.
type Constant float64

// Validate reports a rate that is negative or not finite.
func (c Constant) Validate() error { return inRange("constant rate", float64(c), 1e30) }

// Rate returns c.
func (c Constant) Rate(int64) float64 { return float64(c) }

// Linear rises from 0 to Peak over the first Warmup steps, then falls to Final at step Total and stays there. A Total
// of 0 means no fall.
type Linear struct {
	Peak, Final   float64
	Warmup, Total int64
}

// Validate reports settings out of range.
func (l Linear) Validate() error {
	if l.Warmup < 0 || l.Total != 0 && l.Total < l.Warmup {
		return fmt.Errorf("linear rate: Warmup is %d and Total %d; 0 <= Warmup <= Total has to hold", l.Warmup, l.Total)
	}
	if err := inRange("linear rate: Peak", l.Peak, 1e30); err != nil {
		return err
	}
	return inRange("linear rate: Final", l.Final, 1e30)
}

// Rate returns the rate of a step.
func (l Linear) Rate(step int64) float64 {
	switch {
	case step < l.Warmup:
		return l.Peak * float64(step) / float64(l.Warmup)
	case l.Total == 0:
		return l.Peak
	case step >= l.Total:
		return l.Final
	}
	left := float64(l.Total-step) / float64(l.Total-l.Warmup)
	return l.Final + float64((l.Peak-l.Final)*left)
}
