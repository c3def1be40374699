package layer

import (
	"errors"
	"fmt"

	"recsys/graph"
	"recsys/tensor"
)

// LocalActivation sums the vectors of a history for each candidate, weighted by how much an item has to do with it (DIN,
// Zhou et al. 2018, equation 3). The weights are a network over the item's vector, the candidate's and their product, not
// normalised to a sum of 1, so that a history of many related items weighs more. The authors' network sees the difference
// of the two vectors as well, which is a linear combination of them and adds nothing to the first layer.
type LocalActivation struct {
	// Name makes the parameter paths: "NAME/item/weight", "NAME/candidate/weight" and "NAME/product/weight" [D,Units[0]] and
	// "NAME/bias" [Units[0]], and those of an [MLP] behind "NAME/mlp".
	Name string
	// Units are the widths of the network's hidden layers, first to last, each behind a sigmoid; a unit follows.
	Units []int
}

// Apply takes the vectors [B,L,D] float32 of the history's items, present [B,L] bool, which tells the items from padding,
// and the candidates' vectors [B,K,D], with fixed D, and returns [B,K,D]: zeros for an empty history.
func (l LocalActivation) Apply(b *graph.Builder, history, present, candidates *graph.Value) *graph.Value {
	d, err := width(b, history)
	if err == nil && len(l.Units) == 0 {
		err = errors.New("has no layers; at least one is needed")
	}
	if err != nil {
		return b.Fail(fmt.Errorf("local activation %q: %w", l.Name, err))
	}
	project := func(name string, x *graph.Value) *graph.Value {
		return b.MatMul(x, b.Param(l.Name+"/"+name+"/weight", graph.Dims(d, l.Units[0]), graph.GlorotUniform()))
	}
	items, each := b.Unsqueeze(history, []int64{1}), b.Unsqueeze(candidates, []int64{2}) // [B,1,L,D], [B,K,1,D]
	hidden := b.Add(b.Add(project("item", items), project("candidate", each)), project("product", b.Mul(items, each)))
	hidden = b.Sigmoid(b.Add(hidden, b.Param(l.Name+"/bias", graph.Dims(l.Units[0]), graph.Zero())))
	rest := MLP{Name: l.Name + "/mlp", Units: append(append([]int{}, l.Units[1:]...), 1), Activation: Sigmoid}
	weights := b.Squeeze(rest.Apply(b, hidden), []int64{-1}) // [B,K,L]
	weights = b.Mul(weights, b.Unsqueeze(b.Cast(present, tensor.Float32), []int64{1}))
	return b.MatMul(weights, history)
}
