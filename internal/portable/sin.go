package portable

import "math"

// trigLimit bounds the arguments of Sin and Cos: below it pi/4 in three parts reduces them without loss.
const trigLimit = 1 << 29

// Sin returns the sine of x radians, |x| < 2**29 (Cephes sin.c). It is NaN for larger, infinite and NaN arguments:
// neighbouring float32 are further apart than a full turn long before that limit.
func Sin(x float64) float64 {
	if x == 0 {
		return x
	}
	j, z, ok := octant(math.Abs(x))
	if !ok {
		return math.NaN()
	}
	negative := math.Signbit(x) != (j > 3)
	y := sinPoly(z)
	if j&3 == 2 {
		y = cosPoly(z)
	}
	if negative {
		return -y
	}
	return y
}

// Cos returns the cosine of x radians, |x| < 2**29, NaN otherwise.
func Cos(x float64) float64 {
	j, z, ok := octant(math.Abs(x))
	if !ok {
		return math.NaN()
	}
	y := cosPoly(z)
	if j&3 == 2 {
		y = sinPoly(z)
	}
	if j == 2 || j == 4 {
		return -y
	}
	return y
}

// octant returns the even octant j in {0, 2, 4, 6} and z in [-pi/4, pi/4] with x = j*pi/4 + z modulo 2*pi.
func octant(x float64) (j int, z float64, ok bool) {
	const (
		a = 7.85398125648498535156e-1 // pi/4 in three parts, a and b with trailing zeros
		b = 3.77489470793079817668e-8
		c = 2.69515142907905952645e-15
	)
	if !(x < trigLimit) {
		return 0, 0, false
	}
	n := int(mul(x, 4/math.Pi))
	n += n & 1
	y := float64(n)
	return n & 7, ((x - mul(y, a)) - mul(y, b)) - mul(y, c), true
}

func sinPoly(z float64) float64 {
	w := mul(z, z)
	p := mul(1.58962301576546568060e-10, w) - 2.50507477628578072866e-8
	p = mul(p, w) + 2.75573136213857245213e-6
	p = mul(p, w) - 1.98412698295885395996e-4
	p = mul(p, w) + 8.33333333332211858878e-3
	p = mul(p, w) - 1.66666666666666307295e-1
	return z + mul(mul(z, w), p)
}

func cosPoly(z float64) float64 {
	w := mul(z, z)
	p := mul(-1.13585365213876817300e-11, w) + 2.08757008419747316778e-9
	p = mul(p, w) - 2.75573141792967388112e-7
	p = mul(p, w) + 2.48015872888517045348e-5
	p = mul(p, w) - 1.38888888888730564116e-3
	p = mul(p, w) + 4.16666666666665929218e-2
	return 1 - mul(0.5, w) + mul(mul(w, w), p)
}

// Sin32 returns the sine of x radians, |x| < 2**29, rounded to float32.
func Sin32(x float32) float32 { return float32(Sin(float64(x))) }

// Cos32 returns the cosine of x radians, |x| < 2**29, rounded to float32.
func Cos32(x float32) float32 { return float32(Cos(float64(x))) }
