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

// rewrite replaces groups of steps by faster ones.
func (p *program) rewrite() {
	makers := p.makers()
	uses := p.uses()
	for i, s := range p.steps {
		if s.kind != call || s.node.Op.Domain != "" {
			continue
		}
		var by *step
		switch s.node.Op.Type {
		case "MatMul":
			by = foldTransposes(s, makers)
			if sel := p.selection(by); sel != nil {
				by = sel
			}
		case "Transpose":
			by = transposeProduct(s, makers, uses)
		case "Add":
			by = p.addBias(s, makers, uses)
		case "Relu", "Sigmoid", "Tanh":
			by = p.activate(s, makers, uses)
		case "Where":
			by = p.reluGrad(s, makers)
		case "Gather":
			by = gatherRows(s)
		}
		if by != nil {
			p.steps[i] = by
			makers[s.out[0]] = by
		}
	}
}

func (p *program) makers() map[*graph.Value]*step {
	makers := map[*graph.Value]*step{}
	for _, s := range p.steps {
		for _, v := range s.out {
			makers[v] = s
		}
	}
	return makers
}

// uses counts the readers of each value; the caller of a run counts as one.
func (p *program) uses() map[*graph.Value]int {
	uses := map[*graph.Value]int{}
	for v := range p.outputs {
		uses[v]++
	}
	for _, s := range p.steps {
		for _, v := range s.in {
			uses[v]++
		}
	}
	return uses
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

// reluGrad recognises Where(Greater(y, 0), g, 0), the gradient of Relu, for y and g of one shape.
func (p *program) reluGrad(s *step, makers map[*graph.Value]*step) *step {
	cond := makers[s.in[0]]
	if cond == nil || cond.kind != call || cond.node.Op.Type != "Greater" || !p.isZero(cond.in[1]) || !p.isZero(s.in[2]) {
		return nil
	}
	y, g := cond.in[0], s.in[1]
	if g.DType() != tensor.Float32 || y.DType() != tensor.Float32 || !y.Shape().Same(g.Shape()) {
		return nil
	}
	return &step{
		node: s.node, in: []*graph.Value{y, g}, out: s.out, reuse: []int{1, 0}, form: "ReluGrad",
		run: func(r *graph.Run, in, out []*tensor.Tensor) error {
			r.Kernels.ReluGrad(tensor.MustData[float32](out[0]), tensor.MustData[float32](in[0]), tensor.MustData[float32](in[1]))
			return nil
		},
	}
}

// gatherRows copies the rows of a float32 table with the kernel set. The operator's own kernel words the error.
func gatherRows(s *step) *step {
	axis := s.node.Attrs.Int("axis", 0)
	table, ids := s.in[0], s.in[1]
	if axis != 0 && axis != -int64(table.Rank()) || table.DType() != tensor.Float32 || ids.DType() != tensor.Int64 {
		return nil
	}
	own := s.run
	return &step{
		node: s.node, in: s.in, out: s.out,
		run: func(r *graph.Run, in, out []*tensor.Tensor) error {
			x, rows := tensor.MustData[float32](in[0]), in[0].Dim(0)
			if len(x) == 0 {
				return own(r, in, out)
			}
			ids := tensor.MustData[int64](in[1])
			if r.Kernels.Gather(tensor.MustData[float32](out[0]), ids, x, rows, len(x)/rows) < len(ids) {
				return own(r, in, out)
			}
			return nil
		},
	}
}

// isZero reports whether v is a constant float32 0 of one element and no more axes than a scalar has.
func (p *program) isZero(v *graph.Value) bool {
	t := p.consts[v]
	if t == nil || t.DType() != tensor.Float32 || t.Rank() != 0 {
		return false
	}
	return tensor.MustData[float32](t)[0] == 0
}
