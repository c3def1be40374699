package graph

import "fmt"

// Inline replays g in b and returns the values of g's outputs by name. An input of g that values names becomes
// that value, whose shape may be more exact (a fixed K for a symbolic one: shapes are inferred again); any other
// becomes an input of b of the same name, shared with an input of that name that b has. Parameters are shared by
// path, constants by data. Values that the outputs of b do not need are dropped by Build, so Inline also
// extracts a part of a graph.
func (b *Builder) Inline(g *Graph, values map[string]*Value) map[string]*Value {
	to := map[*Value]*Value{}
	for _, in := range g.Inputs {
		to[in] = b.inlineInput(g, in, values[in.name])
	}
	resolve := func(v *Value) *Value {
		switch {
		case v == nil:
			return nil
		case to[v] != nil:
			return to[v]
		case v.kind == FromParam:
			to[v] = b.share(v.param)
		case v.kind == FromConst:
			to[v] = &Value{name: b.unique(v.name), dtype: v.dtype, shape: v.shape, kind: FromConst, data: v.data, owner: b}
		default:
			return b.Fail(fmt.Errorf("inline %q: value %q has no producer", g.Name, v.name))
		}
		return to[v]
	}
	for _, n := range g.Nodes {
		inputs := make([]*Value, len(n.Inputs))
		for i, v := range n.Inputs {
			inputs[i] = resolve(v)
		}
		outs := b.apply(b.scoped(n.Name), n.Op, n.Attrs, inputs)
		if b.err != nil {
			b.err = fmt.Errorf("inline %q: %w", g.Name, b.err)
			break
		}
		for i, v := range n.Outputs {
			to[v] = outs[i]
		}
	}
	outputs := map[string]*Value{}
	for _, o := range g.Outputs {
		outputs[o.Name] = to[o.Value]
		if b.err != nil {
			outputs[o.Name] = b.Fail(nil)
		}
	}
	return outputs
}

func (b *Builder) inlineInput(g *Graph, in, given *Value) *Value {
	if given == nil {
		for _, v := range b.inputs {
			if v.name == in.name {
				given = v
			}
		}
	}
	if given == nil {
		return b.Input(in.name, in.dtype, in.shape)
	}
	if given.dtype != in.dtype || len(given.shape) != len(in.shape) {
		return b.Fail(fmt.Errorf("inline %q: input %s is given %s", g.Name, in, given))
	}
	for i, d := range in.shape {
		if d.IsFixed() && !d.Same(given.shape[i]) {
			return b.Fail(fmt.Errorf("inline %q: input %s is given %s", g.Name, in, given))
		}
	}
	return given
}
