package portable

import "math"

const (
	ln2Hi = 6.93147180369123816490e-01 // upper 32 bits of ln 2
	ln2Lo = 1.90821492927058770002e-10 // ln 2 - ln2Hi
	log2e = 1.44269504088896338700e+00
)

// mul is the product, rounded: the conversion forbids the compiler to fuse it with a following addition.
func mul(x, y float64) float64 { return float64(x * y) }

// Exp returns e**x. Exp(+Inf) is +Inf, Exp(-Inf) 0, Exp(NaN) NaN; results beyond float64 are +Inf, below it 0.
func Exp(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 7.09782712893383973096e+02:
		return math.Inf(1)
	case x < -7.45133219101941108420e+02:
		return 0
	case -1.0/(1<<28) < x && x < 1.0/(1<<28):
		return 1 + x
	}
	k := math.Floor(mul(log2e, x) + 0.5)
	hi := x - mul(k, ln2Hi)
	lo := mul(k, ln2Lo)
	return scale(expReduced(hi, lo), int(k))
}

// expReduced returns e**(hi-lo) for |hi-lo| <= ln(2)/2 (FreeBSD e_exp.c).
func expReduced(hi, lo float64) float64 {
	const (
		p1 = 1.66666666666666657415e-01
		p2 = -2.77777777770155933842e-03
		p3 = 6.61375632143793436117e-05
		p4 = -1.65339022054652515390e-06
		p5 = 4.13813679705723846039e-08
	)
	r := hi - lo
	t := mul(r, r)
	c := r - mul(t, p1+mul(t, p2+mul(t, p3+mul(t, p4+mul(t, p5)))))
	return 1 - ((lo - mul(r, c)/(2-c)) - hi)
}

// scale returns x * 2**k for |k| < 2100 with at most one rounding.
func scale(x float64, k int) float64 {
	switch {
	case k > 1023:
		return mul(mul(x, math.Float64frombits(uint64(2046)<<52)), pow2(k-1023))
	case k < -1022:
		// 2**(k+54) is normal for k >= -1076: the first product is exact and only the second one rounds.
		return mul(mul(x, pow2(max(k+54, -1022))), 1.0/(1<<54))
	}
	return mul(x, pow2(k))
}

// pow2 returns 2**k for -1022 <= k <= 1023.
func pow2(k int) float64 { return math.Float64frombits(uint64(k+1023) << 52) }

// Exp32 returns e**x, rounded to float32.
func Exp32(x float32) float32 {
	switch {
	case x != x:
		return x
	case x > 88.8:
		return float32(math.Inf(1))
	case x < -104:
		return 0
	}
	return float32(expFast(float64(x)))
}

// expFast returns e**x for |x| < 105 with a relative error below 2**-33: the Taylor polynomial of degree 8 on
// |r| <= ln(2)/2, whose remainder is r**9/9! < 2.0e-10 * 1.03.
func expFast(x float64) float64 {
	k := math.Floor(mul(log2e, x) + 0.5)
	r := x - mul(k, ln2Hi) - mul(k, ln2Lo)
	p := 1.0/5040 + mul(r, 1.0/40320)
	p = 1.0/720 + mul(r, p)
	p = 1.0/120 + mul(r, p)
	p = 1.0/24 + mul(r, p)
	p = 1.0/6 + mul(r, p)
	p = 0.5 + mul(r, p)
	p = 1 + mul(r, p)
	p = 1 + mul(r, p)
	return mul(p, pow2(int(k)))
}
