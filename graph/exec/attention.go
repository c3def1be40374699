package exec

import (
	"slices"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// attention is softmax(Q·Kᵀ …)·V as one step (Vaswani et al. 2017, equation 1): a block of rows of the scores goes through
// all of it in the cache, so that the matrices of scores are never in memory. The bits are those of the single steps.
type attention struct {
	scores, values graph.Product
	rows           *rows // from scores, its first input, to weights, its first output
}

// scoreFloats bounds a block of scores.
const scoreFloats = 1 << 14

// fuseAttention joins products with what stands between them: a region that ends in a softmax and that no other step has a
// part in.
func (p *program) fuseAttention() {
	makers, uses := p.makers(), p.uses()
	gone := map[*step]bool{}
	for i, s := range p.steps {
		if joint, parts := p.attend(s, makers, uses); joint != nil {
			p.steps[i] = joint
			for _, part := range parts {
				gone[part] = true
			}
		}
	}
	p.steps = slices.DeleteFunc(p.steps, func(s *step) bool { return gone[s] })
}

// attend returns the attention that ends in the product s, and the steps that it replaces besides s.
func (p *program) attend(s *step, makers map[*graph.Value]*step, uses map[*graph.Value]int) (joint *step, parts []*step) {
	if s.product == nil || s.product.TransA || !s.product.plain() || uses[s.in[0]] != 1 {
		return nil, nil
	}
	weights := s.in[0]
	mid := makers[weights]
	if mid == nil || len(mid.out) != 1 || weights.Rank() < 3 {
		return nil, nil
	}
	if mid.rows == nil && mid.rule != nil && mid.kind == call { // a softmax alone
		r := &region{full: weights.Shape(), extents: map[*graph.Value]extent{}}
		if _, _, ok := r.admit(mid); !ok {
			return nil, nil
		}
		r.members = []int{slices.Index(p.steps, mid)}
		r.extents[weights] = whole
		alone := newRows(p, r, uses)
		alone.node = mid.node
		mid = alone
	}
	f := mid.rows
	if f == nil || f.totals || f.members[len(f.members)-1].node.Op.Type != "Softmax" {
		return nil, nil
	}
	at, first := f.inner(mid, makers, uses, weights.Shape())
	if at < 0 || !weights.Shape()[:weights.Rank()-2].Same(s.out[0].Shape()[:s.out[0].Rank()-2]) {
		return nil, nil
	}
	a := &attention{scores: first.product.Product, values: s.product.Product, rows: f.behind(at)}
	in := []*graph.Value{first.in[0], first.in[1], s.in[1]}
	for k, v := range mid.in {
		if k != at {
			in = append(in, v)
		}
	}
	joint = &step{node: s.node, in: in, out: s.out, form: "Attention(" + f.String() + ")", part: a.part, units: a.units}
	return joint, []*step{makers[weights], first}
}

// inner returns the input of a region that a product makes for it alone, in the region's shape, and that product.
func (f *rows) inner(s *step, makers map[*graph.Value]*step, uses map[*graph.Value]int, shape graph.Shape) (int, *step) {
	for k, v := range s.in {
		m := makers[v]
		if m == nil || m.product == nil || m.product.TransA || !m.product.plain() || m.product.weights != nil ||
			!v.Shape().Same(shape) || uses[v] != 1 {
			continue
		}
		return k, m
	}
	return -1, nil
}

// behind returns the region with input at first and the others, in order, behind the three inputs of an attention.
func (f *rows) behind(at int) *rows {
	g := *f
	g.registers = slices.Clone(f.registers)
	for i := range g.registers {
		reg := &g.registers[i]
		switch {
		case reg.in == at:
			reg.in = 0
		case reg.in >= 0 && reg.in < at:
			reg.in += 4
		case reg.in > at:
			reg.in += 3
		}
	}
	return &g
}

// units are the matrices of scores.
func (a *attention) units(in, out []*tensor.Tensor) (n, work int) {
	rows, width := out[0].Dim(-2), out[0].Dim(-1)
	if rows*width == 0 {
		return 0, 0
	}
	keys := in[2].Dim(-2)
	if a.values.TransB {
		keys = in[2].Dim(-1)
	}
	members := len(a.rows.members)
	return out[0].Len() / (rows * width), 1 + rows*keys*((in[0].Dim(-1)+width)/multiplyAdds+members/elements+1)
}

func (a *attention) part(l *lane, in, out []*tensor.Tensor, from, to int) error {
	if from == to {
		return nil
	}
	queries, keys := in[0], in[1]
	d, width := queries.Dim(-1), out[0].Dim(-1)
	m := keys.Dim(-1)
	if a.scores.TransB {
		m = keys.Dim(-2)
	}
	lead := out[0].Shape()[:out[0].Rank()-1]
	length := lead[len(lead)-1]
	most := min(max(scoreFloats/max(m, 1), 1), length)
	if cap(l.scores) < 2*most*m {
		l.scores = make([]float32, 2*most*m)
	}
	// The rows that the region reads beside the scores stand behind the three inputs.
	b := rowBlock{rows: a.rows, lane: l, lead: lead, width: m, x: l.scores[:most*m], y: l.scores[most*m : 2*most*m]}
	b.in, b.out = l.shifted(in), out
	b.prepare(most)
	q, k, v, y := tensor.MustData[float32](queries), tensor.MustData[float32](keys), tensor.MustData[float32](in[2]), tensor.MustData[float32](out[0])
	first := kernel.Gemm{TransB: a.scores.TransB, N: m, K: d, LDA: d, LDB: keys.Dim(-1), LDC: m, C: b.x}
	second := kernel.Gemm{TransB: a.values.TransB, N: width, K: m, LDA: m, LDB: in[2].Dim(-1), LDC: width, A: b.y}
	axes := lead[:len(lead)-1]
	for i := from; i < to; i++ {
		qi := graph.BroadcastIndex(axes, queries.Shape()[:queries.Rank()-2], i)
		ki := graph.BroadcastIndex(axes, keys.Shape()[:keys.Rank()-2], i)
		vi := graph.BroadcastIndex(axes, in[2].Shape()[:in[2].Rank()-2], i)
		first.B, second.B = k[ki*m*d:(ki+1)*m*d], v[vi*m*width:(vi+1)*m*width]
		for row := 0; row < length; row += most {
			n := min(most, length-row)
			first.M, first.A = n, q[(qi*length+row)*d:]
			l.Kernels.Gemm(first)
			b.base = i*length + row
			b.run(b.base, b.base+n)
			second.M, second.C = n, y[(i*length+row)*width:]
			l.Kernels.Gemm(second)
		}
	}
	clear(l.operands)
	return nil
}

// shifted returns the inputs of an attention as its region counts them: one place, which the scores have, before them.
func (l *lane) shifted(in []*tensor.Tensor) []*tensor.Tensor {
	l.operands = append(append(l.operands[:0], nil), in...)
	return l.operands
}
