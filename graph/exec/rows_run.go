package exec

import (
	"recsys/graph"
	"recsys/tensor"
)

// lane is the memory of one goroutine of a run.
type lane struct {
	graph.Run
	floats    []float32
	registers [][]float32
	args      [][]float32
	scores    []float32        // of attention
	operands  []*tensor.Tensor // of attention
	tops      []graph.Top      // by row
	ints      []int32          // of digits
	digits    []float32        // of digits
}

// space returns n floats of arbitrary content that are valid until the next call.
func (l *lane) space(n int) []float32 {
	if cap(l.floats) < n {
		l.floats = make([]float32, n)
	}
	return l.floats[:n]
}

// rowBlock is a range of rows on its way through the members of a region.
type rowBlock struct {
	*rows
	lane        *lane
	in, out     []*tensor.Tensor
	lead        []int // the axes before the last
	width       int
	x, y        []float32 // what stands for the first input and the first output, from row base on; nil for none
	base        int
	most        int // rows of a full block
	first, n    int
	ones, extra []float32 // a row of ones; a whole block
	spread      []float32
}

// part computes the rows [from,to).
func (f *rows) part(l *lane, in, out []*tensor.Tensor, from, to int) error {
	count, width := f.size(in, out)
	if f.totals {
		from, to = 0, count
		for _, reg := range f.registers {
			if reg.extent == total {
				clear(tensor.MustData[float32](out[reg.out]))
			}
		}
	}
	b := rowBlock{rows: f, lane: l, in: in, out: out, lead: f.registers[f.shape].tensor(in, out).Shape()[:f.rank-1], width: width}
	if from < to {
		b.prepare(to - from)
		b.run(from, to)
	}
	return nil
}

// prepare divides the lane's memory for runs of up to n rows, n > 0.
func (b *rowBlock) prepare(n int) {
	f, l, width := b.rows, b.lane, b.width
	b.most = min(max(1, blockFloats/max(width, 1)), n)
	size := b.most * width
	memory := l.space(width + (1+f.spreads+f.wholes)*size + f.columns*b.most)
	cut := func(n int) []float32 {
		m := memory[:n:n]
		memory = memory[n:]
		return m
	}
	b.ones, b.extra, b.spread = cut(width), cut(size), cut(f.spreads*size)
	for i := range b.ones {
		b.ones[i] = 1
	}
	if cap(l.registers) < len(f.registers) {
		l.registers = make([][]float32, len(f.registers))
	}
	l.registers = l.registers[:len(f.registers)]
	wholes, columns := cut(f.wholes*size), cut(f.columns*b.most)
	for k, reg := range f.registers {
		switch {
		case reg.temp >= 0 && reg.extent == column:
			l.registers[k] = columns[reg.temp*b.most : (reg.temp+1)*b.most]
		case reg.temp >= 0:
			l.registers[k] = wholes[reg.temp*size : (reg.temp+1)*size]
		case reg.extent == vector, reg.extent == scalar:
			b.repeat(reg.spread, tensor.MustData[float32](b.in[reg.in]))
		}
	}
}

// run computes the rows [from,to).
func (b *rowBlock) run(from, to int) {
	for b.first = from; b.first < to; b.first += b.most {
		b.n = min(b.most, to-b.first)
		b.load()
		for i := range b.members {
			b.compute(&b.members[i])
		}
	}
}

// laid returns the place of an input that is laid out.
func (b *rowBlock) laid(spread int) []float32 {
	size := b.most * b.width
	return b.spread[spread*size : (spread+1)*size]
}

// repeat lays out a vector or a scalar for as many rows as a block has.
func (b *rowBlock) repeat(spread int, x []float32) {
	if spread < 0 {
		return
	}
	to := b.laid(spread)
	for n := copy(to, x); n < len(to); n *= 2 {
		copy(to[n:], to[:n])
	}
}

// load points the registers of inputs and outputs at the block's rows.
func (b *rowBlock) load() {
	for k := range b.registers {
		reg := &b.registers[k]
		if reg.temp >= 0 {
			continue
		}
		if data := b.inner(reg); data != nil {
			at := (b.first - b.base) * b.width
			b.lane.registers[k] = data[at : at+b.n*b.width]
			continue
		}
		t := reg.tensor(b.in, b.out)
		data := tensor.MustData[float32](t)
		switch reg.extent {
		case whole:
			data = data[b.first*b.width : (b.first+b.n)*b.width]
		case column:
			data = data[b.first : b.first+b.n]
		case periodic:
			to := b.laid(reg.spread)[:b.n*b.width]
			if len(to) == 0 {
				break
			}
			from := b.first * b.width % len(data)
			for n := copy(to, data[from:]); n < len(to); {
				n += copy(to[n:], data)
			}
		case repeated:
			to, own := b.laid(reg.spread), t.Shape()[:t.Rank()-1]
			for i := range b.n {
				at := graph.BroadcastIndex(b.lead, own, b.first+i) * b.width
				copy(to[i*b.width:(i+1)*b.width], data[at:])
			}
		case none, vector, scalar, total:
		}
		b.lane.registers[k] = data
	}
}

// inner returns the memory that stands for a register's tensor, if any.
func (b *rowBlock) inner(reg *register) []float32 {
	switch {
	case reg.in == 0:
		return b.x
	case reg.out == 0:
		return b.y
	}
	return nil
}

// compute runs a member on the block.
func (b *rowBlock) compute(m *member) {
	l, size := b.lane, b.n*b.width
	y := l.registers[m.y]
	if m.rule == nil {
		x := l.registers[m.x[0]]
		for at := 0; at < size; at += b.width {
			l.Kernels.Add(y, y, x[at:at+b.width])
		}
		return
	}
	if b.registers[m.y].extent == column {
		size = b.n
	}
	y = y[:size]
	if m.node.Op.Type == "Mul" && b.scale(m, y) {
		return
	}
	l.args = l.args[:0]
	for _, k := range m.x {
		l.args = append(l.args, b.operand(m, k, size))
	}
	l.Prepared = nil
	m.rule.Compute(&l.Run, m.node, y, l.args, b.width)
}

// operand returns what a member reads of register k.
func (b *rowBlock) operand(m *member, k, size int) []float32 {
	reg, x := &b.registers[k], b.lane.registers[k]
	switch reg.extent {
	case whole:
		return x[:b.n*b.width]
	case column:
		if m.rule.Kind != graph.Elementwise || b.registers[m.y].extent == column {
			return x[:b.n]
		}
		for i, v := range x[:b.n] {
			b.lane.Kernels.Scale(b.extra[i*b.width:(i+1)*b.width], v, b.ones)
		}
		return b.extra[:size]
	case vector, scalar, periodic, repeated:
		if m.rule.Kind == graph.Elementwise {
			return b.laid(reg.spread)[:size]
		}
	case none, total:
	}
	return x
}

// scale multiplies rows by elements of a column, which saves laying the column out.
func (b *rowBlock) scale(m *member, y []float32) bool {
	x, c := m.x[0], m.x[1]
	if b.registers[c].extent != column {
		x, c = c, x
	}
	if b.registers[m.y].extent != whole || b.registers[x].extent != whole || b.registers[c].extent != column {
		return false
	}
	from := b.lane.registers[x]
	for i, v := range b.lane.registers[c][:b.n] {
		at := i * b.width
		b.lane.Kernels.Scale(y[at:at+b.width], v, from[at:at+b.width])
	}
	return true
}
