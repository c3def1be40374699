package optim

import (
	"errors"
	"math"

	"recsys/graph/kernel"
)

// Adam is Kingma and Ba 2015, algorithm 1: m and v are decaying means of g and g²,
// w -= rate/(1-Beta1^step) · m/(sqrt(v)/sqrt(1-Beta2^step) + Epsilon).
//
// AdamW (Loshchilov and Hutter 2019, algorithm 2) is Adam with [Config].Decay, which is torch.optim.AdamW's weight_decay.
//
// With row-sparse gradients it is lazy: m, v and w of untouched rows rest, and the powers count all steps. Each row
// is updated as the dense form would; torch.optim.SparseAdam, which is lazy in the same way, adds Epsilon before it
// corrects v instead.
type Adam struct {
	Beta1   float64 // 0 means 0.9
	Beta2   float64 // 0 means 0.999
	Epsilon float64 // 0 means 1e-8
}

// Validate reports settings out of range.
func (r Adam) Validate() error {
	return errors.Join(inRange("adam: Beta1", r.Beta1, 1), inRange("adam: Beta2", r.Beta2, 1),
		inRange("adam: Epsilon", r.Epsilon, 1))
}

func (r Adam) slots() []slot { return []slot{{name: "m"}, {name: "v"}} }

func (r Adam) begin(step int64, rate float64) coefficients {
	or := func(v, standard float64) float64 {
		if v == 0 {
			return standard
		}
		return v
	}
	beta1, beta2 := or(r.Beta1, 0.9), or(r.Beta2, 0.999)
	return coefficients{adam: kernel.AdamScalars{
		Rate: float32(-rate / (1 - power(beta1, step))), Gain1: float32(1 - beta1),
		Keep2: float32(beta2), Gain2: float32(1 - beta2),
		Correction: float32(math.Sqrt(1 - power(beta2, step))), Epsilon: float32(or(r.Epsilon, 1e-8)),
	}}
}

// power returns x to the power n by squaring: the same bits everywhere.
func power(x float64, n int64) float64 {
	p := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			p = float64(p * x)
		}
		x = float64(x * x)
	}
	return p
}

func (r Adam) update(k *kernel.Set, c *coefficients, w, g []float32, s [maxSlots][]float32) {
	k.Adam(w, s[0], s[1], g, &c.adam)
}
