package exec

import (
	"slices"

	"recsys/graph"
	"recsys/tensor"
)

// extent is how much of a region's rows a value holds, a row being all of the last axis.
type extent uint8

const (
	none     extent = iota
	whole           // every element
	column          // one element a row
	vector          // one row for all
	periodic        // several rows, again and again
	repeated        // rows of which each stands for several, as that of a list of keys for all queries
	scalar          // one element for all
	total           // the sum of all rows, which is known when the last row is done
)

// extentOf compares a value's shape with that of a region.
func extentOf(s, full graph.Shape) extent {
	last := len(full) - 1
	switch {
	case s.Same(full):
		return whole
	case !slices.ContainsFunc(s, func(d graph.Dim) bool { return !d.Is(1) }):
		return scalar
	case len(s) == len(full) && s[last].Is(1) && s[:last].Same(full[:last]):
		return column
	}
	tail := s
	for len(tail) > 1 && tail[0].Is(1) {
		tail = tail[1:]
	}
	switch {
	case len(tail) > len(full):
		return none
	case tail.Same(full[len(full)-len(tail):]):
		if len(tail) == 1 {
			return vector
		}
		return periodic
	case repeats(s, full):
		return repeated
	}
	return none
}

// repeats reports whether s becomes full by repeating along axes before the last.
func repeats(s, full graph.Shape) bool {
	if len(s) != len(full) {
		return false
	}
	for i, d := range s {
		if !d.Same(full[i]) && (i == len(s)-1 || !d.Is(1)) {
			return false
		}
	}
	return true
}

// region is a group of steps that work row by row on values of one shape. They become one step, which takes a block
// of rows through all of them while it is in the cache; what no other step reads is never written to memory.
type region struct {
	full    graph.Shape
	members []int // places in the program, ascending
	extents map[*graph.Value]extent
	closed  bool // a step outside reads one of its values
}

// maxMembers bounds the steps of a region, whose intermediate values have to fit in the cache.
const maxMembers = 32

// admit returns the extents of a step's inputs that it reads as rows and of its output in a region, false when the step does not fit.
func (r *region) admit(s *step) (in []extent, out extent, ok bool) {
	if s.rule == nil {
		return r.admitTotal(s)
	}
	n := len(s.in)
	if s.rule.Kind == graph.RowReduce {
		n = 1 // further inputs are axes
	}
	for _, v := range s.in[:n] {
		e := r.extent(v)
		if e == none {
			return nil, none, false
		}
		in = append(in, e)
	}
	shape, last := s.out[0].Shape(), len(r.full)-1
	if s.rule.Kind == graph.RowReduce {
		return in, column, in[0] == whole
	}
	if shape.Same(r.full) {
		if s.rule.Kind == graph.RowWise {
			ok = in[0] == whole && !r.full[last].Is(1) && !slices.ContainsFunc(in[1:], func(e extent) bool { return e != vector })
			return in, whole, ok
		}
		return in, whole, true
	}
	fits := s.rule.Kind == graph.Elementwise && extentOf(shape, r.full) == column
	return in, column, fits && !slices.ContainsFunc(in, func(e extent) bool { return e != column && e != scalar })
}

// admitTotal admits a sum of all rows of a value that the region makes.
func (r *region) admitTotal(s *step) (in []extent, out extent, ok bool) {
	width := r.full[len(r.full)-1]
	if s.node.Op.Type != "ReduceSum" || s.node.Op.Domain != "" || s.kind != call || !width.IsFixed() || width.Size < 2 ||
		r.extents[s.in[0]] != whole || s.out[0].DType() != tensor.Float32 {
		return nil, none, false
	}
	shape := s.out[0].Shape()
	if extentOf(shape, r.full) != vector || len(shape) != 1 && len(shape) != len(r.full) {
		return nil, none, false
	}
	return []extent{whole}, total, true
}

// extent returns how much of the rows an operand holds: as the region made it, or by its shape.
func (r *region) extent(v *graph.Value) extent {
	if v == nil || v.DType() != tensor.Float32 {
		return none
	}
	e := extentOf(v.Shape(), r.full)
	if made := r.extents[v]; made != none && made != e {
		return none
	}
	return e
}

// fuser forms regions from a program's steps, first to last.
type fuser struct {
	program *program
	of      map[*graph.Value]*region // what made a value
	regions []*region
}

// fuseRows replaces regions of two steps or more by one step each, at the place of their last; with several threads also
// those of one step, which can be split then.
func (p *program) fuseRows() {
	f := &fuser{program: p, of: map[*graph.Value]*region{}}
	for i, s := range p.steps {
		var mine *region
		if s.kind == call && len(s.out) == 1 {
			mine = f.join(i, s)
		}
		for _, v := range s.in {
			if r := f.of[v]; r != nil && r != mine {
				r.closed = true
			}
		}
	}
	uses := p.uses()
	gone := map[*step]bool{}
	for _, r := range f.regions {
		if len(r.members) == 0 || len(r.members) == 1 && p.threads == 1 {
			continue
		}
		joint := newRows(p, r, uses)
		for _, i := range r.members {
			gone[p.steps[i]] = true
		}
		p.steps[r.members[len(r.members)-1]] = joint
	}
	p.steps = slices.DeleteFunc(p.steps, func(s *step) bool { return gone[s] })
}

// join adds a step to the open regions that make its inputs, which then become one, or begins a region with it. It
// returns nil for steps that are not for regions.
func (f *fuser) join(i int, s *step) *region {
	var into *region
	for _, v := range s.in {
		r := f.of[v]
		if r == nil || r.closed || r == into {
			continue
		}
		if into == nil {
			if _, _, ok := r.admit(s); ok && len(r.members) < maxMembers {
				into = r
			}
			continue
		}
		if r.full.Same(into.full) && len(r.members)+len(into.members) < maxMembers {
			f.merge(into, r)
		}
	}
	if into == nil {
		if into = f.begin(s); into == nil {
			return nil
		}
	}
	_, out, ok := into.admit(s)
	if !ok { // another region's value, now of this one, is not what its shape looks like
		return nil
	}
	into.members = append(into.members, i)
	into.extents[s.out[0]] = out
	f.of[s.out[0]] = into
	return into
}

// begin opens a region for a step whose rule says that it works by rows.
func (f *fuser) begin(s *step) *region {
	if s.rule == nil {
		return nil
	}
	full := s.out[0].Shape()
	if s.rule.Kind == graph.RowReduce {
		full = s.in[0].Shape()
	}
	if len(full) == 0 {
		return nil
	}
	r := &region{full: full, extents: map[*graph.Value]extent{}}
	if _, _, ok := r.admit(s); !ok {
		return nil
	}
	f.regions = append(f.regions, r)
	return r
}

// merge moves what is in from to into. Both are open, so no step outside stands between their members.
func (f *fuser) merge(into, from *region) {
	into.members = append(into.members, from.members...)
	slices.Sort(into.members)
	for v, e := range from.extents {
		into.extents[v] = e
		f.of[v] = into
	}
	from.members, from.closed = nil, true
}
