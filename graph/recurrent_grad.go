package graph

import (
	"fmt"

	"recsys/tensor"
)

// unrolled is a recurrence whose steps are nodes of their own, for its gradient. Values of a step are [B,·].
type unrolled struct {
	c      *GradContext
	b      *Builder
	kind   recurrence
	length int
	inputs *Value // [L,B,G·H]: the inputs' products, with their bias
	w, r   *Value // [G·H,I] and [G·H,H]
	bias   *Value // [G·H] of the state's products, or nil
	zeros  *Value // [B,H]
	// What the steps leave, from the last one to the first: the gradients of the inputs' and the states' products [B,G·H]
	// and the states that came in [B,H].
	dx, dh, states []*Value
}

// unroll begins a gradient; ok is false after a fault, which has been recorded.
func unroll(c *GradContext, k recurrence) (u *unrolled, ok bool) {
	b, x := c.B, c.In(0)
	if !x.shape[0].IsFixed() || x.shape[0].Size == 0 {
		b.Fail(fmt.Errorf("node %q: %s has no gradient for x %s: its number of steps has to be fixed", c.Node.Name, c.Node.Op, x.shape))
		return nil, false
	}
	u = &unrolled{c: c, b: b, kind: k, length: x.shape[0].Size}
	u.w, u.r = b.Squeeze(c.In(1), []int64{0}), b.Squeeze(c.In(2), []int64{0})
	u.zeros = b.Expand(b.Float32(0), b.ShapeOf(b.Squeeze(c.Out(1), []int64{0})))
	u.inputs = b.MatMul(x, b.swap(u.w))
	if bias := u.optional(3); bias != nil {
		all := int64(u.w.shape[0].Size)
		parts := b.Split(b.Squeeze(bias, []int64{0}), 0, all, all)
		u.inputs, u.bias = b.Add(u.inputs, parts[0]), parts[1]
	}
	return u, true
}

func (u *unrolled) optional(i int) *Value {
	if i < len(u.c.Node.Inputs) {
		return u.c.Node.Inputs[i]
	}
	return nil
}

// first returns the first value of a state [B,H].
func (u *unrolled) first(state int) *Value {
	if v := u.optional(5 + state); v != nil {
		return u.b.Squeeze(v, []int64{0})
	}
	return u.zeros
}

// input returns the inputs' part of step t, recurrent the state's.
func (u *unrolled) input(t int) *Value {
	return u.b.Squeeze(u.b.SliceAxis(u.inputs, 0, int64(t), int64(t)+1), []int64{0})
}

func (u *unrolled) recurrent(h *Value) *Value {
	product := u.b.MatMul(h, u.b.swap(u.r))
	if u.bias == nil {
		return product
	}
	return u.b.Add(product, u.bias)
}

// keep returns next for sequences that have a step t, else old.
func (u *unrolled) keep(t int, next, old *Value) *Value {
	if running := u.running(t); running != nil {
		return u.b.Where(running, next, old)
	}
	return next
}

// running tells for every sequence whether it has a step t, as bool [B,1]; nil when all have.
func (u *unrolled) running(t int) *Value {
	lens := u.optional(4)
	if lens == nil {
		return nil
	}
	return u.b.Unsqueeze(u.b.Greater(lens, u.b.Const("", tensor.Scalar(int32(t)))), []int64{1})
}

// part is g where a sequence has a step t, else 0; rest is the other way round, nil when all have it.
func (u *unrolled) part(t int, g *Value) *Value { return u.keep(t, g, u.b.Float32(0)) }

func (u *unrolled) rest(t int, g *Value) *Value {
	if running := u.running(t); running != nil {
		return u.b.Where(running, u.b.Float32(0), g)
	}
	return nil
}

// last returns the upstream gradient of a state's last value, which is a constant 0 for sequences without a step; output
// returns that of the hidden state behind step t.
func (u *unrolled) last(state int) *Value {
	if g := u.c.Upstream(1 + state); g != nil {
		return u.part(0, u.b.Squeeze(g, []int64{0}))
	}
	return u.zeros
}

func (u *unrolled) output(t int) *Value {
	g := u.c.Upstream(0)
	if g == nil {
		return u.zeros
	}
	return u.b.Squeeze(u.b.SliceAxis(g, 0, int64(t), int64(t)+1), []int64{0, 1})
}

// step records the gradients of a step's products, whose state was h, and returns what they give h.
func (u *unrolled) step(h, dx, dh *Value) *Value {
	u.dx, u.dh, u.states = append(u.dx, dx), append(u.dh, dh), append(u.states, h)
	return u.b.MatMul(dh, u.r)
}

// set gives the gradients of all inputs, those of the first states among them.
func (u *unrolled) set(states ...*Value) {
	b, c := u.b, u.c
	all := int64(u.w.shape[0].Size)
	dx, dh := u.stack(u.dx), u.stack(u.dh)
	c.Set(0, b.MatMul(dx, u.w))
	product := func(g, x *Value, width int) *Value {
		rows, upstream := b.Reshape(x, b.Int64s(-1, int64(width))), b.Reshape(g, b.Int64s(-1, all))
		return b.Unsqueeze(b.MatMul(b.swap(upstream), rows), []int64{0})
	}
	c.Set(1, product(dx, c.In(0), c.In(0).shape[2].Size))
	c.Set(2, product(dh, u.stack(u.states), u.r.shape[1].Size))
	if u.bias != nil {
		sums := b.Concat(0, b.ReduceSum(dx, []int64{0, 1}, false), b.ReduceSum(dh, []int64{0, 1}, false))
		c.Set(3, b.Unsqueeze(sums, []int64{0}))
	}
	for i, g := range states {
		if u.optional(5+i) != nil {
			c.Set(5+i, b.Unsqueeze(g, []int64{0}))
		}
	}
}

// stack joins values of the steps, the last first, to [L,B,·] in order.
func (u *unrolled) stack(steps []*Value) *Value {
	parts := make([]*Value, len(steps))
	for i, v := range steps {
		parts[len(steps)-1-i] = u.b.Unsqueeze(v, []int64{0})
	}
	return u.b.Concat(0, parts...)
}

// add is Add, or x where y is nil.
func (b *Builder) add(x, y *Value) *Value {
	if y == nil {
		return x
	}
	return b.Add(x, y)
}
