package layer

import (
	"errors"
	"fmt"

	"recsys/graph"
)

// GRU is a gated recurrent unit (Cho et al. 2014, equations 5 to 8, with the reset gate behind the product, as PyTorch and
// cuDNN have it), whose state begins at 0.
type GRU struct {
	// Name makes the parameter paths "NAME/input" [1,3·Units,F], "NAME/state" [1,3·Units,Units] and "NAME/bias"
	// [1,6·Units], of the gates update, reset and new in this order.
	Name string
	// Units is the width of the state.
	Units int
}

// Apply maps a sequence x [B,L,F] float32, whose L and F have to be fixed, to the states after each of its places,
// [B,L,Units].
func (l GRU) Apply(b *graph.Builder, x *graph.Value) *graph.Value {
	f, err := width(b, x)
	if err == nil && (l.Units < 1 || x.Rank() != 3) {
		err = errors.New("wants [B,L,F] and at least one unit")
	}
	if err != nil {
		return b.Fail(fmt.Errorf("recurrent unit %q: %w", l.Name, err))
	}
	input := b.Param(l.Name+"/input", graph.Dims(1, 3*l.Units, f), graph.GlorotUniform())
	state := b.Param(l.Name+"/state", graph.Dims(1, 3*l.Units, l.Units), graph.GlorotUniform())
	bias := b.Param(l.Name+"/bias", graph.Dims(1, 6*l.Units), graph.Zero())
	states, _ := b.GRU(b.Transpose(x, []int64{1, 0, 2}), input, state, graph.Recurrent{Bias: bias}) // [L,1,B,Units]
	return b.Transpose(b.Squeeze(states, []int64{1}), []int64{1, 0, 2})
}
