package optim

import "fmt"

// Warmup multiplies the first Steps rates of another schedule by step/Steps: a rise from nearly nothing to the whole
// rate (Goyal et al. 2017, Accurate, Large Minibatch SGD, section 2.2, gradual warm-up, here from 0).
type Warmup struct {
	Steps int64
	Then  Schedule
}

// Validate reports settings out of range.
func (w Warmup) Validate() error {
	if w.Steps < 0 || w.Then == nil {
		return fmt.Errorf("warm-up of %d steps: Steps have to be 0 or more and Then has to be set", w.Steps)
	}
	return w.Then.Validate()
}

// Rate returns the rate of a step.
func (w Warmup) Rate(step int64) float64 {
	rate := w.Then.Rate(step)
	if step < w.Steps {
		rate *= float64(step) / float64(w.Steps)
	}
	return rate
}
