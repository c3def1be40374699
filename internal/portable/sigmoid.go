package portable

import "math"

// Sigmoid returns 1/(1+e**-x), without overflow.
func Sigmoid(x float64) float64 {
	if x < 0 {
		e := Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + Exp(-x))
}

// Sigmoid32 returns 1/(1+e**-x), rounded to float32.
func Sigmoid32(x float32) float32 {
	switch {
	case x != x:
		return x
	case x > 40:
		return 1
	case x < -104:
		return 0
	case x < 0:
		e := expFast(float64(x))
		return float32(e / (1 + e))
	}
	return float32(1 / (1 + expFast(-float64(x))))
}

// Tanh returns the hyperbolic tangent of x (Cephes tanh.c).
func Tanh(x float64) float64 {
	z := math.Abs(x)
	switch {
	case z > 22: // 1 - tanh(22) < 2**-62
		return math.Copysign(1, x)
	case z >= 0.625:
		return math.Copysign(1-2/(Exp(mul(2, z))+1), x)
	case x == 0:
		return x
	}
	s := mul(x, x)
	p := mul(mul(-9.64399179425052238628e-1, s)-9.92877231001918586564e1, s) - 1.61468768441708447952e3
	q := mul(mul(s+1.12811678491632931402e2, s)+2.23548839060100448583e3, s) + 4.84406305325125486048e3
	return x + mul(mul(x, s), p)/q
}

// Tanh32 returns the hyperbolic tangent of x, rounded to float32.
func Tanh32(x float32) float32 {
	switch z := math.Abs(float64(x)); {
	case z >= 0.625 && z <= 22:
		return float32(math.Copysign(1-2/(expFast(mul(2, z))+1), float64(x)))
	default:
		return float32(Tanh(float64(x)))
	}
}
