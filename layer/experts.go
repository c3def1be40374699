package layer

import (
	"errors"
	"fmt"
	"strconv"

	"recsys/graph"
)

// Experts is the multi-gate mixture of experts (Ma et al. 2018, equations 6 and 7): networks over the same input, which
// each gate mixes by weights of its own, softmax(W·x).
type Experts struct {
	// Name makes the parameter paths: those of an [MLP] behind "NAME/I", and "NAME/gate/GATE/weight" [F,Experts] and
	// "NAME/gate/GATE/bias".
	Name string
	// Experts is the number of networks, Units the widths of their layers; every layer ends in ReLU.
	Experts int
	Units   []int
	// Gates names the mixtures.
	Gates []string
}

// Apply maps x [...,F] float32, whose F has to be fixed, to [...,Units[last]] for each gate, in the order of Gates.
func (e Experts) Apply(b *graph.Builder, x *graph.Value) []*graph.Value {
	out := make([]*graph.Value, len(e.Gates))
	if e.Experts < 1 || len(e.Units) == 0 {
		err := errors.New("needs at least one expert and one layer")
		for i := range out {
			out[i] = b.Fail(fmt.Errorf("experts %q: %w", e.Name, err))
		}
		return out
	}
	rows := make([]*graph.Value, e.Experts)
	for i := range rows {
		y := MLP{Name: e.Name + "/" + strconv.Itoa(i), Units: e.Units, Last: ReLU}.Apply(b, x)
		rows[i] = b.Unsqueeze(y, []int64{-2})
	}
	experts := b.Concat(-2, rows...) // [...,Experts,U]
	for i, gate := range e.Gates {
		logits := Dense{Name: e.Name + "/gate/" + gate, Units: e.Experts, Activation: Linear}.Apply(b, x)
		weights := b.Unsqueeze(b.Softmax(logits, -1), []int64{-2})
		out[i] = b.Squeeze(b.MatMul(weights, experts), []int64{-2})
	}
	return out
}
