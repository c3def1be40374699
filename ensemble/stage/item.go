package stage

import (
	"errors"
	"fmt"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/tensor"
)

// ItemKeys makes a stage that returns the candidates' raw item keys as the raw item column of the given name, [B,K]: callers find the
// items' rows by them. keys [V] are the raw keys by item index, k is K.
func ItemKeys(keys *tensor.Tensor, column string, k int) (ensemble.Stage, error) {
	if keys == nil || keys.Rank() != 1 || keys.DType() != tensor.Int64 && keys.DType() != tensor.String || k < 1 {
		return ensemble.Stage{}, fmt.Errorf("stage %q: keys %v, %d candidates: want [V] int64 or string, 1 or more", ItemKeysName, keys, k)
	}
	b := graph.NewBuilder(ItemKeysName)
	candidates := b.Input(Candidates, tensor.Int64, graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(k)})
	b.Output(RawItem(column), b.Gather(b.Const("keys", keys), candidates, 0))
	return build(ItemKeysName, b)
}

// ItemFeatures makes a stage that encodes raw columns of the candidates, [B,K] and [B,K,L] as RawItem names them, with the graph that encodes tables of
// items, workflow, whose columns are [B] and [B,L]; nil for none. It stands where [Lookup] does for columns that callers bring. A
// column index, unless it is empty, is the candidates' item index itself. k is K.
func ItemFeatures(workflow *graph.Graph, index string, k int) (ensemble.Stage, error) {
	if workflow == nil && index == "" || k < 1 {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", ItemFeaturesName, errors.New("want at least one column and one candidate"))
	}
	b := graph.NewBuilder(ItemFeaturesName)
	slots := graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(k)}
	if index != "" {
		b.Output(Item(index), b.Identity(b.Input(Candidates, tensor.Int64, slots)))
	}
	if workflow == nil {
		return build(ItemFeaturesName, b)
	}
	// The graph takes every candidate for a row of its own.
	given := map[string]*graph.Value{}
	for _, in := range workflow.Inputs {
		rest := in.Shape()[1:]
		raw := b.Input(RawItem(in.Name()), in.DType(), append(append(graph.Shape{}, slots...), rest...))
		given[in.Name()] = b.Reshape(raw, b.Int64s(sizes(rest)...))
	}
	leave := b.Scope("workflow")
	values := b.Inline(workflow, given)
	leave()
	for _, o := range workflow.Outputs {
		shape := append(graph.Shape{graph.Fixed(k)}, o.Value.Shape()[1:]...)
		b.Output(Item(o.Name), b.Reshape(values[o.Name], b.Int64s(sizes(shape)...)))
	}
	return build(ItemFeaturesName, b)
}

// sizes is a target for Reshape: an axis that takes what is left before fixed ones.
func sizes(rest graph.Shape) []int64 {
	list := make([]int64, 1, 1+len(rest))
	list[0] = -1
	for _, d := range rest {
		list = append(list, int64(d.Size))
	}
	return list
}
