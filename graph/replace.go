package graph

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// Replace returns g with other tensors in the place of constants and parameters, by name. They have the type and the number of axes of
// those that they replace; sizes may be others, and the shapes of all values are inferred anew. Everything else is shared with g.
func (g *Graph) Replace(tensors tensor.Map) (*Graph, error) {
	made := map[*Value]*Value{}
	var fault error
	replaced := func(v *Value) *Value {
		if v == nil || v.Kind() == FromNode || v.Kind() == FromInput || tensors[v.name] == nil {
			return v
		}
		if made[v] == nil {
			t := tensors[v.name]
			if t.DType() != v.dtype || t.Rank() != len(v.shape) {
				fault = fmt.Errorf("replace %s: %s has another type or number of axes", v, t)
			}
			now := *v
			now.shape = Dims(t.Shape()...)
			if v.kind == FromParam {
				now.param = &Param{Path: v.param.Path, Shape: now.shape, Init: v.param.Init, Data: t}
			} else {
				now.data = t
			}
			made[v] = &now
		}
		return made[v]
	}
	found := map[string]bool{}
	nodes := make([]*Node, len(g.Nodes))
	for i, n := range g.Nodes {
		now := *n
		now.Inputs = slices.Clone(n.Inputs)
		for j, v := range now.Inputs {
			if now.Inputs[j] = replaced(v); now.Inputs[j] != v {
				found[v.name] = true
			}
		}
		nodes[i] = &now
	}
	for name := range tensors {
		if !found[name] && fault == nil {
			fault = fmt.Errorf("replace in graph %q: no node reads a constant or parameter %q", g.Name, name)
		}
	}
	if fault != nil {
		return nil, fault
	}
	b := NewBuilder(g.Name)
	results := b.Inline(&Graph{Name: g.Name, Inputs: g.Inputs, Nodes: nodes, Outputs: g.Outputs}, nil)
	for _, o := range g.Outputs {
		b.Output(o.Name, results[o.Name])
	}
	return b.Build()
}
