package exec

import (
	"slices"
	"strings"

	"recsys/graph"
	"recsys/tensor"
)

// rows is a region as one step.
type rows struct {
	members   []member
	registers []register
	// wholes and columns count the temporary values of either extent, spreads the inputs that are laid out as often
	// as a block has rows.
	wholes, columns, spreads int
	totals                   bool
	rank                     int // of the region's shape
	shape                    int // the register whose tensor has that shape
}

// member is a step of a region: it computes register y from registers x.
type member struct {
	name string
	node *graph.Node
	rule *graph.RowRule // nil for totals
	y    int
	x    []int
}

// register holds a block of one value: of an input, an output or a temporary, whichever is not negative.
type register struct {
	extent            extent
	in, out, temp     int
	spread            int // the place among the laid out inputs, -1 for others
	written, lastRead int // members
}

// blockFloats is the size of a block of a value: a dozen of them fit in the second-level cache, the few that a member
// touches in the first.
const blockFloats = 2048

// newRows makes the step of a region.
func newRows(p *program, r *region, uses map[*graph.Value]int) *step {
	f := &rows{rank: len(r.full), shape: -1}
	joint := &step{node: p.steps[r.members[len(r.members)-1]].node, rows: f}
	at := map[*graph.Value]int{}
	register := func(v *graph.Value, e extent) int {
		k, ok := at[v]
		if !ok {
			k = f.input(joint, v, e)
			at[v] = k
		}
		f.registers[k].lastRead = len(f.members)
		return k
	}
	inside := map[*graph.Value]int{} // readers
	for _, i := range r.members {
		for _, v := range p.steps[i].in {
			inside[v]++
		}
	}
	for _, i := range r.members {
		s := p.steps[i]
		in, out, _ := r.admit(s)
		m := member{name: s.what(), node: s.node, rule: s.rule}
		for k, e := range in {
			m.x = append(m.x, register(s.in[k], e))
		}
		if s.rule == nil || s.rule.Kind == graph.Elementwise {
			f.spread(m.x)
		}
		v := s.out[0]
		at[v] = f.result(joint, v, out, uses[v] > inside[v])
		m.y = at[v]
		f.totals = f.totals || out == total
		f.members = append(f.members, m)
	}
	f.allocate()
	f.reuse(joint)
	for k, reg := range f.registers {
		if reg.extent == whole && reg.temp < 0 {
			f.shape = k
		}
	}
	joint.part = f.part
	joint.units = f.units
	return joint
}

// input adds a register for a value from outside.
func (f *rows) input(s *step, v *graph.Value, e extent) int {
	f.registers = append(f.registers, register{extent: e, in: len(s.in), out: -1, temp: -1, spread: -1, written: -1})
	s.in = append(s.in, v)
	return len(f.registers) - 1
}

// result adds a register for a value that a member computes; outside tells whether others read it.
func (f *rows) result(s *step, v *graph.Value, e extent, outside bool) int {
	reg := register{extent: e, in: -1, out: -1, temp: -1, spread: -1, written: len(f.members), lastRead: len(f.members)}
	if outside {
		reg.out = len(s.out)
		s.out = append(s.out, v)
	} else {
		reg.temp = 0 // allocate numbers it
	}
	f.registers = append(f.registers, reg)
	return len(f.registers) - 1
}

// spread marks the inputs among registers that elementwise members read as blocks.
func (f *rows) spread(list []int) {
	for _, k := range list {
		reg := &f.registers[k]
		switch reg.extent {
		case vector, periodic, repeated, scalar:
			if reg.spread < 0 {
				reg.spread = f.spreads
				f.spreads++
			}
		case none, whole, column, total:
		}
	}
}

// allocate gives temporaries places that are free from their first member to their last. A member may write the place
// of an input that it is the last to read.
func (f *rows) allocate() {
	var freeWhole, freeColumn []int
	for i, m := range f.members {
		for k, reg := range f.registers {
			if reg.temp < 0 || reg.lastRead != i || reg.written == i || slices.Index(m.x, k) < 0 {
				continue
			}
			if reg.extent == column {
				freeColumn = append(freeColumn, reg.temp)
			} else {
				freeWhole = append(freeWhole, reg.temp)
			}
		}
		reg := &f.registers[m.y]
		if reg.temp < 0 {
			continue
		}
		free, n := &freeWhole, &f.wholes
		if reg.extent == column {
			free, n = &freeColumn, &f.columns
		}
		if last := len(*free) - 1; last >= 0 {
			reg.temp, *free = (*free)[last], (*free)[:last]
		} else {
			reg.temp = *n
			*n++
		}
	}
}

// reuse lists the inputs that the first output may overwrite: those that no member behind its maker reads.
func (f *rows) reuse(s *step) {
	first := slices.IndexFunc(f.registers, func(reg register) bool { return reg.out == 0 })
	if f.registers[first].extent != whole {
		return
	}
	for _, reg := range f.registers {
		if reg.in >= 0 && reg.extent == whole && reg.lastRead <= f.registers[first].written {
			s.reuse = append(s.reuse, reg.in)
		}
	}
}

// String lists the operators.
func (f *rows) String() string {
	names := make([]string, len(f.members))
	for i, m := range f.members {
		names[i] = m.name
	}
	return "Rows(" + strings.Join(names, ", ") + ")"
}

// elements is about how many of them a member computes in a nanosecond.
const elements = 4

// units counts the rows. Those of a sum go one after the other.
func (f *rows) units(in, out []*tensor.Tensor) (n, work int) {
	count, width := f.size(in, out)
	if f.totals {
		return 1, 0
	}
	return count, 1 + width*len(f.members)/elements
}

// size returns the number of rows and their width.
func (f *rows) size(in, out []*tensor.Tensor) (count, width int) {
	reg := f.registers[f.shape]
	t := reg.tensor(in, out)
	width = t.Dim(-1)
	count = 1
	for _, d := range t.Shape()[:f.rank-1] {
		count *= d
	}
	return count, width
}

func (reg *register) tensor(in, out []*tensor.Tensor) *tensor.Tensor {
	if reg.in >= 0 {
		return in[reg.in]
	}
	return out[reg.out]
}
