package exec

import (
	"context"
	"fmt"
	"slices"
	"unsafe"

	"recsys/graph"
	"recsys/tensor"
)

// state is the memory of one run at a time.
type state struct {
	b       *binding
	arena   []uint64
	texts   []string
	tensors []*tensor.Tensor // by slot
	in, out [][]*tensor.Tensor
	outputs []*tensor.Tensor
	result  tensor.Map
	team    *team
	linked  bool // whether in and out hold the current tensors
	at      int  // the current step
}

// take returns a state that no other run uses; give hands it back.
func (b *binding) take() *state {
	if st, ok := b.states.Get().(*state); ok {
		return st
	}
	return b.newState()
}

func (b *binding) give(st *state) {
	st.release()
	b.states.Put(st)
}

// release drops the caller's tensors, so that a waiting state does not keep them alive.
func (st *state) release() {
	p, l := st.b.plan, &st.b.layout
	for slot := range st.tensors {
		if root := l.root[slot]; l.offset[root] < 0 && l.static[root] == nil {
			st.tensors[slot] = nil
		}
	}
	for i := range p.steps {
		clear(st.in[i])
	}
	st.linked = false
	st.team.release()
}

func (b *binding) newState() *state {
	p, l := b.plan, &b.layout
	st := &state{
		b: b, arena: make([]uint64, (l.bytes+alignment)/8), texts: make([]string, l.texts),
		tensors: slices.Clone(l.static), team: newTeam(p),
	}
	// The first whole cache line of the arena, which values of several types share.
	base := unsafe.Pointer(unsafe.SliceData(st.arena))
	base = unsafe.Add(base, (alignment-int(uintptr(base)%alignment))%alignment)
	for slot, at := range l.offset {
		if at >= 0 {
			st.tensors[slot] = st.place(base, p.values[slot].DType(), at, b.shapes[slot])
		}
	}
	for i, s := range p.steps {
		if out := s.out[0]; s.kind == view && !l.done[i] && !l.copied[i] {
			if from := st.tensors[p.slots[s.in[0]]]; from != nil {
				st.tensors[p.slots[out]] = reshape(from, b.shapes[p.slots[out]])
			}
		}
		st.in = append(st.in, make([]*tensor.Tensor, len(s.in)))
		st.out = append(st.out, make([]*tensor.Tensor, len(s.out)))
	}
	st.result = make(tensor.Map, len(p.outputs))
	for _, o := range p.outputs {
		t := st.tensors[p.slots[o.Value]]
		st.outputs = append(st.outputs, t)
		st.result[o.Name] = t
	}
	return st
}

// place makes the tensor of a value at an offset of the arena.
func (st *state) place(base unsafe.Pointer, dtype tensor.DType, at int, shape []int) *tensor.Tensor {
	n := count(shape)
	if n == 0 {
		return tensor.Zeros(dtype, shape...)
	}
	if dtype == tensor.String {
		return tensor.Of(st.texts[at:at+n:at+n], shape...)
	}
	p := unsafe.Add(base, at)
	switch dtype {
	case tensor.Bool:
		return typed[bool](p, shape, n)
	case tensor.Uint8:
		return typed[uint8](p, shape, n)
	case tensor.Uint16:
		return typed[uint16](p, shape, n)
	case tensor.Uint32:
		return typed[uint32](p, shape, n)
	case tensor.Uint64:
		return typed[uint64](p, shape, n)
	case tensor.Int8:
		return typed[int8](p, shape, n)
	case tensor.Int16:
		return typed[int16](p, shape, n)
	case tensor.Int32:
		return typed[int32](p, shape, n)
	case tensor.Int64:
		return typed[int64](p, shape, n)
	case tensor.Float16:
		return typed[tensor.F16](p, shape, n)
	case tensor.BFloat16:
		return typed[tensor.BF16](p, shape, n)
	case tensor.Float32:
		return typed[float32](p, shape, n)
	case tensor.Float64:
		return typed[float64](p, shape, n)
	case tensor.Invalid, tensor.String:
	}
	panic("exec: value without a type")
}

func typed[T tensor.Element](p unsafe.Pointer, shape []int, n int) *tensor.Tensor {
	return tensor.Of(unsafe.Slice((*T)(p), n), shape...)
}

func reshape(t *tensor.Tensor, shape []int) *tensor.Tensor {
	v, err := t.Reshape(shape...)
	if err != nil {
		panic("exec: " + err.Error())
	}
	return v
}

// load points the slots of inputs and parameters at their tensors.
func (st *state) load(in tensor.Map) error {
	p := st.b.plan
	for slot, v := range p.values {
		var t *tensor.Tensor
		switch v.Kind() {
		case graph.FromInput:
			t = in[v.Name()]
		case graph.FromParam:
			t = v.Data()
		case graph.FromNode, graph.FromConst:
			continue
		}
		if t == st.tensors[slot] && t != nil {
			continue
		}
		if v.Kind() == graph.FromParam {
			if t == nil {
				return fmt.Errorf("parameter %q has no data; initialise or load the graph's parameters", v.Name())
			}
			if t.DType() != v.DType() || !slices.Equal(t.Shape(), st.b.shapes[slot]) {
				return fmt.Errorf("parameter %s holds %s", v, t)
			}
		}
		st.tensors[slot] = t
		st.linked = false
	}
	if !st.linked {
		st.link()
		st.linked = true
	}
	return nil
}

// link renews the views of inputs and parameters and the operands of the steps.
func (st *state) link() {
	p, l := st.b.plan, &st.b.layout
	for i, s := range p.steps {
		if l.done[i] {
			continue
		}
		if s.kind == view && !l.copied[i] {
			from, slot := p.slots[s.in[0]], p.slots[s.out[0]]
			if l.offset[l.root[from]] < 0 {
				st.tensors[slot] = reshape(st.tensors[from], st.b.shapes[slot])
			}
			continue
		}
		for k, v := range s.in {
			if v != nil {
				st.in[i][k] = st.tensors[p.slots[v]]
			}
		}
		for k, v := range s.out {
			st.out[i][k] = st.tensors[p.slots[v]]
		}
	}
}

// run computes all steps. The error names the node that refused its data.
func (st *state) run(ctx context.Context, in tensor.Map) (err error) {
	if err := st.load(in); err != nil {
		return err
	}
	p, l := st.b.plan, &st.b.layout
	p.budget.give(-1)
	defer func() {
		p.budget.give(1)
		if e := recover(); e != nil {
			n := p.steps[st.at].node
			err = fmt.Errorf("node %q (%s): panic: %v", n.Name, n.Op, e)
		}
	}()
	for i, s := range p.steps {
		if l.done[i] || s.kind == view && !l.copied[i] {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		st.at = i
		if s.kind == view {
			err = tensor.Copy(st.out[i][0], st.in[i][0])
		} else {
			err = st.team.do(s, st.in[i], st.out[i])
		}
		if err != nil {
			return s.wrap(err)
		}
	}
	return nil
}
