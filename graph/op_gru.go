package graph

import (
	"errors"

	"recsys/tensor"
)

// Recurrent holds the values that GRU and LSTM take besides x and their weights; each may be nil. Bias is [1,2·G·H]: that
// of the input's product, then that of the state's, for the G gates; Lengths [B] int32 are the sequences' lengths,
// behind which outputs are 0 and states stay (the last states of a sequence of length 0 are 0); Hidden and, of an LSTM, Cell [1,B,H] are the first states, else 0.
type Recurrent struct{ Bias, Lengths, Hidden, Cell *Value }

// GRU returns the hidden states of all steps [L,1,B,H] and the last ones [1,B,H] of a gated recurrent unit over
// x [L,B,I] with the weights w [1,3·H,I] and r [1,3·H,H], gates in the order update, reset, new (Cho et al. 2014,
// equations 5 to 8, with the reset gate applied behind the product with r: ONNX's linear_before_reset = 1). All but
// the lengths are float32. Its gradient needs a fixed L.
func (b *Builder) GRU(x, w, r *Value, o Recurrent) (states, last *Value) {
	outs := b.Apply(b.ops["GRU"], recurrentAttrs(r, Attrs{"linear_before_reset": int64(1)}), x, w, r, o.Bias, o.Lengths, o.Hidden)
	return outs[0], outs[1]
}

// recurrentAttrs adds hidden_size, which ONNX Runtime wants.
func recurrentAttrs(r *Value, a Attrs) Attrs {
	if n := len(r.shape); n > 0 && r.shape[n-1].IsFixed() {
		a["hidden_size"] = int64(r.shape[n-1].Size)
	}
	return a
}

func gru() recurrence { return recurrence{gates: 3, states: 1} }

func opGRU() *Op {
	return &Op{
		Type: "GRU", Since: 14,
		Infer: func(c *InferContext) error {
			if c.Node.Attrs.Int("linear_before_reset", 0) == 0 {
				return errors.New("attribute linear_before_reset is 0; supported is 1, as PyTorch exports")
			}
			return gru().infer(c)
		},
		Kernel: gruKernel,
		Grad:   gruGrad,
	}
}

func gruKernel(r *Run, _ *Node, in, out []*tensor.Tensor) error {
	s, err := gru().begin(r, in, out)
	if err != nil {
		return err
	}
	state, n := tensor.MustData[float32](out[1]), s.hidden
	s.run(r, state, func(x, h []float32, row int) {
		gates, fresh := x[:2*n], x[2*n:]
		r.Kernels.Add(gates, gates, h[:2*n])
		r.Kernels.Sigmoid(gates, gates)
		update, reset := gates[:n], gates[n:]
		r.Kernels.Mul(reset, reset, h[2*n:])
		r.Kernels.Add(fresh, fresh, reset)
		r.Kernels.Tanh(fresh, fresh)
		for i, old := range state[row*n:][:n] {
			state[row*n+i] = fresh[i] + float32(update[i]*(old-fresh[i]))
		}
	})
	return nil
}

// gruGrad runs the steps once more to have their gates, then goes back through them:
//
//	h' = n + z·(h-n),  n = tanh(xₙ + r·hₙ),  z = σ(x_z+h_z),  r = σ(x_r+h_r)
func gruGrad(c *GradContext) {
	u, ok := unroll(c, gru())
	if !ok {
		return
	}
	b := c.B
	type step struct{ z, r, n, hn, h *Value }
	steps := make([]step, u.length)
	h := u.first(0)
	for t := range steps {
		x, y := b.thirds(u.input(t)), b.thirds(u.recurrent(h))
		s := step{z: b.Sigmoid(b.Add(x[0], y[0])), r: b.Sigmoid(b.Add(x[1], y[1])), hn: y[2], h: h}
		s.n = b.Tanh(b.Add(x[2], b.Mul(s.r, s.hn)))
		steps[t] = s
		h = u.keep(t, b.Add(s.n, b.Mul(s.z, b.Sub(h, s.n))), h)
	}
	dh := u.last(0)
	for t := u.length - 1; t >= 0; t-- {
		s := steps[t]
		g, rest := u.part(t, b.Add(dh, u.output(t))), u.rest(t, dh)
		dn := b.Mul(b.Mul(g, b.Sub(b.Float32(1), s.z)), b.tanhSlope(s.n))
		dz := b.Mul(b.Mul(g, b.Sub(s.h, s.n)), b.sigmoidSlope(s.z))
		dr := b.Mul(b.Mul(dn, s.hn), b.sigmoidSlope(s.r))
		back := u.step(s.h, b.Concat(1, dz, dr, dn), b.Concat(1, dz, dr, b.Mul(dn, s.r)))
		dh = b.add(b.Add(back, b.Mul(g, s.z)), rest)
	}
	u.set(dh)
}

// thirds cuts the gates of a GRU apart.
func (b *Builder) thirds(x *Value) []*Value {
	n := int64(x.shape[1].Size / 3)
	return b.Split(x, 1, n, n, n)
}
