package exec

import (
	"sync"

	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// packLimit bounds the elements of a right-hand side that is laid out for products: the matrix of a large catalogue would
// take its memory twice, and reading it is what its products with a few queries wait for in either layout.
const packLimit = 1 << 22

// weights is the right-hand side of products, laid out at the first run.
type weights struct {
	once sync.Once
	data *kernel.Packed
}

// packed returns the matrix laid out.
func (w *weights) packed(k *kernel.Set, transB bool, t *tensor.Tensor) *kernel.Packed {
	w.once.Do(func() {
		g := kernel.Gemm{TransB: transB, K: t.Dim(-2), N: t.Dim(-1), B: tensor.MustData[float32](t), LDB: t.Dim(-1)}
		if transB {
			g.K, g.N = g.N, g.K
		}
		w.data = k.Pack(g)
	})
	return w.data
}

// packWeights lets products whose right-hand sides do not change lay these out once. Products of one value share it.
func (p *program) packWeights() {
	type key struct {
		value *graph.Value
		trans bool
	}
	all := map[key]*weights{}
	for _, s := range p.steps {
		if s.product == nil {
			continue
		}
		v := s.in[1]
		fixed, ok := v.Shape().Fixed()
		stays := p.consts[v] != nil || p.frozen && v.Kind() == graph.FromParam
		if !ok || !stays || count(fixed) != count(fixed[len(fixed)-2:]) || count(fixed) > packLimit {
			continue
		}
		k := key{v, s.product.TransB}
		if all[k] == nil {
			all[k] = &weights{}
		}
		s.product.weights, s.product.ByRow = all[k], true
	}
}
