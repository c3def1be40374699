package layer

import (
	"errors"

	"recsys/graph"
)

// Concat joins features along the last axis.
type Concat struct{}

// Apply joins [...,F1], [...,F2] ... to [...,F1+F2+...]; a single input is returned as it is.
func (Concat) Apply(b *graph.Builder, inputs ...*graph.Value) *graph.Value {
	switch len(inputs) {
	case 0:
		return b.Fail(errors.New("concat of no features; the schema has no column that this part of the model reads"))
	case 1:
		return inputs[0]
	}
	return b.Concat(-1, inputs...)
}
