package exec

import (
	"math"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/tensor"
)

// scores is a product whose columns can be computed block by block.
type scores interface {
	// columns computes the columns [first,end) of n rows, from row on, to z, whose rows are stride apart.
	columns(l *lane, in []*tensor.Tensor, z []float32, stride, row, n, first, end int)
	// cut returns the columns of a block and how many rows to compute of it together.
	cut() (block, together int)
	// depth is the multiply-adds of an element.
	depth(in []*tensor.Tensor) int
}

// top is a TopK that takes scores as they are computed: what is multiplied, added and masked between is done to a block
// while it is in the cache, and no score that is not selected is written to memory.
type top struct {
	scores  scores
	members []topMember
	mask    *topMask // nil for none
	width   int      // V, of a row of scores
	largest bool
	laid    int // operands that are laid out
}

// topMember is an elementwise operator between the scores and the TopK.
type topMember struct {
	node     *graph.Node
	rule     *graph.RowRule
	operands []topOperand
}

// topOperand is an input of the step, or the block where in is negative.
type topOperand struct {
	in     int
	extent extent
	laid   int // the place of a scalar or an element of a column, which is laid out for a block
}

// topFuser makes one step of a TopK and what it selects from.
type topFuser struct {
	*top
	program *program
	makers  map[*graph.Value]*step
	uses    map[*graph.Value]int
	step    *step
	names   []string
}

// fuseTops joins every TopK with the product that it selects from, if nothing else reads that.
func (p *program) fuseTops() {
	makers, uses := p.makers(), p.uses()
	for i, s := range p.steps {
		if s.node.Op.Type != "TopK" || s.node.Op.Domain != "" {
			continue
		}
		x := s.in[0]
		last := len(x.Shape()) - 1
		axis, err := graph.Axis(s.node.Attrs.Int("axis", -1), last+1)
		if err != nil || axis != last || x.DType() != tensor.Float32 || !x.Shape()[last].IsFixed() || x.Shape()[last].Size > math.MaxInt32 {
			continue
		}
		t := &top{width: x.Shape()[last].Size, largest: s.node.Attrs.Int("largest", 1) != 0}
		f := topFuser{top: t, program: p, makers: makers, uses: uses, step: &step{node: s.node, out: s.out}}
		mask := f.masked(x)
		if mask != nil {
			x = mask.in[2]
		}
		if !f.chain(x) {
			continue
		}
		if mask != nil {
			t.mask = f.mask(mask)
			f.names = append(f.names, "Where")
		}
		f.step.form = "TopK(" + strings.Join(f.names, ", ") + ")"
		f.step.part, f.step.units, f.step.finish = t.part, t.units, t.finish
		p.steps[i] = f.step
	}
	p.dropUnused()
}

// chain makes v, of rows that TopK selects from, by the scores' product and elementwise operators.
func (f *topFuser) chain(v *graph.Value) bool {
	m := f.makers[v]
	if m == nil || f.uses[v] != 1 || v.DType() != tensor.Float32 {
		return false
	}
	last := len(v.Shape()) - 1
	if last < 0 || !v.Shape()[last].Is(f.width) {
		return false
	}
	if m.kind == view {
		return f.chain(m.in[0])
	}
	if s := scoresOf(m); s != nil {
		f.scores, f.step.in = s, slices.Clone(m.in)
		f.names = append(f.names, m.what())
		return true
	}
	if d, in := f.digitsOf(m); d != nil {
		f.scores, f.step.in = d, in
		f.names = append(f.names, "MatMul(A, MatMulInteger(B, Cᵀ))")
		return true
	}
	if m.rule == nil || m.rule.Kind != graph.Elementwise || m.what() != m.node.Op.String() {
		return false
	}
	for i, x := range m.in {
		if x.Shape().Same(v.Shape()) && f.fits(m, i) && f.chain(x) {
			f.add(m, i)
			return true
		}
	}
	return false
}

// scoresOf returns how to compute the product of a step by columns, nil where that cannot be.
func scoresOf(s *step) scores {
	if s.scores != nil {
		return s.scores
	}
	if f := s.product; f != nil && f.weights == nil && !f.TransA && !f.TransB && s.in[1].Rank() == 2 {
		return f
	}
	return nil
}

// fits reports whether the operands of m but for the one at place chain can be had for a block.
func (f *topFuser) fits(m *step, chain int) bool {
	for i, x := range m.in {
		if i == chain {
			continue
		}
		switch extentOf(x.Shape(), m.out[0].Shape()) {
		case whole, vector, scalar, column:
		case none, periodic, repeated, total:
			return false
		}
	}
	return true
}

func (f *topFuser) add(m *step, chain int) {
	member := topMember{node: m.node, rule: m.rule}
	for i, x := range m.in {
		o := topOperand{in: -1}
		if i != chain {
			o = topOperand{in: place(f.step, x), extent: extentOf(x.Shape(), m.out[0].Shape()), laid: f.laid}
			if o.extent == scalar || o.extent == column {
				f.laid++
			}
		}
		member.operands = append(member.operands, o)
	}
	f.members = append(f.members, member)
	f.names = append(f.names, m.node.Op.Type)
}

