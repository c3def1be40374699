package exec

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// layout places the values of a binding in memory.
type layout struct {
	static []*tensor.Tensor // by slot: constants, and what depends on shapes alone; nil for others
	done   []bool           // by step: the outputs are static
	root   []int            // by slot: the slot whose memory a view shows; itself for others
	copied []bool           // by step: a view that has to be a copy
	offset []int            // by slot: where in the arena a root stands, -1 for inputs, parameters and static values
	bytes  int
	texts  int
}

// staticLimit bounds the elements of a value that is computed when shapes are bound and kept with the binding.
const staticLimit = 1 << 14

// maxArena bounds the bytes of intermediate values: a binding that needs more is refused instead of ending the program.
const maxArena = 1 << 37

// alignment of values in the arena, in bytes: a cache line.
const alignment = 64

// block is memory that one value, or a chain of values that overwrite one another, needs from a step to a step.
type block struct {
	size, first, last int
	text              bool
	offset            int
	slots             []int
}

// lay computes the layout for the given shapes.
func (p *Plan) lay(shapes [][]int) (layout, error) {
	n := len(p.values)
	l := layout{
		static: make([]*tensor.Tensor, n), done: make([]bool, len(p.steps)),
		root: make([]int, n), copied: make([]bool, len(p.steps)), offset: make([]int, n),
	}
	for i, v := range p.values {
		l.root[i], l.offset[i], l.static[i] = i, -1, p.consts[v]
	}
	isOutput := make([]bool, n)
	for _, o := range p.outputs {
		isOutput[p.slots[o.Value]] = true
	}
	if err := p.layStatic(&l, shapes, isOutput); err != nil {
		return l, err
	}
	p.layViews(&l, isOutput)
	blocks := p.blocks(&l, shapes, isOutput)
	l.bytes, l.texts = assign(blocks, false), assign(blocks, true)
	if l.bytes > maxArena || l.texts > maxArena/16 {
		return l, fmt.Errorf("intermediate values need %d bytes and %d strings; run a smaller batch", l.bytes, l.texts)
	}
	for _, b := range blocks {
		for _, s := range b.slots {
			l.offset[s] = b.offset
		}
	}
	return l, nil
}

// layStatic computes what depends on constants and shapes alone.
func (p *Plan) layStatic(l *layout, shapes [][]int, isOutput []bool) error {
	for i, s := range p.steps {
		if s.kind == shape {
			of := s.node.Inputs[0]
			l.static[p.slots[s.out[0]]] = shapeTensor(shapes[p.slots[of]])
			l.done[i] = true
			continue
		}
		in, ok := p.staticInputs(l, s)
		if !ok {
			continue
		}
		out := make([]*tensor.Tensor, len(s.out))
		for k, v := range s.out {
			slot := p.slots[v]
			if count(shapes[slot]) > staticLimit || isOutput[slot] {
				ok = false
				break
			}
			out[k] = tensor.Zeros(v.DType(), shapes[slot]...)
		}
		if !ok {
			continue
		}
		if err := s.compute(p.kernels, in, out); err != nil {
			return err
		}
		for k, v := range s.out {
			l.static[p.slots[v]] = out[k]
		}
		l.done[i] = true
	}
	return nil
}

func shapeTensor(sizes []int) *tensor.Tensor {
	t := tensor.Zeros(tensor.Int64, len(sizes))
	data := tensor.MustData[int64](t)
	for i, n := range sizes {
		data[i] = int64(n)
	}
	return t
}

func (p *Plan) staticInputs(l *layout, s *step) ([]*tensor.Tensor, bool) {
	in := make([]*tensor.Tensor, len(s.in))
	for k, v := range s.in {
		if v == nil {
			continue
		}
		if in[k] = l.static[p.slots[v]]; in[k] == nil {
			return nil, false
		}
	}
	return in, len(in) > 0
}

