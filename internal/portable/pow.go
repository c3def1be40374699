package portable

import "math"

// Pow returns x**y, with the special cases of [math.Pow] (FreeBSD e_pow.c, whose error is below 0.7 ulp).
func Pow(x, y float64) float64 {
	if z, ok := powSpecial(x, y); ok {
		return z
	}
	sign := 1.0
	if x < 0 {
		if odd(y) {
			sign = -1
		}
		x = -x
	}
	hi, lo := log2(x)
	// y*log2(x) in two parts, y split so that the upper product is exact.
	y1 := truncate(y)
	low := mul(y-y1, hi) + mul(y, lo)
	high := mul(y1, hi)
	return mul(sign, exp2(high, low))
}

// Sqrt returns the square root of x, which is exact on every platform.
func Sqrt(x float64) float64 { return math.Sqrt(x) }

// Sqrt32 returns the square root of x, rounded to float32 (exactly: float64 has more than twice the digits).
func Sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// Pow32 returns x**y, rounded to float32.
func Pow32(x, y float32) float32 { return float32(Pow(float64(x), float64(y))) }

// truncate clears the lower 32 bits, so that a product of two such numbers is exact.
func truncate(x float64) float64 {
	return math.Float64frombits(math.Float64bits(x) &^ (1<<32 - 1))
}

// odd reports whether y is an odd integer.
func odd(y float64) bool {
	if math.Abs(y) >= 1<<53 {
		return false
	}
	return math.Floor(y) == y && int64(y)&1 == 1
}

// powSpecial answers the cases that need no logarithm.
func powSpecial(x, y float64) (z float64, ok bool) {
	switch {
	case y == 0 || x == 1:
		return 1, true
	case x != x || y != y:
		return math.NaN(), true
	case y == 1:
		return x, true
	case y == -1:
		return 1 / x, true
	case y == 2:
		return mul(x, x), true
	case math.IsInf(y, 0):
		switch ax := math.Abs(x); {
		case ax == 1:
			return 1, true
		case (ax > 1) == (y > 0):
			return math.Inf(1), true
		}
		return 0, true
	case x == 0 || math.IsInf(x, 0):
		z = 0
		if (x == 0) == (y < 0) {
			z = math.Inf(1)
		}
		if math.Signbit(x) && odd(y) {
			z = -z
		}
		return z, true
	case x < 0 && math.Floor(y) != y:
		return math.NaN(), true
	}
	return powHuge(x, y)
}

// powHuge answers exponents so large that only overflow, underflow or a neighbour of 1 is possible.
func powHuge(x, y float64) (z float64, ok bool) {
	ax := math.Abs(x)
	if math.Abs(y) < 0x1p64 || ax == 1 {
		if ax == 1 { // x is -1 and y an integer
			if odd(y) {
				return -1, true
			}
			return 1, true
		}
		return 0, false
	}
	// |log x| >= 2**-53, so |y log x| >= 2**11 > log of the largest number; such y is even.
	if (ax > 1) == (y > 0) {
		return math.Inf(1), true
	}
	return 0, true
}

// log2 returns log2(x) = hi + lo for finite x > 0, hi with its lower 32 bits clear.
func log2(x float64) (hi, lo float64) {
	const (
		l1  = 5.99999999999994648725e-01
		l2  = 4.28571428578550184252e-01
		l3  = 3.33333329818377432918e-01
		l4  = 2.72728123808534006489e-01
		l5  = 2.30660745775561754067e-01
		l6  = 2.06975017800338417784e-01
		cp  = 9.61796693925975554329e-01  // 2/(3 ln 2)
		cph = 9.61796700954437255859e-01  // its upper bits
		cpl = -7.02846165095275826516e-09 // its lower bits
	)
	m, e := mantissa(x)
	bp, dph, dpl := 1.0, 0.0, 0.0
	switch bits := math.Float64bits(m) & (1<<52 - 1); {
	case bits < 0x3988F<<32: // below sqrt(3/2)
	case bits < 0xBB67B<<32: // below sqrt(3)
		bp, dph, dpl = 1.5, 5.84962487220764160156e-01, 1.35003920212974897128e-08
	default:
		m, e = mul(m, 0.5), e+1
	}
	// s = (m-bp)/(m+bp) in two parts.
	u, v := m-bp, 1/(m+bp)
	s := mul(u, v)
	sh := truncate(s)
	th := truncate(m + bp)
	tl := m - (th - bp)
	sl := mul(v, (u-mul(sh, th))-mul(sh, tl))
	// log(m) = 3/2 (s + ...) in two parts.
	s2 := mul(s, s)
	r := mul(mul(s2, s2), l1+mul(s2, l2+mul(s2, l3+mul(s2, l4+mul(s2, l5+mul(s2, l6))))))
	r += mul(sl, sh+s)
	s2 = mul(sh, sh)
	th = truncate(3 + s2 + r)
	tl = r - ((th - 3) - s2)
	u = mul(sh, th)
	v = mul(sl, th) + mul(tl, s)
	ph := truncate(u + v)
	pl := v - (ph - u)
	zh := mul(cph, ph)
	zl := mul(cpl, ph) + mul(pl, cp) + dpl
	t := float64(e)
	hi = truncate(((zh + zl) + dph) + t)
	return hi, zl - (((hi - t) - dph) - zh)
}

// mantissa returns m in [1, 2) and e with x = m * 2**e, for finite x > 0.
func mantissa(x float64) (m float64, e int) {
	if x < 0x1p-1022 {
		x, e = mul(x, 1<<54), -54
	}
	bits := math.Float64bits(x)
	return math.Float64frombits(bits&(1<<52-1) | 1023<<52), e + int(bits>>52) - 1023
}

// exp2 returns 2**(hi+lo).
func exp2(hi, lo float64) float64 {
	const (
		lg2  = 6.93147180559945286227e-01
		lg2h = 6.93147182464599609375e-01
		lg2l = -1.90465429995776804525e-09
		p1   = 1.66666666666666019037e-01
		p2   = -2.77777777770155933842e-03
		p3   = 6.61375632143793436117e-05
		p4   = -1.65339022054652515390e-06
		p5   = 4.13813679705723846039e-08
	)
	switch sum := hi + lo; {
	case sum >= 1025:
		return math.Inf(1)
	case sum < -1076:
		return 0
	}
	k := math.Floor(hi + lo + 0.5)
	hi -= k
	t := truncate(hi + lo)
	u := mul(t, lg2h)
	v := mul(lo-(t-hi), lg2) + mul(t, lg2l)
	z := u + v
	w := v - (z - u)
	t = mul(z, z)
	c := z - mul(t, p1+mul(t, p2+mul(t, p3+mul(t, p4+mul(t, p5)))))
	r := mul(z, c)/(c-2) - (w + mul(z, w))
	return scale(1-(r-z), int(k))
}
