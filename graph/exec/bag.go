package exec

import (
	"slices"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// bag is a product of weights [..,M,L] with the rows [..,L,W] that a Gather picks from a table [V,W]: weighted sums of rows, such
// as the scores of an item-item model for a history. The rows are copied a block of columns at a time, which stays in the cache, in
// place of as a whole, which is L times as much as the result.
type bag struct {
	product *product
	from    *step // the Gather
}

// bagFloats bounds the rows' columns that are copied at once.
const bagFloats = 1 << 15

// fuseBags joins products with the Gather of their right-hand side, if nothing else reads that.
func (p *program) fuseBags() {
	makers, uses := p.makers(), p.uses()
	for i, s := range p.steps {
		if s.product == nil || s.product.TransA || s.product.TransB || uses[s.in[1]] != 1 {
			continue
		}
		g, lead := makers[s.in[1]], s.in[1].Rank()-2
		if g == nil || !g.gather || g.in[0].Rank() != 2 || lead < 1 || s.in[0].Rank() != lead+2 || !s.in[0].Shape()[:lead].Same(s.in[1].Shape()[:lead]) {
			continue
		}
		f := &bag{product: s.product, from: g}
		in := append([]*graph.Value{s.in[0], g.in[0], g.in[1]}, s.in[2:]...)
		p.steps[i] = &step{node: s.node, in: in, out: s.out, form: s.what() + " of rows", part: f.part, units: f.units, run: f.explain}
	}
	p.dropUnused()
}

// sizes returns those of one product and the columns of a block.
func (f *bag) sizes(in, out []*tensor.Tensor) (m, n, k, block int) {
	m, n, k = out[0].Dim(-2), out[0].Dim(-1), in[0].Dim(-1)
	const least, most = 64, 2048
	return m, n, k, max(least, min(most, bagFloats/max(k, 1)/least*least))
}

func (f *bag) units(in, out []*tensor.Tensor) (n, work int) {
	m, n, k, block := f.sizes(in, out)
	if out[0].Len() == 0 {
		return 0, 0
	}
	return out[0].Len() / (m * n) * ((n + block - 1) / block), 1 + k*(rowTime+min(n, block)/elements+m*min(n, block)/multiplyAdds)
}

func (f *bag) part(l *lane, in, out []*tensor.Tensor, from, to int) error {
	m, n, k, block := f.sizes(in, out)
	if from == to {
		return nil
	}
	x, table, ids := tensor.MustData[float32](in[0]), tensor.MustData[float32](in[1]), tensor.MustData[int64](in[2])
	z := tensor.MustData[float32](out[0])
	rows, each := int64(in[1].Dim(0)), (n+block-1)/block
	for ; from < to; from++ {
		i, first := from/each, from%each*block
		end := min(first+block, n)
		picked := l.space(k * (end - first))
		for j, id := range ids[i*k : (i+1)*k] {
			if id < 0 {
				id += rows
			}
			if id < 0 || id >= rows {
				return errIndex
			}
			copy(picked[j*(end-first):][:end-first], table[int(id)*n+first:])
		}
		g := kernel.Gemm{
			M: m, N: end - first, K: k, A: x[i*m*k : (i+1)*m*k], B: picked, C: z[i*m*n+first:], LDA: k, LDB: end - first, LDC: n,
			Activation: f.product.Activation,
		}
		if f.product.Bias {
			g.Bias = tensor.MustData[float32](in[3])[first:end]
		}
		l.Kernels.Gemm(g)
	}
	return nil
}

// explain runs the Gather to word the error of the id that part met.
func (f *bag) explain(r *graph.Run, in, _ []*tensor.Tensor) error {
	shape := slices.Concat(in[2].Shape(), in[1].Shape()[1:])
	if err := f.from.run(r, in[1:3], []*tensor.Tensor{tensor.Zeros(tensor.Float32, shape...)}); err != nil {
		return &fault{f.from, err}
	}
	return errIndex
}
