package layer

import (
	"fmt"

	"recsys/graph"
)

// LayerNorm brings vectors to mean 0 and variance 1, times a learned scale plus a learned bias (Ba, Kiros and Hinton
// 2016, equation 4).
type LayerNorm struct { //nolint:revive // The name of the field; Norm says less beside L2Norm.
	// Name makes the parameter paths "NAME/scale" and "NAME/bias" [F], which begin at 1 and 0.
	Name string
	// Epsilon is added to the variance; 0 means 1e-5.
	Epsilon float32
}

// Apply normalises x [...,F] float32, whose F has to be fixed, along the last axis.
func (l LayerNorm) Apply(b *graph.Builder, x *graph.Value) *graph.Value {
	width, err := width(b, x)
	if err != nil {
		return b.Fail(fmt.Errorf("layer norm %q: %w", l.Name, err))
	}
	epsilon := l.Epsilon
	if epsilon == 0 {
		epsilon = 1e-5
	}
	scale := b.Param(l.Name+"/scale", graph.Dims(width), graph.Constant(1))
	bias := b.Param(l.Name+"/bias", graph.Dims(width), graph.Zero())
	return b.LayerNormalization(x, scale, bias, -1, epsilon)
}
