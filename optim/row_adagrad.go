package optim

import (
	"errors"

	"recsys/graph/kernel"
)

// RowAdagrad is [Adagrad] with one sum for each row of a parameter [V,D] instead of one for each element: s += mean(g²)
// over the row, w -= rate · g/(sqrt(s)+Epsilon). It is the form that FBGEMM calls exact row-wise Adagrad, after Gupta,
// Bengio and Weston 2014 (Training Highly Multiclass Classifiers), and keeps D times less state. Rows of a parameter of rank 1 are its
// elements: there it is Adagrad. Rows of a higher rank are what the first axis counts.
type RowAdagrad struct {
	Epsilon float64 // 0 means 1e-10, as for Adagrad
	Initial float64 // the initial s
}

// Validate reports settings out of range.
func (r RowAdagrad) Validate() error {
	return errors.Join(inRange("row adagrad: Epsilon", r.Epsilon, 1), inRange("row adagrad: Initial", r.Initial, 1e30))
}

func (r RowAdagrad) slots() []slot {
	return []slot{{name: "rowsum", initial: float32(r.Initial), perRow: true}}
}

func (r RowAdagrad) begin(step int64, rate float64) coefficients {
	return Adagrad{Epsilon: r.Epsilon}.begin(step, rate)
}

// update takes whole rows. Squares are added up in their order, so that kernels cannot change the bits.
func (r RowAdagrad) update(_ *kernel.Set, c *coefficients, w, g []float32, s [maxSlots][]float32) {
	sums := s[0]
	if len(sums) == 0 {
		return
	}
	width := len(w) / len(sums)
	for row := range sums {
		x, d := w[row*width:(row+1)*width], g[row*width:(row+1)*width]
		total := float32(0)
		for _, v := range d {
			total += float32(v * v)
		}
		sums[row] += total / float32(width)
		below := root32(sums[row]) + c.epsilon
		for i, v := range d {
			x[i] += float32(c.rate*v) / below
		}
	}
}
