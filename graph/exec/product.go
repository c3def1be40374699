package exec

import (
	"slices"

	"recsys/graph"
	"recsys/tensor"
)

// product is a matrix product with what was folded into it.
type product struct {
	transA, transB bool
	bias           bool // input 2 is a bias [N]
	activation     func(r *graph.Run, y []float32)
	follows        string // the operator behind activation
}

// String describes the product, such as "MatMul(A, Bᵀ)+bias+Relu".
func (f *product) String() string {
	s := "MatMul(A"
	if f.transA {
		s += "ᵀ"
	}
	s += ", B"
	if f.transB {
		s += "ᵀ"
	}
	s += ")"
	if f.bias {
		s += "+bias"
	}
	if f.follows != "" {
		s += "+" + f.follows
	}
	return s
}

// foldTransposes makes a product read the inputs of Transposes that exchange the last two axes.
func foldTransposes(s *step, makers map[*graph.Value]*step) *step {
	f := &step{node: s.node, in: slices.Clone(s.in), out: s.out, product: &product{}}
	for i, trans := range []*bool{&f.product.transA, &f.product.transB} {
		for t := makers[f.in[i]]; t != nil && swapsLast(t); t = makers[f.in[i]] {
			f.in[i], *trans = t.in[0], !*trans
		}
	}
	f.run = f.product.run
	return f
}

// swapsLast reports whether s is a Transpose that exchanges the last two axes and keeps the others.
func swapsLast(s *step) bool {
	if s.node.Op.Type != "Transpose" || s.node.Op.Domain != "" || s.product != nil {
		return false
	}
	rank := s.in[0].Rank()
	perm := s.node.Attrs.Ints("perm")
	if rank < 2 || perm == nil {
		return rank == 2
	}
	want := make([]int64, rank)
	for i := range want {
		want[i] = int64(i)
	}
	want[rank-1], want[rank-2] = want[rank-2], want[rank-1]
	return slices.Equal(perm, want)
}

// transposeProduct turns the transpose of a product that has no other reader into the product of the transposed
// factors in the other order.
func transposeProduct(s *step, makers map[*graph.Value]*step, uses map[*graph.Value]int) *step {
	m := makers[s.in[0]]
	if m == nil || m.product == nil || m.product.bias || m.product.activation != nil || uses[s.in[0]] != 1 || !swapsLast(s) {
		return transposeKernel(s)
	}
	turned := &product{transA: !m.product.transB, transB: !m.product.transA}
	return &step{node: s.node, in: []*graph.Value{m.in[1], m.in[0]}, out: s.out, product: turned, run: turned.run}
}

// transposeKernel exchanges the last two axes of float32 with the kernel set.
func transposeKernel(s *step) *step {
	if s.in[0].DType() != tensor.Float32 || !swapsLast(s) {
		return nil
	}
	return &step{
		node: s.node, in: s.in, out: s.out,
		run: func(r *graph.Run, in, out []*tensor.Tensor) error {
			x, y := tensor.MustData[float32](in[0]), tensor.MustData[float32](out[0])
			rows, cols := in[0].Dim(-2), in[0].Dim(-1)
			for n := rows * cols; len(x) > 0; x, y = x[n:], y[n:] {
				r.Kernels.Transpose(y[:n], x[:n], rows, cols)
			}
			return nil
		},
	}
}

// addBias joins a product that has no other reader with the addition of a vector along its last axis.
func (p *program) addBias(s *step, makers map[*graph.Value]*step, uses map[*graph.Value]int) *step {
	for i, v := range s.in {
		m, bias := makers[v], s.in[1-i]
		if m == nil || m.product == nil || m.product.bias || m.product.activation != nil || uses[v] != 1 {
			continue
		}
		n := v.Shape()[v.Rank()-1]
		if bias.Rank() != 1 || !n.IsFixed() || !bias.Shape()[0].Same(n) {
			continue
		}
		joint := *m.product
		joint.bias = true
		return &step{node: s.node, in: append(slices.Clone(m.in), bias), out: s.out, product: &joint, run: joint.run}
	}
	return nil
}

// activate joins a product that has no other reader with the activation that follows it.
func (p *program) activate(s *step, makers map[*graph.Value]*step, uses map[*graph.Value]int) *step {
	m := makers[s.in[0]]
	if m == nil || m.product == nil || m.product.activation != nil || uses[s.in[0]] != 1 {
		return nil
	}
	joint := *m.product
	joint.follows = s.node.Op.Type
	switch joint.follows {
	case "Relu":
		joint.activation = func(r *graph.Run, y []float32) { r.Kernels.Relu(y, y) }
	case "Sigmoid":
		joint.activation = func(r *graph.Run, y []float32) { r.Kernels.Sigmoid(y, y) }
	default:
		joint.activation = func(r *graph.Run, y []float32) { r.Kernels.Tanh(y, y) }
	}
	return &step{node: s.node, in: m.in, out: s.out, product: &joint, run: joint.run}
}

func (f *product) run(r *graph.Run, in, out []*tensor.Tensor) error {
	graph.MatMulKernel(r, f.transA, f.transB, in, out)
	if !f.bias && f.activation == nil {
		return nil
	}
	y, n := tensor.MustData[float32](out[0]), out[0].Dim(-1)
	if n == 0 {
		return nil
	}
	for ; len(y) > 0; y = y[n:] {
		if f.bias {
			r.Kernels.Add(y[:n], y[:n], tensor.MustData[float32](in[2]))
		}
		if f.activation != nil {
			f.activation(r, y[:n])
		}
	}
	return nil
}
