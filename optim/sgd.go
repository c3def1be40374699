package optim

import (
	"errors"

	"recsys/graph/kernel"
)

// SGD is stochastic gradient descent w -= rate·g, with Momentum as in Sutskever, Martens, Dahl and Hinton 2013,
// equations 1 and 2, in PyTorch's form: b = momentum·b + g, w -= rate·b, or w -= rate·(g + momentum·b) with Nesterov.
// With row-sparse gradients the momentum of untouched rows rests: they neither move nor decay.
type SGD struct {
	Momentum float64 // in [0,1); 0 keeps no state
	Nesterov bool
}

// Validate reports settings out of range.
func (r SGD) Validate() error {
	if r.Nesterov && r.Momentum == 0 {
		return errors.New("sgd: Nesterov needs a Momentum")
	}
	return inRange("sgd: Momentum", r.Momentum, 1)
}

func (r SGD) slots() []slot {
	if r.Momentum == 0 {
		return nil
	}
	return []slot{{name: "momentum"}}
}

func (r SGD) begin(_ int64, rate float64) coefficients {
	return coefficients{rate: float32(-rate), keep: float32(r.Momentum)}
}

func (r SGD) update(k *kernel.Set, c *coefficients, w, g []float32, s [maxSlots][]float32) {
	if r.Momentum == 0 {
		k.AddScaled(w, c.rate, g)
		return
	}
	g, b := g[:len(w)], s[0][:len(w)]
	for i := range w {
		v := float32(c.keep*b[i]) + g[i]
		b[i] = v
		if r.Nesterov {
			v = g[i] + float32(c.keep*v)
		}
		w[i] += float32(c.rate * v)
	}
}
