package graph

import (
	"fmt"
	"math"

	"recsys/tensor"
)

// score is what the votes for a target have come to; given is false before the first one.
type score[T float32 | float64] struct {
	value T
	given bool
}

// aggregate is how votes are joined.
type aggregate uint8

const (
	sum aggregate = iota
	average
	least
	greatest
)

// aggregates are ONNX's names, in the order of the constants.
func aggregates() []string { return []string{"SUM", "AVERAGE", "MIN", "MAX"} }

// buffer returns memory for the scores of a row, which goes back to f.buffers.
func (f *forest[T]) buffer() *[]score[T] {
	if b, ok := f.buffers.Get().(*[]score[T]); ok {
		return b
	}
	b := make([]score[T], f.targets)
	return &b
}

// ask returns the votes of the leaf that the row x leads to.
func ask[T float32 | float64, X float32 | float64 | int64 | int32](f *forest[T], root int32, x []X) []vote[T] {
	n := &f.nodes[root]
	for n.mode != leaf {
		v := T(x[n.feature])
		var yes bool
		switch n.mode {
		case atMost:
			yes = v <= n.value
		case below:
			yes = v < n.value
		case atLeast:
			yes = v >= n.value
		case above:
			yes = v > n.value
		case equals:
			yes = v == n.value
		default:
			yes = v != n.value
		}
		next := n.next
		if !yes && !(n.missing && math.IsNaN(float64(v))) {
			next++
		}
		n = &f.nodes[next]
	}
	return f.votes[n.next : n.next+n.feature]
}

// tally asks all trees about the row x, in their order.
func tally[T float32 | float64, X float32 | float64 | int64 | int32](f *forest[T], how aggregate, x []X, scores []score[T]) {
	clear(scores)
	for _, root := range f.roots {
		for _, v := range ask(f, root, x) {
			s := &scores[v.target]
			switch {
			case how == least && s.given:
				s.value = min(s.value, v.weight)
			case how == greatest && s.given:
				s.value = max(s.value, v.weight)
			default:
				s.value += v.weight
			}
			s.given = true
		}
	}
	for i := range scores {
		if how == average {
			scores[i].value /= T(len(f.roots))
		}
		if len(f.base) > 0 {
			scores[i].value += f.base[i]
			scores[i].given = true
		}
	}
}

// wide reports an error when a tree asks for a column that x has not.
func (f *forest[T]) wide(x *tensor.Tensor) error {
	if x.Dim(1) < f.features {
		return fmt.Errorf("x has %d columns, a node asks for column %d", x.Dim(1), f.features-1)
	}
	return nil
}

// transforms are the values of post_transform.
func transforms() []string { return []string{"NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"} }

// transformScores applies a post_transform to the scores of one row in place, as ONNX Runtime does.
func transformScores(r *Run, transform string, y []float32) {
	switch transform {
	case "LOGISTIC":
		r.Kernels.Sigmoid(y, y)
	case "SOFTMAX":
		softmaxRow(r, y, y, nil)
	case "SOFTMAX_ZERO":
		softmaxZero(y)
	case "PROBIT":
		for i, v := range y {
			y[i] = probit(v)
		}
	}
}

// softmaxZero is Softmax over the scores that are not 0, which stay 0; NaN where all are.
func softmaxZero(y []float32) {
	// What ONNX Runtime takes for 0.
	const zero = 1e-7
	top := y[0]
	for _, v := range y {
		top = max(top, v)
	}
	total := 0.0
	for i, v := range y {
		if abs(v) > zero {
			y[i] = float32(math.Exp(float64(v - top)))
			total += float64(y[i])
		} else {
			y[i] = float32(float64(v) * math.Exp(-float64(top)))
		}
	}
	for i, v := range y {
		y[i] = float32(float64(v) / total)
	}
}

// probit is the inverse of the normal distribution function, √2·erf⁻¹(2p-1), with the inverse of the error function
// approximated as in Winitzki 2008, "A handy approximation for the error function and its inverse", equation 7 with
// a = 0.147, as ONNX Runtime has it: to 2e-3. It is infinite at 0 and 1, and NaN outside of them.
func probit(p float32) float32 {
	const a = 0.147
	x := 2*float64(p) - 1
	log := math.Log((1 - x) * (1 + x))
	half := 2/(math.Pi*a) + log/2
	return float32(math.Copysign(math.Sqrt2*math.Sqrt(math.Sqrt(half*half-log/a)-half), x))
}
