package graphtest

import (
	"math"
	"slices"

	"recsys/graph"
	"recsys/tensor"
)

// recurrent64 walks the sequences one by one. cell computes one step of a sequence: it gets, for every gate and unit,
// the products' sums of the input and of the state, each with its bias, and the states, of which the first is hidden,
// and changes these.
func recurrent64(gates int, cell func(x, h [][]float64, states [][]float64)) form {
	return func(_ *graph.Node, in, out []*tensor.Tensor) error {
		optional := func(i int) *tensor.Tensor {
			if i < len(in) {
				return in[i]
			}
			return nil
		}
		length, batch, width, units := in[0].Dim(0), in[0].Dim(1), in[0].Dim(2), in[2].Dim(2)
		var bias []float64
		if t := optional(3); t != nil {
			bias = tensor.MustData[float64](t)
		}
		sums := func(weights *tensor.Tensor, v []float64, offset int) [][]float64 {
			w, y := tensor.MustData[float64](weights), make([][]float64, gates)
			for g := range y {
				y[g] = make([]float64, units)
				for u := range units {
					row := g*units + u
					if bias != nil {
						y[g][u] = bias[offset*gates*units+row]
					}
					for k, value := range v {
						y[g][u] += w[row*len(v)+k] * value
					}
				}
			}
			return y
		}
		x, y := tensor.MustData[float64](in[0]), tensor.MustData[float64](out[0])
		for row := range batch {
			steps := length
			if t := optional(4); t != nil {
				steps = int(tensor.MustData[int32](t)[row])
			}
			states := make([][]float64, len(out)-1)
			for i := range states {
				states[i] = make([]float64, units)
				if t := optional(5 + i); t != nil && steps > 0 {
					states[i] = slices.Clone(tensor.MustData[float64](t)[row*units : (row+1)*units])
				}
			}
			for t := range steps {
				cell(sums(in[1], x[(t*batch+row)*width:(t*batch+row+1)*width], 0), sums(in[2], states[0], 1), states)
				copy(y[(t*batch+row)*units:], states[0])
			}
			for i, s := range states {
				copy(tensor.MustData[float64](out[1+i])[row*units:], s)
			}
		}
		return nil
	}
}

func logistic(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

func gruCell64(x, h, states [][]float64) {
	for u, old := range states[0] {
		z, r := logistic(x[0][u]+h[0][u]), logistic(x[1][u]+h[1][u])
		states[0][u] = (1-z)*math.Tanh(x[2][u]+r*h[2][u]) + z*old
	}
}

func lstmCell64(x, h, states [][]float64) {
	for u, old := range states[1] {
		i, o, f := logistic(x[0][u]+h[0][u]), logistic(x[1][u]+h[1][u]), logistic(x[2][u]+h[2][u])
		states[1][u] = f*old + i*math.Tanh(x[3][u]+h[3][u])
		states[0][u] = o * math.Tanh(states[1][u])
	}
}
