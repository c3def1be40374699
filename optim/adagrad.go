package optim

import (
	"errors"

	"recsys/graph/kernel"
)

// Adagrad is Duchi, Hazan and Singer 2011 (Adaptive Subgradient Methods, section 1, diagonal form):
// s += g², w -= rate/(1+(step-1)·Decay) · g/(sqrt(s)+Epsilon).
type Adagrad struct {
	Epsilon float64 // 0 means 1e-10, PyTorch's default
	Initial float64 // the initial s
	Decay   float64 // of the rate, PyTorch's lr_decay
}

// Validate reports settings out of range.
func (r Adagrad) Validate() error {
	return errors.Join(inRange("adagrad: Epsilon", r.Epsilon, 1), inRange("adagrad: Initial", r.Initial, 1e30),
		inRange("adagrad: Decay", r.Decay, 1e30))
}

func (r Adagrad) slots() []slot { return []slot{{name: "sum", initial: float32(r.Initial)}} }

func (r Adagrad) begin(step int64, rate float64) coefficients {
	epsilon := r.Epsilon
	if epsilon == 0 {
		epsilon = 1e-10
	}
	return coefficients{rate: float32(-rate / (1 + float64(float64(step-1)*r.Decay))), epsilon: float32(epsilon)}
}

func (r Adagrad) update(k *kernel.Set, c *coefficients, w, g []float32, s [maxSlots][]float32) {
	k.Adagrad(w, s[0], g, c.rate, c.epsilon)
}
