package layer

import (
	"fmt"

	"recsys/graph"
)

// Dropout sets each element to 0 with probability Rate while a graph is trained, and divides the others by 1-Rate
// (Srivastava et al. 2014, in the form that leaves inference alone). Graphs that are not trained do not have it.
type Dropout struct {
	// Name makes the name of the input of random numbers.
	Name string
	// Rate is in [0,1).
	Rate float32
}

// Apply returns x [...] float32 with elements dropped.
func (d Dropout) Apply(b *graph.Builder, x *graph.Value) *graph.Value {
	if b.Err() != nil {
		return b.Fail(nil)
	}
	if !(d.Rate >= 0 && d.Rate < 1) {
		return b.Fail(fmt.Errorf("dropout %q has the rate %g; it has to be in [0,1)", d.Name, d.Rate))
	}
	if d.Rate == 0 || !b.Training() {
		return x
	}
	kept := b.GreaterOrEqual(b.Uniform(d.Name, x.Shape()), b.Float32(d.Rate))
	return b.Mul(x, b.Where(kept, b.Float32(1/(1-d.Rate)), b.Float32(0)))
}
