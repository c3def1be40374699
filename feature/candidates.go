package feature

import (
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Candidates returns the graph of the encoded columns that carry the tag interaction, for k items of each request: inputs
// are the raw columns of requests, [B] or [B,L], and of items, [B,k] or [B,k,L], outputs are [B,k] or [B,k,L]. Its nodes
// are those of [FittedWorkflow.Graph]: what no item is in is computed once for a request, the rest over all pairs of a
// request and an item as rows.
func (w *FittedWorkflow) Candidates(name string, k int) (*graph.Graph, error) {
	rows, err := w.Graph(name, schema.Interaction)
	if err != nil {
		return nil, err
	}
	if k < 1 {
		return nil, fmt.Errorf("graph %q: %d candidates; want 1 or more", name, k)
	}
	p := pairing{b: graph.NewBuilder(name), k: int64(k), once: map[*graph.Value]*graph.Value{}, pairs: map[*graph.Value]*graph.Value{}}
	for _, c := range w.raw {
		if in := rows.Input(c.Name); in != nil {
			p.input(in, c)
		}
	}
	for _, n := range rows.Nodes {
		p.node(n)
	}
	for _, c := range w.encoded.Select(schema.Interaction) {
		if p.b.Err() != nil {
			break
		}
		v := p.pair(rows.Output(c.Name))
		p.b.Output(c.Name, p.b.Reshape(v, p.shape(v, -1, p.k)))
	}
	return p.b.Build()
}

// pairing replays the nodes of a graph over rows for k items of each row.
type pairing struct {
	b *graph.Builder
	k int64
	// once are the values [B,...] that do not depend on items, and constants; pairs are values of pairs, [B·k,...].
	once, pairs map[*graph.Value]*graph.Value
}

func (p *pairing) input(in *graph.Value, c schema.Column) {
	shape := shapeOf(c)
	if EntityOf(c) != schema.Item {
		p.once[in] = p.b.Input(c.Name, c.DType.DType, shape)
		return
	}
	x := p.b.Input(c.Name, c.DType.DType, slices.Insert(shape, 1, graph.Fixed(int(p.k))))
	p.pairs[in] = p.b.Reshape(x, p.shape(in, -1))
}

// node replays a node: over requests if none of its inputs is of pairs, else over pairs.
func (p *pairing) node(n *graph.Node) {
	if slices.ContainsFunc(n.Inputs, func(v *graph.Value) bool { return p.pairs[v] != nil && p.once[v] == nil }) {
		p.apply(n, p.pairs, p.pair)
		return
	}
	p.apply(n, p.once, func(v *graph.Value) *graph.Value { return p.once[v] })
}

func (p *pairing) apply(n *graph.Node, to map[*graph.Value]*graph.Value, of func(*graph.Value) *graph.Value) {
	inputs := make([]*graph.Value, len(n.Inputs))
	for i, v := range n.Inputs {
		switch {
		case v == nil:
		case v.Kind() == graph.FromConst:
			if p.once[v] == nil {
				p.once[v] = p.b.Const(v.Name(), v.Data())
			}
			inputs[i] = p.once[v]
		default:
			inputs[i] = of(v)
		}
	}
	for i, out := range p.b.ApplyNamed(n.Name, n.Op, n.Attrs, inputs...) {
		if p.b.Err() == nil {
			to[n.Outputs[i]] = out
		}
	}
}

// pair is a value for every pair: one of requests is repeated, and what has no row for each request, such as a shape, is
// computed of pairs.
func (p *pairing) pair(v *graph.Value) *graph.Value {
	if p.pairs[v] != nil || p.b.Err() != nil {
		return p.pairs[v]
	}
	x := p.once[v]
	if x.Rank() == 0 || x.Shape()[0].IsFixed() {
		n, _ := v.Node()
		p.apply(n, p.pairs, p.pair)
		return p.pairs[v]
	}
	to := slices.Repeat([]int64{1}, x.Rank()+1)
	to[1] = p.k
	x = p.b.Expand(p.b.Unsqueeze(x, []int64{1}), p.b.Const("", tensor.Of(to, len(to))))
	p.pairs[v] = p.b.Reshape(x, p.shape(v, -1))
	return p.pairs[v]
}

// shape is dims with what v has behind its first axis.
func (p *pairing) shape(v *graph.Value, dims ...int64) *graph.Value {
	for _, d := range v.Shape()[1:] {
		if !d.IsFixed() {
			return p.b.Fail(fmt.Errorf("value %s: its rows have no fixed shape", v))
		}
		dims = append(dims, int64(d.Size))
	}
	return p.b.Const("", tensor.Of(dims, len(dims)))
}
