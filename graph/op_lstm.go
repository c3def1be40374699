package graph

import (
	"errors"

	"recsys/tensor"
)

// LSTM returns the hidden states of all steps [L,1,B,H] and the last hidden and cell states [1,B,H] of a long short-term
// memory over x [L,B,I] with the weights w [1,4·H,I] and r [1,4·H,H], gates in the order input, output, forget, cell
// (Gers, Schmidhuber and Cummins 2000, section 2, without peepholes). All but the lengths are float32. Its gradient
// needs a fixed L.
func (b *Builder) LSTM(x, w, r *Value, o Recurrent) (states, hidden, cell *Value) {
	outs := b.Apply(b.ops["LSTM"], recurrentAttrs(r, Attrs{}), x, w, r, o.Bias, o.Lengths, o.Hidden, o.Cell)
	if len(outs) < 3 { // placeholders after a fault
		return outs[0], outs[0], outs[0]
	}
	return outs[0], outs[1], outs[2]
}

func lstm() recurrence { return recurrence{gates: 4, states: 2} }

func opLSTM() *Op {
	return &Op{
		Type: "LSTM", Since: 14,
		Infer: func(c *InferContext) error {
			if c.Has(7) {
				return errors.New("input 7, the weights of peepholes, is not supported")
			}
			if c.Node.Attrs.Int("input_forget", 0) != 0 {
				return errors.New("attribute input_forget is 1; supported is 0")
			}
			return lstm().infer(c)
		},
		Kernel: lstmKernel,
		Grad:   lstmGrad,
	}
}

func lstmKernel(r *Run, _ *Node, in, out []*tensor.Tensor) error {
	s, err := lstm().begin(r, in, out)
	if err != nil {
		return err
	}
	hidden, cell, n := tensor.MustData[float32](out[1]), tensor.MustData[float32](out[2]), s.hidden
	s.run(r, hidden, func(x, h []float32, row int) {
		r.Kernels.Add(x, x, h)
		r.Kernels.Sigmoid(x[:3*n], x[:3*n])
		r.Kernels.Tanh(x[3*n:], x[3*n:])
		let, show, forget, fresh := x[:n], x[n:2*n], x[2*n:3*n], x[3*n:]
		c := cell[row*n:][:n]
		for i, old := range c {
			c[i] = float32(forget[i]*old) + float32(let[i]*fresh[i])
		}
		r.Kernels.Tanh(fresh, c)
		r.Kernels.Mul(hidden[row*n:][:n], show, fresh)
	})
	return nil
}

// lstmGrad runs the steps once more to have their gates, then goes back through them:
//
//	c' = f·c + i·g,  h' = o·tanh(c');  i, o and f are sigmoids and g is the tanh of the products' sums
func lstmGrad(c *GradContext) {
	u, ok := unroll(c, lstm())
	if !ok {
		return
	}
	b := c.B
	type step struct{ i, o, f, g, c, t, h *Value } // c is the cell before the step, t the tanh of the one behind it
	steps := make([]step, u.length)
	h, cell := u.first(0), u.first(1)
	for t := range steps {
		sum := b.Add(u.input(t), u.recurrent(h))
		n := int64(sum.shape[1].Size / 4)
		gates := b.Split(sum, 1, n, n, n, n)
		s := step{i: b.Sigmoid(gates[0]), o: b.Sigmoid(gates[1]), f: b.Sigmoid(gates[2]), g: b.Tanh(gates[3]), c: cell, h: h}
		next := b.Add(b.Mul(s.f, cell), b.Mul(s.i, s.g))
		s.t = b.Tanh(next)
		steps[t] = s
		h, cell = u.keep(t, b.Mul(s.o, s.t), h), u.keep(t, next, cell)
	}
	dh, dc := u.last(0), u.last(1)
	for t := u.length - 1; t >= 0; t-- {
		s := steps[t]
		g, restH, restC := u.part(t, b.Add(dh, u.output(t))), u.rest(t, dh), u.rest(t, dc)
		d := b.Add(u.part(t, dc), b.Mul(b.Mul(g, s.o), b.tanhSlope(s.t)))
		gates := b.Concat(1,
			b.Mul(b.Mul(d, s.g), b.sigmoidSlope(s.i)), b.Mul(b.Mul(g, s.t), b.sigmoidSlope(s.o)),
			b.Mul(b.Mul(d, s.c), b.sigmoidSlope(s.f)), b.Mul(b.Mul(d, s.i), b.tanhSlope(s.g)))
		dh = b.add(u.step(s.h, gates, gates), restH)
		dc = b.add(b.Mul(d, s.f), restC)
	}
	u.set(dh, dc)
}
