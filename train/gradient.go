package train

import (
	"recsys/graph"
	"recsys/graph/grad"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// slot is a parameter's gradient in the outputs of a step.
type slot struct {
	param  *graph.Param
	dense  string      // output, "" for none
	sparse []grad.Pair // outputs
}

// slots lists the parameters that a step has gradients for, by path.
func slots(s *grad.Step) []slot {
	var out []slot
	for _, p := range s.Graph.Params {
		one := slot{param: p, dense: s.Dense[p.Path], sparse: s.Sparse[p.Path]}
		if one.dense != "" || len(one.sparse) > 0 {
			out = append(out, one)
		}
	}
	return out
}

// gradient is the gradient of one parameter, summed over shards.
type gradient struct {
	dense  []float32
	rows   *rowSum
	filled bool // dense holds a sum
}

func newGradients(slots []slot) []gradient {
	out := make([]gradient, len(slots))
	for i, s := range slots {
		sizes, _ := s.param.Shape.Fixed()
		if s.dense != "" {
			out[i].dense = make([]float32, elements(sizes))
		}
		if len(s.sparse) > 0 {
			out[i].rows = newRowSum(sizes[1])
		}
	}
	return out
}

// reset forgets the sum.
func (g *gradient) reset() {
	g.filled = false
	if g.rows != nil {
		g.rows.reset()
	}
}

// collect adds the gradient that a step left in its outputs.
func (g *gradient) collect(k *kernel.Set, s slot, out tensor.Map) {
	if s.dense != "" {
		g.addDense(k, tensor.MustData[float32](out[s.dense]))
	}
	for _, pair := range s.sparse {
		g.rows.add(k, tensor.MustData[int64](out[pair.IDs]), tensor.MustData[float32](out[pair.Rows]))
	}
}

// merge adds another sum.
func (g *gradient) merge(k *kernel.Set, o *gradient) {
	if o.filled {
		g.addDense(k, o.dense)
	}
	if g.rows != nil {
		g.rows.add(k, o.rows.ids, o.rows.rows)
	}
}

func (g *gradient) addDense(k *kernel.Set, x []float32) {
	if g.filled {
		k.Add(g.dense, g.dense, x)
		return
	}
	copy(g.dense, x)
	g.filled = true
}

// densify moves rows into the dense sum where a parameter has both.
func (g *gradient) densify() {
	if g.dense == nil || g.rows == nil {
		return
	}
	if !g.filled {
		clear(g.dense)
		g.filled = true
	}
	d := g.rows.dim
	for i, id := range g.rows.ids {
		for j, v := range g.rows.rows[i*d : (i+1)*d] {
			g.dense[int(id)*d+j] += v
		}
	}
	g.rows.reset()
}

// clone copies a state.
func clone(state tensor.Map) tensor.Map {
	out := make(tensor.Map, len(state))
	for path, t := range state {
		out[path] = t.Clone()
	}
	return out
}

// restore copies the elements of from into the tensors of to.
func restore(to, from tensor.Map) {
	for path, t := range from {
		copy(tensor.MustData[float32](to[path]), tensor.MustData[float32](t))
	}
}

func elements(sizes []int) int {
	n := 1
	for _, d := range sizes {
		n *= d
	}
	return n
}
