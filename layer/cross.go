package layer

import (
	"fmt"
	"strconv"

	"recsys/graph"
)

// CrossNetwork multiplies features with one another explicitly (DCN V2, Wang et al. 2021, equations 1 and 2): from the
// input x₀ on, x_{l+1} = x₀ ⊙ (W_l·x_l + b_l) + x_l, whose degree in x₀ grows by one per layer.
type CrossNetwork struct {
	// Name makes the parameter paths "NAME/I/weight" [F,F] and "NAME/I/bias" [F]; with a rank "NAME/I/down" [F,Rank] and
	// "NAME/I/up" [Rank,F] stand for the weight.
	Name string
	// Layers is the number of layers. 0 means that Apply returns its input.
	Layers int
	// Rank makes each weight the product of two narrow ones; 0 means full weights.
	Rank int
}

// Apply maps x [...,F] float32, whose F has to be fixed, to [...,F].
func (c CrossNetwork) Apply(b *graph.Builder, x *graph.Value) *graph.Value {
	f, err := width(b, x)
	if err == nil && (c.Layers < 0 || c.Rank < 0) {
		err = fmt.Errorf("has %d layers of rank %d; neither can be negative", c.Layers, c.Rank)
	}
	if err != nil {
		return b.Fail(fmt.Errorf("cross network %q: %w", c.Name, err))
	}
	first := x
	for i := range c.Layers {
		name := c.Name + "/" + strconv.Itoa(i)
		y := x
		if c.Rank == 0 {
			y = b.MatMul(y, b.Param(name+"/weight", graph.Dims(f, f), graph.GlorotUniform()))
		} else {
			y = b.MatMul(y, b.Param(name+"/down", graph.Dims(f, c.Rank), graph.GlorotUniform()))
			y = b.MatMul(y, b.Param(name+"/up", graph.Dims(c.Rank, f), graph.GlorotUniform()))
		}
		y = b.Add(y, b.Param(name+"/bias", graph.Dims(f), graph.Zero()))
		x = b.Add(b.Mul(first, y), x)
	}
	return x
}
