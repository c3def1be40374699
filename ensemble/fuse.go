package ensemble

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"recsys/graph"
)

// Fuse composes the stages' graphs: every stage, every group, or all of them become one stage of the result. Its outputs are
// the final tensors, those that later stages read and, but for FuseAll, a copy of each tensor that Explain names. Shapes of
// later stages become as exact as those of the tensors that they read. Stages of a ranking are fused among themselves, and what they
// read of others is a copy that RankingPrefix names.
//
// A stage with a Folder stays by itself: what stands before and behind it in its group are models of their own, of the group's name
// and the group's name with _2, _3 and so on. What a folder makes is explained if a graph reads it, which then puts the copy out.
func (e Ensemble) Fuse(how Fuse) ([]Stage, error) {
	if err := e.Validate(); err != nil {
		return nil, err
	}
	parts, err := e.partition(how)
	if err != nil {
		return nil, err
	}
	f := fuser{e: e, known: map[string]Port{}, explained: map[string]bool{}, noExplain: how == FuseAll, handed: map[string]bool{}}
	for _, name := range e.handed() {
		f.handed[name] = false
	}
	fused := make([]Stage, 0, len(parts))
	for i, part := range parts {
		s := part.Stages[0]
		if s.Folder == nil {
			if s, err = f.compose(part, parts[i+1:]); err != nil {
				return nil, fmt.Errorf("ensemble %q: compose %q: %w", e.Name, part.Name, err)
			}
		}
		s.ranking = part.Ranking
		for _, o := range s.Outputs() {
			f.note(o)
		}
		fused = append(fused, s)
	}
	for _, name := range e.handed() {
		if !f.handed[name] {
			return nil, fmt.Errorf("ensemble %q: tensor %q is made by a model of another backend and read by the ranking: let a stage between both copy it",
				e.Name, name)
		}
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
				parts = append(parts, Group{Name: s.Name, Stages: []Stage{s}, Ranking: g.Ranking, within: slices.Concat(group, s.within)})
			}
		}
		return parts, nil
	case FuseGroups, "":
		var parts []Group
		for _, g := range e.Groups {
			parts = append(parts, g.split()...)
		}
		return parts, nil
	case FuseAll:
		first, second := Group{Name: allName}, Group{Name: rankingName + "_" + allName, Ranking: true, within: []string{allName}}
		for _, g := range e.Groups {
			if g.Ranking {
				second.Stages = append(second.Stages, g.Stages...)
			} else {
				first.Stages = append(first.Stages, g.Stages...)
			}
		}
		return append(first.split(), second.split()...), nil
	}
	return nil, fmt.Errorf("fuse %q: want none, groups or all", how)
}

// split cuts a group before and behind each folder.
func (g Group) split() []Group {
	var parts []Group
	var run []Stage
	runs := 0
	end := func() {
		if len(run) == 0 {
			return
		}
		part := Group{Name: g.Name, Stages: run, Ranking: g.Ranking, within: g.within}
		if runs++; runs > 1 {
			part.Name, part.within = g.Name+"_"+strconv.Itoa(runs), append(slices.Clone(g.within), g.Name)
		}
		parts, run = append(parts, part), nil
	}
	for _, s := range g.Stages {
		if s.Folder == nil {
			run = append(run, s)
			continue
		}
		end()
		parts = append(parts, Group{Name: s.Name, Stages: []Stage{s}, Ranking: g.Ranking})
	}
	end()
	return parts
}

// fuser composes parts one after another.
type fuser struct {
	e         Ensemble
	known     map[string]Port // the tensors of earlier parts
	explained map[string]bool // those of folders whose copies a part puts out
	noExplain bool
	handed    map[string]bool // what the ranking reads of others, and whether a part puts its copy out
}

// note remembers a tensor that a part puts out; a copy for the ranking under the name that it has there.
func (f *fuser) note(p Port) {
	if name, ok := strings.CutPrefix(p.Name, RankingPrefix); ok && f.handed[name] {
		p.Name = name
	}
	f.known[p.Name] = p
}

// keeps says whether a tensor becomes an output of the part that makes it: a final one, or one that a later part of the same ensemble reads.
func (f *fuser) keeps(name string, part Group, later []Group) bool {
	return slices.Contains(f.e.Outputs, name) || slices.ContainsFunc(later, func(g Group) bool {
		return g.Ranking == part.Ranking && slices.ContainsFunc(g.Stages, func(s Stage) bool {
			return slices.ContainsFunc(s.Inputs(), func(p Port) bool { return p.Name == name })
		})
	})
}

func (f *fuser) explains(name string) bool { return !f.noExplain && slices.Contains(f.e.Explain, name) }

// result is a tensor that a part makes.
type result struct {
	name  string
	value *graph.Value
}

// compose makes one stage of a group. Tensors known from earlier parts become inputs with the shapes that they have.
func (f *fuser) compose(part Group, later []Group) (Stage, error) {
	b := graph.NewBuilder(part.Name)
	values := map[string]*graph.Value{}
	out := Stage{Name: part.Name, within: part.within, dense: len(part.Stages) == 1 && part.Stages[0].dense}
	var outputs []result
	for _, s := range part.Stages {
		given := map[string]*graph.Value{}
		for _, in := range s.Graph.Inputs {
			name := in.Name()
			if values[name] == nil {
				values[name] = f.input(b, in)
			}
			given[name] = adapt(b, values[name], in.Shape())
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
			outputs = append(outputs, result{o.Name, results[o.Name]})
		}
	}
	for _, o := range outputs {
		if f.keeps(o.name, part, later) {
			b.Output(o.name, o.value)
		}
		if f.explains(o.name) {
			b.Output(ExplainPrefix+o.name, o.value)
		}
		if _, ok := f.handed[o.name]; ok && !part.Ranking {
			f.handed[o.name] = true
			b.Output(RankingPrefix+o.name, o.value)
		}
	}
	f.copies(b, part, values)
	g, err := b.Build()
	out.Graph = g
	return out, err
}

// copies puts out what explains and what the ranking reads of the tensors that a folder has made and a graph of this part reads.
func (f *fuser) copies(b *graph.Builder, part Group, values map[string]*graph.Value) {
	for _, name := range f.e.Explain {
		if v := values[name]; v != nil && f.known[name].wire && f.explains(name) && !f.explained[name] {
			f.explained[name] = true
			b.Output(ExplainPrefix+name, b.Identity(v))
		}
	}
	for _, name := range f.e.handed() {
		if v := values[name]; v != nil && f.known[name].wire && !f.handed[name] && !part.Ranking {
			f.handed[name] = true
			b.Output(RankingPrefix+name, b.Identity(v))
		}
	}
}

// input makes an input of the part for the input of one of its stages.
func (f *fuser) input(b *graph.Builder, in *graph.Value) *graph.Value {
	shape := in.Shape()
	if p, ok := f.known[in.Name()]; ok {
		shape = p.seenBy(shape)
	}
	return b.Input(in.Name(), in.DType(), shape)
}

// adapt turns a scalar of each user, [B] or [B,1], into the form that a stage reads; anything else stays.
func adapt(b *graph.Builder, v *graph.Value, want graph.Shape) *graph.Value {
	have := v.Shape()
	switch {
	case len(have) == 1 && len(want) == 2 && want[1].Is(1):
		return b.Unsqueeze(v, []int64{1})
	case len(have) == 2 && len(want) == 1 && have[1].Is(1):
		return b.Squeeze(v, []int64{1})
	}
	return v
}
