package ensemble

import (
	"fmt"
	"slices"

	"recsys/graph"
)

// Fuse composes the stages' graphs: every stage, every group, or all of them become one stage of the result. Its outputs are
// the final tensors, those that later stages read and, but for FuseAll, a copy of each tensor that Explain names. Shapes of later stages become as exact as those of the tensors that they read.
func (e Ensemble) Fuse(how Fuse) ([]Stage, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	parts, err := e.partition(how)
	if err != nil {
		return nil, err
	}
	known := map[string]*graph.Value{} // the tensors of earlier parts
	fused := make([]Stage, 0, len(parts))
	for i, part := range parts {
		var later []Stage
		for _, p := range parts[i+1:] {
			later = append(later, p.Stages...)
		}
		s, err := compose(part, known, func(name string) bool { return e.keeps(name, later) }, func(name string) bool {
			return how != FuseAll && slices.Contains(e.Explain, name)
		})
		if err != nil {
			return nil, fmt.Errorf("ensemble %q: compose %q: %w", e.Name, part.Name, err)
		}
		for _, o := range s.Graph.Outputs {
			known[o.Name] = o.Value
		}
		fused = append(fused, s)
	}
	return fused, nil
}

func (e Ensemble) partition(how Fuse) ([]Group, error) {
	switch how {
	case FuseNone:
		var parts []Group
		for _, g := range e.Groups {
			group := append(slices.Clone(g.within), g.Name)[:1] // what cutDense made of a group is still part of it
			for _, s := range g.Stages {
				parts = append(parts, Group{Name: s.Name, Stages: []Stage{s}, within: slices.Concat(group, s.within)})
			}
		}
		return parts, nil
	case FuseGroups, "":
		return e.Groups, nil
	case FuseAll:
		return []Group{{Name: allName, Stages: e.stages()}}, nil
	}
	return nil, fmt.Errorf("fuse %q: want none, groups or all", how)
}

// keeps says whether a tensor becomes an output of the part that makes it: a final one, or one that a later part reads.
func (e Ensemble) keeps(name string, later []Stage) bool {
	return slices.Contains(e.Outputs, name) || slices.ContainsFunc(later, func(s Stage) bool {
		return slices.ContainsFunc(s.Graph.Inputs, func(v *graph.Value) bool { return v.Name() == name })
	})
}

// compose makes one stage of a group. Tensors known from earlier parts become inputs with the shapes that they have.
func compose(part Group, known map[string]*graph.Value, keep, explain func(string) bool) (Stage, error) {
	b := graph.NewBuilder(part.Name)
	values := map[string]*graph.Value{}
	out := Stage{Name: part.Name, within: part.within, dense: len(part.Stages) == 1 && part.Stages[0].dense}
	type named struct {
		name  string
		value *graph.Value
	}
	var outputs []named
	for _, s := range part.Stages {
		given := map[string]*graph.Value{}
		for _, in := range s.Graph.Inputs {
			name := in.Name()
			if values[name] == nil && known[name] != nil {
				values[name] = b.Input(name, known[name].DType(), known[name].Shape())
			}
			if values[name] != nil {
				given[name] = values[name]
			}
		}
		leave := func() {}
		if len(part.Stages) > 1 {
			leave = b.Scope(s.Name)
		}
		results := b.Inline(s.Graph, given)
		leave()
		if err := b.Err(); err != nil {
			return Stage{}, fmt.Errorf("stage %q: %w", s.Name, err)
		}
		for _, o := range s.Graph.Outputs {
			values[o.Name] = results[o.Name]
			outputs = append(outputs, named{o.Name, results[o.Name]})
		}
	}
	for _, o := range outputs {
		if keep(o.name) {
			b.Output(o.name, o.value)
		}
		if explain(o.name) {
			b.Output(ExplainPrefix+o.name, o.value)
		}
	}
	g, err := b.Build()
	out.Graph = g
	return out, err
}
