package graph

import (
	"errors"
	"fmt"

	"recsys/graph/kernel"
	"recsys/tensor"
)

// recurrence is what GRU and LSTM share: x [L,B,I], weights w [1,G·H,I] and r [1,G·H,H], bias [1,2·G·H], the lengths of
// the sequences [B] int32 and states [1,B,H], as ONNX has them for the forward direction and layout 0. G is the number
// of gates.
type recurrence struct {
	gates  int
	states int // inputs from 5 on that are states: of a GRU one, of an LSTM two
}

// infer is the shape rule: the states of every step [L,1,B,H], then the last of each state [1,B,H].
func (k recurrence) infer(c *InferContext) error {
	if err := c.Want(3, 5+k.states); err != nil {
		return err
	}
	for i, t := range c.In {
		want := tensor.Float32
		if i == 4 {
			want = tensor.Int32
		}
		if c.Has(i) && t.DType != want {
			return fmt.Errorf("input %d is %s; supported is %s", i, t.DType, want)
		}
	}
	if err := k.attributes(c.Node.Attrs); err != nil {
		return err
	}
	x, r := c.In[0].Shape, c.In[2].Shape
	if len(x) != 3 || len(r) != 3 || !r[2].IsFixed() {
		return fmt.Errorf("x is %s and the recurrence weights are %s; they have to be [L,B,I] and [1,%d·H,H]", x, r, k.gates)
	}
	l, b, h := x[0], x[1], r[2]
	if n := c.Node.Attrs.Int("hidden_size", int64(h.Size)); n != int64(h.Size) {
		return fmt.Errorf("attribute hidden_size is %d and the recurrence weights are %s", n, r)
	}
	all := k.gates * h.Size
	state := Shape{Fixed(1), b, h}
	wants := []Shape{x, {Fixed(1), Fixed(all), x[2]}, {Fixed(1), Fixed(all), h}, Dims(1, 2*all), {b}, state, state}
	for i := range c.In {
		if c.Has(i) && !c.In[i].Shape.Same(wants[i]) {
			return fmt.Errorf("input %d is %s, wants %s", i, c.In[i].Shape, wants[i])
		}
	}
	c.Out(0, tensor.Float32, Shape{l, Fixed(1), b, h})
	for i := range k.states {
		c.Out(1+i, tensor.Float32, state)
	}
	return nil
}

// attributes refuses settings other than those that the kernels compute.
func (k recurrence) attributes(a Attrs) error {
	if d := a.Str("direction", "forward"); d != "forward" {
		return fmt.Errorf("attribute direction is %q; supported is forward", d)
	}
	if a.Int("layout", 0) != 0 {
		return errors.New("attribute layout is 1; supported is 0: export without batch_first, or transpose x and the outputs")
	}
	return nil
}

// sequence is one run of a recurrence.
type sequence struct {
	length, batch, hidden, all int // all is G·H
	lens                       []int32
	x                          []float32 // [L,B,G·H]: the inputs' part of every step, with their bias
	weights, bias              []float32 // [G·H,H] and [G·H], nil without
	step                       []float32 // [B,G·H]: scratch for the state's part of a step
	out                        []float32 // [L,B,H]
}

// begin computes what does not depend on the states, and sets these to their first values.
func (k recurrence) begin(r *Run, in, out []*tensor.Tensor) (sequence, error) {
	x, w := in[0], in[1]
	s := sequence{length: x.Dim(0), batch: x.Dim(1), hidden: out[1].Dim(2), all: w.Dim(1)}
	rows, width := s.length*s.batch, x.Dim(2)
	buffer := r.Scratch((rows + s.batch) * s.all)
	s.x, s.step = buffer[:rows*s.all], buffer[rows*s.all:]
	s.weights, s.out = tensor.MustData[float32](in[2]), tensor.MustData[float32](out[0])
	r.Kernels.Gemm(kernel.Gemm{
		TransB: true, M: rows, N: s.all, K: width, A: tensor.MustData[float32](x), B: tensor.MustData[float32](w), C: s.x,
		LDA: width, LDB: width, LDC: s.all,
	})
	if optional := present(in, 3); optional != nil {
		bias := tensor.MustData[float32](optional)
		s.bias = bias[s.all:]
		for at := 0; at < len(s.x); at += s.all {
			r.Kernels.Add(s.x[at:at+s.all], s.x[at:at+s.all], bias[:s.all])
		}
	}
	if lens := present(in, 4); lens != nil {
		s.lens = tensor.MustData[int32](lens)
		for i, n := range s.lens {
			if n < 0 || int(n) > s.length {
				return s, fmt.Errorf("sequence %d has the length %d, outside [0,%d]", i, n, s.length)
			}
		}
	}
	for i := range k.states {
		state := tensor.MustData[float32](out[1+i])
		if first := present(in, 5+i); first != nil {
			copy(state, tensor.MustData[float32](first))
		} else {
			clear(state)
		}
		for row, n := range s.lens {
			if n == 0 { // as in ONNX Runtime: what has no step has no state
				clear(state[row*s.hidden:][:s.hidden])
			}
		}
	}
	return s, nil
}

func present(in []*tensor.Tensor, i int) *tensor.Tensor {
	if i < len(in) {
		return in[i]
	}
	return nil
}

// run calls cell for every step of every sequence with the inputs' part x [G·H], the state's part h [G·H] and the number
// of the sequence, and writes the state [B,H] that it leaves to the output; 0 behind the end of a sequence.
func (s *sequence) run(r *Run, state []float32, cell func(x, h []float32, row int)) {
	g := kernel.Gemm{
		TransB: true, M: s.batch, N: s.all, K: s.hidden, A: state, B: s.weights, C: s.step,
		LDA: s.hidden, LDB: s.hidden, LDC: s.all,
	}
	for t := range s.length {
		r.Kernels.Gemm(g)
		for row := range s.batch {
			out := s.out[(t*s.batch+row)*s.hidden:][:s.hidden]
			if s.lens != nil && t >= int(s.lens[row]) {
				clear(out)
				continue
			}
			h := s.step[row*s.all:][:s.all]
			if s.bias != nil {
				r.Kernels.Add(h, h, s.bias)
			}
			cell(s.x[(t*s.batch+row)*s.all:][:s.all], h, row)
			copy(out, state[row*s.hidden:][:s.hidden])
		}
	}
}
