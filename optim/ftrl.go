package optim

import (
	"errors"
	"math"

	"recsys/graph/kernel"
)

// FTRL is FTRL-proximal, McMahan et al. 2013 (Ad Click Prediction: a View from the Trenches), algorithm 1, with the
// learning rate of the step as alpha: s = (sqrt(n+g²) - sqrt(n))/rate, z += g - s·w, n += g², and w is 0 where |z| is
// at most L1, else -(z - sign(z)·L1)/((Beta + sqrt(n))/rate + L2).
//
// The paper begins with w = 0. A parameter that begins elsewhere is drawn to zero by its first gradients, in which Beta
// weighs as one observation of 0; a first gradient of 0 makes it 0. A step of rate 0 changes nothing. With row-sparse
// gradients untouched rows rest.
type FTRL struct {
	Beta float64 // 0 means 1, which the paper finds good enough
	L1   float64 // makes weights zero
	L2   float64 // of the algorithm, beside Config.L2
}

// ftrlScalars are the coefficients of FTRL.
type ftrlScalars struct{ inverse, beta, l1, l2 float32 }

// Validate reports settings out of range.
func (r FTRL) Validate() error {
	return errors.Join(inRange("ftrl: Beta", r.Beta, 1e30), inRange("ftrl: L1", r.L1, 1e30), inRange("ftrl: L2", r.L2, 1e30))
}

func (r FTRL) slots() []slot { return []slot{{name: "z"}, {name: "n"}} }

func (r FTRL) begin(_ int64, rate float64) coefficients {
	beta := r.Beta
	if beta == 0 {
		beta = 1
	}
	return coefficients{rate: float32(-rate), ftrl: ftrlScalars{
		inverse: float32(1 / rate), beta: float32(beta), l1: float32(r.L1), l2: float32(r.L2),
	}}
}

func (r FTRL) update(_ *kernel.Set, c *coefficients, w, g []float32, s [maxSlots][]float32) {
	if c.rate == 0 {
		return
	}
	f := c.ftrl
	g, zs, ns := g[:len(w)], s[0][:len(w)], s[1][:len(w)]
	for i := range w {
		n := ns[i] + float32(g[i]*g[i])
		root := root32(n)
		sigma := float32((root - root32(ns[i])) * f.inverse)
		z := zs[i] + (g[i] - float32(sigma*w[i]))
		zs[i], ns[i] = z, n
		below := float32(float32((f.beta+root)*f.inverse) + f.l2)
		switch {
		case z > f.l1:
			w[i] = -(z - f.l1) / below
		case z < -f.l1:
			w[i] = -(z + f.l1) / below
		default:
			w[i] = 0
		}
	}
}

func root32(x float32) float32 { return float32(math.Sqrt(float64(x))) }
