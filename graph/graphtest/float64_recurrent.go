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
		length, batch, width, units := in[0].Dim(0), in[0].Dim(1), in[0].Dim(2), in[2].Dim(2)
		forX, forH := make([]float64, gates*units), make([]float64, gates*units)
		if t := optional(in, 3); t != nil {
			forX, forH = tensor.MustData[float64](t)[:gates*units], tensor.MustData[float64](t)[gates*units:]
		}
		x, y := tensor.MustData[float64](in[0]), tensor.MustData[float64](out[0])
		for row := range batch {
			steps := length
			if t := optional(in, 4); t != nil {
				steps = int(tensor.MustData[int32](t)[row])
			}
			states := make([][]float64, len(out)-1)
			for i := range states {
				states[i] = make([]float64, units)
				if t := optional(in, 5+i); t != nil && steps > 0 {
					copy(states[i], tensor.MustData[float64](t)[row*units:])
				}
			}
			for t := range steps {
				at := t*batch + row
				cell(sums64(in[1], x[at*width:(at+1)*width], forX, units), sums64(in[2], states[0], forH, units), states)
				copy(y[at*units:], states[0])
			}
			for i, s := range states {
				copy(tensor.MustData[float64](out[1+i])[row*units:], s)
			}
		}
		return nil
	}
}

// sums64 is weights·v + bias, by gates of so many units.
func sums64(weights *tensor.Tensor, v, bias []float64, units int) [][]float64 {
	w := tensor.MustData[float64](weights)
	var y [][]float64
	for gate := range slices.Chunk(slices.Clone(bias), units) {
		for u := range gate {
			row := w[(len(y)*units+u)*len(v):]
			for k, value := range v {
				gate[u] += row[k] * value
			}
		}
		y = append(y, gate)
	}
	return y
}

// optional returns input i, nil when it is absent.
func optional(in []*tensor.Tensor, i int) *tensor.Tensor {
	if i < len(in) {
		return in[i]
	}
	return nil
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
