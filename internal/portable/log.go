package portable

import "math"

// Log returns the natural logarithm of x. Log(+Inf) is +Inf, Log(0) -Inf, Log(x < 0) NaN, Log(NaN) NaN.
func Log(x float64) float64 {
	switch {
	case x != x || math.IsInf(x, 1):
		return x
	case x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	}
	m, e := split(x)
	f, k := m-1, float64(e)
	s := f / (2 + f)
	r := logPoly(mul(s, s))
	half := mul(mul(0.5, f), f)
	return mul(k, ln2Hi) - ((half - (mul(s, half+r) + mul(k, ln2Lo))) - f)
}

// logPoly is the polynomial R(z) with log(1+f) = 2s + s*R, s = f/(2+f), z = s*s (FreeBSD e_log.c).
func logPoly(z float64) float64 {
	const (
		l1 = 6.666666666666735130e-01
		l2 = 3.999999999940941908e-01
		l3 = 2.857142874366239149e-01
		l4 = 2.222219843214978396e-01
		l5 = 1.818357216161805012e-01
		l6 = 1.531383769920937332e-01
		l7 = 1.479819860511658591e-01
	)
	w := mul(z, z)
	t1 := mul(z, l1+mul(w, l3+mul(w, l5+mul(w, l7))))
	t2 := mul(w, l2+mul(w, l4+mul(w, l6)))
	return t1 + t2
}

// split returns m in [sqrt(1/2), sqrt(2)) and e with x = m * 2**e, for finite x > 0.
func split(x float64) (m float64, e int) {
	if x < 0x1p-1022 {
		x, e = mul(x, 1<<54), -54
	}
	bits := math.Float64bits(x)
	e += int(bits>>52) - 1023
	m = math.Float64frombits(bits&(1<<52-1) | 1023<<52)
	if m >= math.Sqrt2 {
		return mul(m, 0.5), e + 1
	}
	return m, e
}

// Log1p returns log(1+x), accurate near 0. Log1p(±0) is ±0, Log1p(-1) -Inf, Log1p(x < -1) NaN.
func Log1p(x float64) float64 {
	switch {
	case x < -1 || x != x:
		return math.NaN()
	case x == -1:
		return math.Inf(-1)
	case math.IsInf(x, 1):
		return x
	case math.Abs(x) < 0x1p-54:
		return x
	case math.Abs(x) < 0x1p-29:
		return x - mul(mul(x, x), 0.5)
	case -0.2928932188134524 < x && x < 0.4142135623730950: // 1+x within [sqrt(1/2), sqrt(2)]
		s := x / (2 + x)
		half := mul(mul(0.5, x), x)
		return x - (half - mul(s, half+logPoly(mul(s, s))))
	}
	return log1pFar(x)
}

// log1pFar handles 1+x outside [sqrt(1/2), sqrt(2)]: c is what the rounding of 1+x lost (FreeBSD s_log1p.c).
func log1pFar(x float64) float64 {
	u, c := x, 0.0
	if math.Abs(x) < 1<<53 {
		u = 1 + x
		if u >= 2 {
			c = 1 - (u - x)
		} else {
			c = x - (u - 1)
		}
		c /= u
	}
	m, e := split(u)
	f, k := m-1, float64(e)
	s := f / (2 + f)
	r := logPoly(mul(s, s))
	half := mul(mul(0.5, f), f)
	return mul(k, ln2Hi) - ((half - (mul(s, half+r) + (mul(k, ln2Lo) + c))) - f)
}

// Log32 returns the natural logarithm of x, rounded to float32.
func Log32(x float32) float32 { return float32(Log(float64(x))) }

// Log1p32 returns log(1+x), rounded to float32.
func Log1p32(x float32) float32 { return float32(Log1p(float64(x))) }