const (
	// manyRows is how many rows are cut in place of columns: as many of the table's blocks as are read for a part of them are
	// read fast enough.
	manyRows = 4 * rowsOfPart
	// rowsOfPart is what a part of many rows has at least.
	rowsOfPart = pieceStep
)

// rows counts the rows of scores.
func (t *top) rows(out []*tensor.Tensor) int { return out[0].Len() / max(out[0].Dim(-1), 1) }

// units counts blocks of columns, or lots of rows where there are many.
func (t *top) units(in, out []*tensor.Tensor) (n, work int) {
	rows, each := t.rows(out), 1+t.scores.depth(in)/multiplyAdds
	if rows == 0 {
		return 0, 0
	}
	if rows >= manyRows {
		return (rows + rowsOfPart - 1) / rowsOfPart, rowsOfPart * t.width * each
	}
	block, _ := t.scores.cut()
	return (t.width + block - 1) / block, rows * min(block, t.width) * each
}

// part selects from blocks of columns for finish to merge, or for many rows writes what it selects.
func (t *top) part(l *lane, in, out []*tensor.Tensor, from, to int) error {
	rows, k := t.rows(out), out[0].Dim(-1)
	if rows < manyRows {
		if len(l.tops) == 0 {
			l.resetTops(rows, k, t)
		}
		block, _ := t.scores.cut()
		return t.selectFrom(l, in, 0, rows, from*block, min(to*block, t.width))
	}
	for ; from < to; from++ {
		row := from * rowsOfPart
		n := min(rowsOfPart, rows-row)
		l.resetTops(n, k, t)
		if err := t.selectFrom(l, in, row, n, 0, t.width); err != nil {
			return err
		}
		t.write(l, out, row)
	}
	return nil
}

// resetTops begins selecting from n rows.
func (l *lane) resetTops(n, k int, t *top) {
	if cap(l.tops) < n {
		l.tops = append(l.tops[:cap(l.tops)], make([]graph.Top, n-cap(l.tops))...)
	}
	l.tops = l.tops[:n]
	for i := range l.tops {
		l.tops[i].Reset(k, t.width, t.largest)
	}
}

// finish merges what the lanes selected.
func (t *top) finish(lanes []*lane, _, out []*tensor.Tensor) error {
	if t.rows(out) >= manyRows {
		return nil
	}
	var into *lane
	for _, l := range lanes {
		switch {
		case len(l.tops) == 0:
		case into == nil:
			into = l
		default:
			for i := range l.tops {
				into.tops[i].Merge(&l.tops[i])
			}
		}
	}
	if into != nil {
		t.write(into, out, 0)
	}
	return nil
}

// write writes the rows that a lane selected, from row on.
func (t *top) write(l *lane, out []*tensor.Tensor, row int) {
	values, ids, k := tensor.MustData[float32](out[0]), tensor.MustData[int64](out[1]), out[0].Dim(-1)
	for i := range l.tops {
		at := (row + i) * k
		l.tops[i].Best(values[at:at+k], ids[at:at+k])
	}
}

// selectFrom shows columns [from,to) of n rows, from row on, to the lane's selections.
func (t *top) selectFrom(l *lane, in []*tensor.Tensor, row, n, from, to int) error {
	block, together := t.scores.cut()
	together = min(together, n)
	memory := l.space((together + t.laid) * block)
	z, laid := memory[:together*block], memory[together*block:]
	for ; from < to; from += block {
		end := min(from+block, to)
		for first := 0; first < n; first += together {
			some := min(together, n-first)
			t.scores.columns(l, in, z, block, row+first, some, from, end)
			for i := range some {
				at, y := row+first+i, z[i*block:][:end-from]
				for k := range t.members {
					t.members[k].apply(l, in, y, laid[:t.laid*len(y)], at, from, t.width)
				}
				if err := l.tops[first+i].Add(l.Kernels, y, from, t.mask.of(in, at, t.width)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// apply computes the member for the block y of a row, which has width columns, from column first on.
func (m *topMember) apply(l *lane, in []*tensor.Tensor, y, laid []float32, row, first, width int) {
	l.args = l.args[:0]
	for _, o := range m.operands {
		arg := y
		if o.in >= 0 {
			x := tensor.MustData[float32](in[o.in])
			switch o.extent {
			case whole:
				arg = x[row*width+first:][:len(y)]
			case vector:
				arg = x[first:][:len(y)]
			case scalar:
				arg = spread(laid[o.laid*len(y):][:len(y)], x[0])
			case column:
				arg = spread(laid[o.laid*len(y):][:len(y)], x[row])
			case none, periodic, repeated, total:
			}
		}
		l.args = append(l.args, arg)
	}
	l.Prepared = nil
	m.rule.Compute(&l.Run, m.node, y, l.args, len(y))
}

// spread fills to, which is not empty, with v and returns it.
func spread(to []float32, v float32) []float32 {
	to[0] = v
	for n := 1; n < len(to); n *= 2 {
		copy(to[n:], to[:n])
	}
	return to
}
