package synthetic

import "recsys/internal/portable"

// width is the number of latent dimensions.
const width = 8

type vector [width]float64

// random draws a vector of independent normal numbers.
func random(r *portable.Rand) (v vector) {
	for i := range v {
		v[i] = r.Normal()
	}
	return v
}

// plus returns v + factor*w.
func (v vector) plus(factor float64, w vector) vector {
	for i := range v {
		v[i] += float64(factor * w[i])
	}
	return v
}

// dot returns the inner product over sqrt(width): of variance 1 for independent normal vectors.
func (v vector) dot(w vector) float64 {
	sum := 0.0
	for i := range v {
		sum += float64(v[i] * w[i])
	}
	return sum / portable.Sqrt(width)
}
