package exec

import (
	"errors"
	"slices"

	"recsys/graph"
	"recsys/tensor"
)

// rewrite replaces groups of steps by faster ones.
func (p *program) rewrite() {
	makers := p.makers()
	uses := p.uses()
	for i, s := range p.steps {
		if s.kind != call || s.form != "" || s.node.Op.Domain != "" {
			continue
		}
		var by *step
		switch s.node.Op.Type {
		case "MatMul":
			by = foldTransposes(s, makers)
			if sel := p.selection(by); sel != nil {
				by = sel
			}
		case "Gemm":
			by = gemm(s)
		case "Transpose":
			by = transposeProduct(s, makers, uses)
		case "Add":
			if by = p.addBias(s, makers, uses); by == nil {
				by = skipExpand(s, makers)
			}
		case "Sub", "Mul", "Div":
			by = skipExpand(s, makers)
		case "Relu", "Sigmoid", "Tanh":
			by = p.activate(s, makers, uses)
		case "Where":
			by = p.reluGrad(s, makers)
		case "Gather":
			by = gatherRows(s)
		case "Concat":
			by = assemble(s, makers, uses)
		}
		if by != nil {
			p.steps[i] = by
			makers[s.out[0]] = by
		}
	}
	p.packWeights()
	p.dropUnused()
	p.fuseTops()
	p.fuseBags()
	p.fuseRows()
	p.fuseAttention()
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

// skipExpand makes an elementwise operator read what an Expand repeats: its kernel repeats too. The other operand has to
// have the shape of the result already.
func skipExpand(s *step, makers map[*graph.Value]*step) *step {
	for i, v := range s.in {
		e := makers[v]
		if e == nil || e.node.Op.Type != "Expand" || e.node.Op.Domain != "" || !s.in[1-i].Shape().Same(s.out[0].Shape()) {
			continue
		}
		short := *s
		short.in = slices.Clone(s.in)
		short.in[i] = e.in[0]
		return &short
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
		rule: &graph.RowRule{Kind: graph.Elementwise, Compute: func(r *graph.Run, _ *graph.Node, z []float32, x [][]float32, _ int) {
			r.Kernels.ReluGrad(z, x[0], x[1])
		}},
		run: func(r *graph.Run, in, out []*tensor.Tensor) error {
			r.Kernels.ReluGrad(tensor.MustData[float32](out[0]), tensor.MustData[float32](in[0]), tensor.MustData[float32](in[1]))
			return nil
		},
	}
}

// errIndex is for parts that met an id outside their table.
var errIndex = errors.New("an id is out of range")

// rowTime is about how many nanoseconds it takes to find a row of a table that is in no cache.
const rowTime = 10

// gatherRows copies the rows of a float32 table with the kernel set. The operator's own kernel words the error.
func gatherRows(s *step) *step {
	axis := s.node.Attrs.Int("axis", 0)
	table, ids := s.in[0], s.in[1]
	if axis != 0 && axis != -int64(table.Rank()) || table.DType() != tensor.Float32 || ids.DType() != tensor.Int64 {
		return nil
	}
	return &step{
		node: s.node, in: s.in, out: s.out, run: s.run, gather: true,
		part: func(l *lane, in, out []*tensor.Tensor, from, to int) error {
			x, rows := tensor.MustData[float32](in[0]), in[0].Dim(0)
			if len(x) == 0 {
				return errIndex
			}
			ids, width := tensor.MustData[int64](in[1])[from:to], len(x)/rows
			y := tensor.MustData[float32](out[0])[from*width : to*width]
			if l.Kernels.Gather(y, width, ids, x, rows, width) < len(ids) {
				return errIndex
			}
			return nil
		},
		units: func(in, _ []*tensor.Tensor) (n, work int) {
			rows := max(in[0].Dim(0), 1)
			return in[1].Len(), rowTime + in[0].Len()/rows/elements
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
