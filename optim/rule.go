package optim

import (
	"fmt"

	"recsys/graph/kernel"
	"recsys/tensor"
)

// Rule is how a gradient changes a parameter: [SGD], [Adagrad], [RowAdagrad], [Adam] or [FTRL].
type Rule interface {
	// Validate reports settings out of range.
	Validate() error
	// slots names the state that the rule keeps, one tensor of the parameter's shape or of its rows each, and its
	// initial value.
	slots() []slot
	// begin computes what is the same for all elements at a step, counted from 1.
	begin(step int64, rate float64) coefficients
	// update changes w by the gradient g of the same length, in whole rows; s holds the same elements or
	// rows of each slot.
	update(k *kernel.Set, c *coefficients, w, g []float32, s [maxSlots][]float32)
}

const maxSlots = 2

type slot struct {
	name    string
	initial float32
	perRow  bool // one element for each row of the parameter
}

// coefficients are the scalars of one step, rounded to single precision as PyTorch rounds them.
type coefficients struct {
	rate          float32 // of the step, negative
	keep, epsilon float32
	adam          kernel.AdamScalars
	ftrl          ftrlScalars
}

// inRange checks that v is in [0,high).
func inRange(name string, v, high float64) error {
	if !(v >= 0 && v < high) {
		return fmt.Errorf("%s is %v; it has to be in [0,%v)", name, v, high)
	}
	return nil
}

// shape returns the shape of the slot of parameter t.
func (s slot) shape(t *tensor.Tensor) []int {
	if s.perRow {
		return t.Shape()[:min(t.Rank(), 1)]
	}
	return t.Shape()
}

func elements(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
