package exec

import (
	"slices"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// assembly is a Concat of float32 that copies rows of tables straight to their place, where a Gather would have written
// them for the Concat to read.
type assembly struct {
	sources []source
}

// source is an input of the Concat: a value as it is, or rows of a table.
type source struct {
	chunk int   // the elements that it has in a row of the result; the axes before the concatenated one make the rows
	value int   // the input that holds the value or the table
	ids   int   // the input that holds the ids, -1 for a value
	width int   // of a table's row
	from  *step // the Gather
}

// fault is an error of another node than the step's.
type fault struct {
	step *step
	err  error
}

func (f *fault) Error() string { return f.err.Error() }

// assemble recognises a Concat of lookups that nothing else reads, as they are or reshaped.
func assemble(s *step, makers map[*graph.Value]*step, uses map[*graph.Value]int) *step {
	shape := s.out[0].Shape()
	axis, err := graph.Axis(s.node.Attrs.Int("axis", 0), len(shape))
	if err != nil || s.out[0].DType() != tensor.Float32 {
		return nil
	}
	f := &assembly{}
	joint := &step{node: s.node, out: s.out, form: "Assemble", part: f.part, units: f.units, run: f.explain}
	some := false
	for _, v := range s.in {
		sizes, fixed := v.Shape()[axis:].Fixed()
		if !fixed {
			return nil
		}
		src := source{chunk: count(sizes), ids: -1}
		g := lookup(v, makers, uses)
		if g != nil && src.chunk > 0 {
			row, ok := g.in[0].Shape()[1:].Fixed()
			src.width = count(row)
			if !ok || src.width == 0 || src.chunk%src.width != 0 {
				g = nil
			}
		}
		if g == nil || src.chunk == 0 {
			src.value = place(joint, v)
		} else {
			src.value, src.ids, src.from, some = place(joint, g.in[0]), place(joint, g.in[1]), g, true
		}
		f.sources = append(f.sources, src)
	}
	if !some {
		return nil
	}
	return joint
}

// lookup returns the Gather of rows that makes v, perhaps in another shape, if nothing else reads it.
func lookup(v *graph.Value, makers map[*graph.Value]*step, uses map[*graph.Value]int) *step {
	for {
		m := makers[v]
		switch {
		case m == nil || uses[v] != 1:
			return nil
		case m.kind == view:
			v = m.in[0]
		case m.gather:
			return m
		default:
			return nil
		}
	}
}

// place returns where v stands among the step's inputs, at the end if it is new.
func place(s *step, v *graph.Value) int {
	if i := slices.Index(s.in, v); i >= 0 {
		return i
	}
	s.in = append(s.in, v)
	return len(s.in) - 1
}

// rowLength returns the elements of a row of the result.
func (f *assembly) rowLength() int {
	n := 0
	for _, src := range f.sources {
		n += src.chunk
	}
	return n
}

func (f *assembly) units(_, out []*tensor.Tensor) (n, work int) {
	length := f.rowLength()
	for _, src := range f.sources {
		if src.ids >= 0 {
			work += rowTime * src.chunk / src.width
		}
	}
	return out[0].Len() / max(length, 1), work + length/elements
}

func (f *assembly) part(l *lane, in, out []*tensor.Tensor, from, to int) error {
	length := f.rowLength()
	y := tensor.MustData[float32](out[0])[from*length : to*length]
	at := 0
	for i := range f.sources {
		src := &f.sources[i]
		x := tensor.MustData[float32](in[src.value])
		if src.ids >= 0 {
			if !src.rows(l.Kernels, y[min(at, len(y)):], length, x, tensor.MustData[int64](in[src.ids]), from, to) {
				return errIndex
			}
		} else {
			for r := range to - from {
				copy(y[at+r*length:][:src.chunk], x[(from+r)*src.chunk:])
			}
		}
		at += src.chunk
	}
	return nil
}

// rows copies the rows of x for rows [from,to) of the result, which are length elements apart. It reports whether all
// exist.
func (src *source) rows(k *kernel.Set, y []float32, length int, x []float32, ids []int64, from, to int) bool {
	width, each, count := src.width, src.chunk/src.width, len(x)/src.width
	if each == 1 {
		ids = ids[from:to]
		return k.Gather(y, length, ids, x, count, width) == len(ids)
	}
	for ; from < to; from++ {
		if k.Gather(y, width, ids[from*each:(from+1)*each], x, count, width) < each {
			return false
		}
		y = y[min(length, len(y)):]
	}
	return true
}

// explain runs the Gathers one after the other until one words the error of the id that part met.
func (f *assembly) explain(r *graph.Run, in, _ []*tensor.Tensor) error {
	for _, src := range f.sources {
		if src.ids < 0 {
			continue
		}
		pair := []*tensor.Tensor{in[src.value], in[src.ids]}
		shape := slices.Concat(pair[1].Shape(), pair[0].Shape()[1:])
		if err := src.from.run(r, pair, []*tensor.Tensor{tensor.Zeros(tensor.Float32, shape...)}); err != nil {
			return &fault{src.from, err}
		}
	}
	return errIndex
}