// layViews finds the root of every view. An output of the graph gets memory of its own: it shows neither an input, a
// parameter nor a constant, and no memory that another output shows.
func (p *Plan) layViews(l *layout, isOutput []bool) {
	computed := make([]bool, len(p.values))
	claimed := slices.Clone(isOutput)
	for i, s := range p.steps {
		if l.done[i] {
			continue
		}
		if s.kind != view {
			for _, v := range s.out {
				computed[p.slots[v]] = true
			}
			continue
		}
		out, root := p.slots[s.out[0]], l.root[p.slots[s.in[0]]]
		if isOutput[out] && (!computed[root] || claimed[root]) {
			l.copied[i] = true
			computed[out] = true
			continue
		}
		l.root[out] = root
		claimed[root] = claimed[root] || isOutput[out]
	}
}

// blocks returns the memory that the steps need, with values that overwrite others in place joined to them.
func (p *Plan) blocks(l *layout, shapes [][]int, isOutput []bool) []*block {
	last := make([]int, len(p.values)) // by root: the last step that reads or writes it
	for i, s := range p.steps {
		if l.done[i] {
			continue
		}
		for _, v := range slices.Concat(s.in, s.out) {
			if v != nil {
				last[l.root[p.slots[v]]] = i
			}
		}
	}
	for slot, is := range isOutput {
		if is {
			last[l.root[slot]] = len(p.steps)
		}
	}
	var blocks []*block
	of := make([]*block, len(p.values)) // by root
	for i, s := range p.steps {
		if l.done[i] || s.kind == view && !l.copied[i] {
			continue
		}
		for k, v := range s.out {
			slot := p.slots[v]
			if k == 0 {
				if b := p.overwritten(l, s, of, last, i, shapes); b != nil {
					b.last = last[slot]
					b.slots = append(b.slots, slot)
					of[slot] = b
					continue
				}
			}
			b := &block{size: count(shapes[slot]), first: i, last: last[slot], text: v.DType() == tensor.String, slots: []int{slot}}
			if !b.text {
				b.size = (min(b.size, maxArena)*v.DType().Size() + alignment - 1) / alignment * alignment
			}
			of[slot] = b
			blocks = append(blocks, b)
		}
	}
	return blocks
}

// overwritten returns the block of an input that dies at step i and whose memory the first output may take.
func (p *Plan) overwritten(l *layout, s *step, of []*block, last []int, i int, shapes [][]int) *block {
	v := s.out[0]
	for _, k := range s.reuse {
		in := s.in[k]
		slot := p.slots[in]
		root := l.root[slot]
		if b := of[root]; b != nil && last[root] == i && in.DType() == v.DType() &&
			count(shapes[slot]) == count(shapes[p.slots[v]]) && !p.shownElsewhere(l, s, root) {
			return b
		}
	}
	return nil
}

// shownElsewhere reports whether a step reads the memory of root through an input whose elements it may read late.
func (p *Plan) shownElsewhere(l *layout, s *step, root int) bool {
	for k, v := range s.in {
		if v != nil && l.root[p.slots[v]] == root && !slices.Contains(s.reuse, k) {
			return true
		}
	}
	return false
}

// assign gives offsets to the blocks, largest first, each the lowest place that no block alive at the same time
// takes. It returns the size of the arena.
func assign(blocks []*block, text bool) int {
	order := slices.DeleteFunc(slices.Clone(blocks), func(b *block) bool { return b.text != text })
	slices.SortStableFunc(order, func(a, b *block) int { return b.size - a.size })
	var placed []*block // by offset
	total := 0
	for _, b := range order {
		at := 0
		for _, o := range placed {
			if o.last < b.first || b.last < o.first {
				continue
			}
			if o.offset >= at+b.size {
				break
			}
			at = max(at, o.offset+o.size)
		}
		b.offset = at
		total = max(total, at+b.size)
		i, _ := slices.BinarySearchFunc(placed, at, func(o *block, at int) int { return o.offset - at })
		placed = slices.Insert(placed, i, b)
	}
	return total
}

func count(sizes []int) int {
	n := 1
	for _, s := range sizes {
		n *= s
	}
	return n
}
