//go:build ignore

package main

import "math"

// sigmoid computes e/(1+e) for x < 0 and 1/(1+e) for others, with e = exp(-|x|).
func (g *gen) sigmoid() []string {
	list := append([]string{move(5, 0), g.loadWord(1, 1<<31), "orr 0 0 1"}, g.exp(true)...)
	return append(list, g.load(2, 1), "fadd 1 0 2", "sshr 5 5 31", "bsl 5 0 2", "fdiv 0 5 1") // the sign bit of x selects
}

// tanh is Cephes tanhf (Moshier 1992): a polynomial below 0.625, 1 - 2/(exp(2|x|)+1) above.
func (g *gen) tanh() []string {
	list := append([]string{move(5, 0), "fabs 6 0", "fadd 0 6 6", g.load(1, 40), "fmin 0 0 1"}, g.exp(false)...)
	list = append(list, g.load(2, 1), "fadd 0 0 2", g.load(1, 2), "fdiv 1 1 0", "fsub 0 2 1", g.loadWord(1, 1<<31), "and 1 5 1", "orr 0 0 1",
		"fmul 1 5 5")
	list = append(list, g.poly(2, 3, 1, tanhPoly...)...)
	return append(list, "fmul 2 2 1", move(3, 5), "fmla 3 2 5", g.load(1, 0.625), "fcmgt 1 1 6", "bit 0 3 1")
}

// log is Cephes logf (Moshier 1992), with subnormal arguments scaled first.
func (g *gen) log() []string {
	list := []string{
		move(5, 0), g.loadWord(1, 0x00800000), "fcmgt 6 1 0", // subnormal (or negative, which ends as NaN)
		g.load(1, 1<<23), "fmul 1 0 1", "bit 0 1 6", // scaled
		g.load(1, 23), "and 6 6 1", // 23 where scaled
		"ushr 1 0 23", g.loadWord(2, 126), "sub 1 1 2", "scvtf 1 1", "fsub 1 1 6", // the exponent for m in [1/2,1)
		g.loadWord(2, 0x007fffff), "and 0 0 2", g.load(2, 0.5), "orr 0 0 2",
		g.load(2, math.Sqrt2/2), "fcmgt 2 2 0", // m < sqrt(1/2)
		"and 3 0 2", "fadd 0 0 3", g.load(3, 1), "fsub 0 0 3", // m or 2m, minus 1
		"and 2 2 3", "fsub 1 1 2",
	}
	list = append(list, g.poly(2, 3, 0, logPoly...)...)
	return append(list, "fmul 3 0 0", "fmul 2 2 0", "fmul 2 2 3", g.load(4, -2.12194440e-4), "fmla 2 1 4", g.load(4, 0.5), "fmls 2 3 4",
		"fadd 0 0 2", g.load(4, 0.693359375), "fmla 0 1 4",
		// +Inf and NaN stay what they are, 0 gives -Inf, less than 0 gives NaN.
		g.load(1, math.Inf(1)), "fcmgt 2 1 5", "bif 0 5 2", "equal0 2 5", g.load(1, math.Inf(-1)), "bit 0 1 2", "below0 2 5", "orr 0 0 2")
}
