package exec

import (
	"slices"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// product is a matrix product with what was folded into it.
type product struct {
	graph.Product
	follows string // the operator behind Activation
	// weights holds the right-hand side laid out, nil where it may change.
	weights *weights
}

// String describes the product, such as "MatMul(A, Bᵀ)+bias+Relu".
func (f *product) String() string {
	s := "MatMul(A"
	if f.TransA {
		s += "ᵀ"
	}
	s += ", B"
	if f.TransB {
		s += "ᵀ"
	}
	s += ")"
	if f.Bias {
		s += "+bias"
	}
	if f.follows != "" {
		s += "+" + f.follows
	}
	return s
}

// step returns the product as a step.
func (f *product) step(node *graph.Node, in, out []*graph.Value) *step {
	return &step{node: node, in: in, out: out, product: f, part: f.part, units: f.units}
}

// productBlock is how many columns of a product a TopK selects from at once.
const productBlock = 2048

// multiplyAdds is about how many of them a thread does in a nanosecond.
const multiplyAdds = 64

func (f *product) units(in, out []*tensor.Tensor) (n, work int) {
	n, work = f.Units(in, out)
	return n, 1 + work/multiplyAdds
}

func (f *product) part(l *lane, in, out []*tensor.Tensor, from, to int) error {
	p := f.Product
	if f.weights != nil {
		p.Packed = f.weights.packed(l.Kernels, p.TransB, in[1])
	}
	p.Run(&l.Run, in, out, from, to)
	return nil
}

func (f *product) cut() (block, together int) { return productBlock, pieceStep }

func (f *product) depth(in []*tensor.Tensor) int { return in[0].Dim(-1) }

func (f *product) columns(l *lane, in []*tensor.Tensor, z []float32, stride, row, n, first, end int) {
	f.Columns(&l.Run, in, z, stride, row, n, first, end)
}

// foldTransposes makes a product read the inputs of Transposes that exchange the last two axes.
func foldTransposes(s *step, makers map[*graph.Value]*step) *step {
	f, in := &product{}, slices.Clone(s.in)
	for i, trans := range []*bool{&f.TransA, &f.TransB} {
		for t := makers[in[i]]; t != nil && swapsLast(t); t = makers[in[i]] {
			in[i], *trans = t.in[0], !*trans
		}
	}
	return f.step(s.node, in, s.out)
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
// factors in the other order. A stack of matrices times one matrix stays as it is: that is one large product, the other
// way round it would be many.
func transposeProduct(s *step, makers map[*graph.Value]*step, uses map[*graph.Value]int) *step {
	m := makers[s.in[0]]
	if m == nil || m.product == nil || !m.product.plain() || uses[s.in[0]] != 1 || m.in[0].Rank() != m.in[1].Rank() || !swapsLast(s) {
		return transposeKernel(s)
	}
	turned := &product{Product: graph.Product{TransA: !m.product.TransB, TransB: !m.product.TransA}}
	return turned.step(s.node, []*graph.Value{m.in[1], m.in[0]}, s.out)
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
		if m == nil || m.product == nil || !m.product.plain() || uses[v] != 1 {
			continue
		}
		n := v.Shape()[v.Rank()-1]
		if bias.Rank() != 1 || !n.IsFixed() || !bias.Shape()[0].Same(n) {
			continue
		}
		joint := *m.product
		joint.Bias = true
		return joint.step(s.node, append(slices.Clone(m.in), bias), s.out)
	}
	return nil
}

// plain reports whether nothing follows the product.
func (f *product) plain() bool { return !f.Bias && f.Activation == kernel.Linear }

// activate joins a product that has no other reader with the activation that follows it.
func (p *program) activate(s *step, makers map[*graph.Value]*step, uses map[*graph.Value]int) *step {
	m := makers[s.in[0]]
	if m == nil || m.product == nil || m.product.Activation != kernel.Linear || uses[s.in[0]] != 1 {
		return nil
	}
	joint := *m.product
	joint.follows = s.node.Op.Type
	switch joint.follows {
	case "Relu":
		joint.Activation = kernel.Relu
	case "Sigmoid":
		joint.Activation = kernel.Sigmoid
	default:
		joint.Activation = kernel.Tanh
	}
	return joint.step(s.node, m.in, s.out)
}

// gemm makes a product of a Gemm without factors whose bias, if any, is a vector along the last axis.
func gemm(s *step) *step {
	a := s.node.Attrs
	if a.Float("alpha", 1) != 1 || a.Int("transA", 0) != 0 {
		return nil
	}
	f := &product{Product: graph.Product{TransB: a.Int("transB", 0) != 0}}
	in := s.in[:2]
	if len(s.in) > 2 && s.in[2] != nil {
		bias, n := s.in[2].Shape(), s.out[0].Shape()[1]
		if a.Float("beta", 1) != 1 || len(bias) != 1 || !bias[0].Same(n) || !n.IsFixed() {
			return nil
		}
		in, f.Bias = s.in[:3], true
	}
	return f.step(s.node, in, s.out)
}
