//go:build ignore

package main

import (
	"fmt"
	"math"
)

// vectors writes the functions of vectors.
func (g *gen) vectors() {
	binary := func(name, params string, body ...string) {
		g.each(name, "(n int, "+params+" *float32)", 32, []string{params[:1], params[3:4], params[6:7]}, 0, nil, body...)
	}
	binary("neonAdd", "z, x, y", "fadd 0 1 2")
	binary("neonSub", "z, x, y", "fsub 0 1 2")
	binary("neonMul", "z, x, y", "fmul 0 1 2")
	binary("neonReluGrad", "z, y, u", "above0 0 1", "and 0 0 2")
	unary := func(name string, body ...string) {
		g.each(name, "(n int, y, x *float32)", 24, []string{"y", "x"}, 0, []string{"MOVD $neonconsts<>(SB), R9"}, append([]string{move(0, 1)}, body...)...)
	}
	unary("neonRelu", "eor 2 2 2", "fmax 0 0 2")
	unary("neonExp", g.exp(true)...)
	unary("neonSigmoid", g.sigmoid()...)
	unary("neonTanh", g.tanh()...)
	unary("neonLog", g.log()...)
	g.scaled("neonAddScaled", true, "fmul 0 0 16", "fadd 0 0 1")
	g.scaled("neonScale", false, "fmul 0 0 16")
	g.scaled("neonShift", false, "fadd 0 0 16")
	g.each("neonAdagrad", "(n int, w, s, x *float32, rate, epsilon float32)", 40, []string{"w", "s", "x"}, 3,
		[]string{"FMOVS rate+32(FP), F16", "dup 16 16", "FMOVS epsilon+36(FP), F17", "dup 17 17"},
		"fmul 3 2 2", "fadd 1 1 3", "fsqrt 3 1", "fadd 3 3 17", "fmul 4 2 16", "fdiv 4 4 3", "fadd 0 0 4")
	adam := []string{"MOVD c+40(FP), R9"}
	for i := range 6 {
		adam = append(adam, fmt.Sprintf("FMOVS %d(R9), F%d", 4*i, 16+i), fmt.Sprintf("dup %d %d", 16+i, 16+i))
	}
	g.each("neonAdam", "(n int, w, m, v, x *float32, c *AdamScalars)", 48, []string{"w", "m", "v", "x"}, 7, adam,
		"fsub 4 3 1", "fmul 4 4 17", "fadd 1 1 4", // m
		"fmul 2 2 18", "fmul 4 3 19", "fmul 4 4 3", "fadd 2 2 4", // v
		"fsqrt 4 2", "fdiv 4 4 20", "fadd 4 4 21", "fmul 5 1 16", "fdiv 5 5 4", "fadd 0 0 5")
	g.sum("neonSum", false)
	g.sum("neonDot", true)
	g.max()
	g.expSum()
	g.moment("neonMean", false)
	g.moment("neonSpread", true)
	g.normalize()
}

// loop writes step for whole vectors of R0 elements, and once more for the tail: of fewer than four elements R0 holds
// the number then.
func (g *gen) loop(step func(tail bool)) {
	g.lines("SUBS $4, R0, R0", "BLT tail", "loop:")
	step(false)
	g.lines("SUBS $4, R0, R0", "BGE loop", "tail:", "ADDS $4, R0, R0", "BEQ done")
	step(true)
	g.line("done:")
}

// read loads a register from an address and moves it on; write stores one.
func (g *gen) read(tail bool, from string, to int) {
	if tail {
		g.loadTail(from, to)
	} else {
		g.line("FMOVQ.P 16(%s), F%d", from, to)
	}
}

func (g *gen) store(tail bool, from int, to string) {
	if tail {
		g.storeTail(from, to)
	} else {
		g.line("FMOVQ.P F%d, 16(%s)", from, to)
	}
}

// each writes a function of n elements. The vectors in registers 0, 1 … are computed by body. Those whose bits are set in
// inout are read and written; with none, the first is only written and the others are only read.
func (g *gen) each(name, signature string, argBytes int, vectors []string, inout int, before []string, body ...string) {
	g.text(name, signature, "computes n elements.", argBytes)
	g.line("MOVD n+0(FP), R0")
	for i, v := range vectors {
		g.line("MOVD %s+%d(FP), R%d", v, 8+8*i, 1+i)
		if inout>>i&1 == 1 {
			g.line("MOVD R%d, R%d", 1+i, 11+i) // what is read is a vector ahead of what is written
		}
	}
	g.v(before...)
	g.loop(func(tail bool) {
		for i := range vectors {
			switch {
			case inout>>i&1 == 1:
				g.read(tail, fmt.Sprintf("R%d", 11+i), i)
			case inout != 0 || i > 0:
				g.read(tail, fmt.Sprintf("R%d", 1+i), i)
			}
		}
		g.v(body...)
		for i := range vectors {
			if inout>>i&1 == 1 || inout == 0 && i == 0 {
				g.store(tail, i, fmt.Sprintf("R%d", 1+i))
			}
		}
	})
	g.end()
}

// scaled computes y in register 0 from x in register 0, the scalar in all of 16 and, where it is read, y in 1.
func (g *gen) scaled(name string, reads bool, body ...string) {
	g.text(name, "(n int, y *float32, a float32, x *float32)", "computes n elements.", 32)
	g.lines("MOVD n+0(FP), R0", "MOVD y+8(FP), R1", "MOVD R1, R11", "FMOVS a+16(FP), F16", "MOVD x+24(FP), R2")
	g.v("dup 16 16")
	g.loop(func(tail bool) {
		g.read(tail, "R2", 0)
		if reads {
			g.read(tail, "R11", 1)
		}
		g.v(body...)
		g.store(tail, 0, "R1")
	})
	g.end()
}

// fold adds the lanes of register 0 pairwise into its lowest.
func (g *gen) fold() { g.v("faddp 0 0 0", "faddp 0 0 0") }

// sum adds 16 interleaved partial sums pairwise; what is left of a length goes to the first four.
func (g *gen) sum(name string, dot bool) {
	ret := 16
	if dot {
		g.text(name, "(n int, x, y *float32) float32", "returns the sum of n products.", 28)
		ret = 24
	} else {
		g.text(name, "(n int, x *float32) float32", "returns the sum of n elements.", 20)
	}
	g.lines("MOVD n+0(FP), R0", "MOVD x+8(FP), R1")
	if dot {
		g.line("MOVD y+16(FP), R2")
	}
	for i := range 4 {
		g.v(fmt.Sprintf("eor %d %d %d", i, i, i))
	}
	add := func(acc int) {
		if dot {
			g.v(fmt.Sprintf("fmla %d %d %d", acc, 4+acc, 8+acc))
		} else {
			g.v(fmt.Sprintf("fadd %d %d %d", acc, acc, 4+acc))
		}
	}
	g.lines("SUBS $16, R0, R0", "BLT fours", "loop:", "FLDPQ.P 32(R1), (F4, F5)", "FLDPQ.P 32(R1), (F6, F7)")
	if dot {
		g.lines("FLDPQ.P 32(R2), (F8, F9)", "FLDPQ.P 32(R2), (F10, F11)")
	}
	for i := range 4 {
		add(i)
	}
	g.lines("SUBS $16, R0, R0", "BGE loop", "fours:", "ADDS $12, R0, R0", "BLT tail")
	step := func(tail bool) {
		g.read(tail, "R1", 4)
		if dot {
			g.read(tail, "R2", 8)
		}
		add(0)
	}
	g.line("four:")
	step(false)
	g.lines("SUBS $4, R0, R0", "BGE four", "tail:", "ADDS $4, R0, R0", "BEQ done")
	step(true)
	g.line("done:")
	g.v("fadd 0 0 1", "fadd 2 2 3", "fadd 0 0 2")
	g.fold()
	g.line("FMOVS F0, ret+%d(FP)", ret)
	g.end()
}

// max looks at the last four elements first: they may be seen twice. FMAX gives NaN where one of the two is.
func (g *gen) max() {
	g.text("neonMax", "(n int, x *float32) float32", "returns the greatest of n >= 4 elements, NaN if there is one.", 20)
	g.lines("MOVD n+0(FP), R0", "MOVD x+8(FP), R1", "ADD R0<<2, R1, R2", "FMOVQ -16(R2), F0", "SUBS $4, R0, R0",
		"loop:", "FMOVQ.P 16(R1), F1")
	g.v("fmax 0 0 1", "SUBS $4, R0, R0", "BGE loop", "fmaxp 0 0 0", "fmaxp 0 0 0", "FMOVS F0, ret+16(FP)")
	g.end()
}

func (g *gen) expSum() {
	g.text("neonExpSum", "(n int, y, x *float32, shift float32) float32", "computes y = exp(x-shift) for n elements and returns their sum.", 36)
	g.lines("MOVD n+0(FP), R0", "MOVD y+8(FP), R1", "MOVD x+16(FP), R2", "FMOVS shift+24(FP), F16", "MOVD $neonconsts<>(SB), R9")
	g.v("dup 16 16", "eor 17 17 17")
	g.loop(func(tail bool) {
		g.read(tail, "R2", 0)
		g.v("fsub 0 0 16")
		g.v(g.exp(true)...)
		g.store(tail, 0, "R1")
		if tail {
			g.loadTail("R1", 0) // without what stands behind the elements
		}
		g.v("fadd 17 17 0")
	})
	g.v(move(0, 17))
	g.fold()
	g.line("FMOVS F0, ret+32(FP)")
	g.end()
}

// moment sums two times two interleaved partial sums in double precision; the last elements come one by one.
func (g *gen) moment(name string, spread bool) {
	ret := 16
	if spread {
		g.text(name, "(n int, x *float32, mean float64) float64", "returns the mean square of x-mean of n elements.", 32)
		ret = 24
	} else {
		g.text(name, "(n int, x *float32) float64", "returns the mean of n elements.", 24)
	}
	g.lines("MOVD n+0(FP), R0", "MOVD x+8(FP), R1", "SCVTFD R0, F17")
	g.v("eor 0 0 0", "eor 1 1 1")
	if spread {
		g.v("FMOVD mean+16(FP), F16", "dup2 16 16")
	}
	g.lines("SUBS $4, R0, R0", "BLT tail", "loop:", "FMOVQ.P 16(R1), F4")
	g.v("fcvtl 2 4", "fcvtl2 3 4")
	if spread {
		g.v("fsub2 2 2 16", "fsub2 3 3 16", "fmul2 2 2 2", "fmul2 3 3 3")
	}
	g.v("fadd2 0 0 2", "fadd2 1 1 3")
	g.lines("SUBS $4, R0, R0", "BGE loop", "tail:")
	g.v("fadd2 0 0 1", "faddp2 0 0 0")
	g.lines("ADDS $4, R0, R0", "BEQ done", "one:", "FMOVS.P 4(R1), F2", "FCVTSD F2, F2")
	if spread {
		g.lines("FSUBD F16, F2, F2", "FMULD F2, F2, F2")
	}
	g.lines("FADDD F2, F0, F0", "SUBS $1, R0, R0", "BNE one", "done:", "FDIVD F17, F0, F0", fmt.Sprintf("FMOVD F0, ret+%d(FP)", ret))
	g.end()
}

func (g *gen) normalize() {
	g.text("neonNormalize", "(n int, y, x, scale, bias *float32, mean, inverse float64)",
		"computes y = (x-mean)·inverse·scale + bias for n elements; bias may be nil.", 56)
	g.lines("MOVD n+0(FP), R0", "MOVD y+8(FP), R1", "MOVD x+16(FP), R2", "MOVD scale+24(FP), R3", "MOVD bias+32(FP), R4",
		"FMOVD mean+40(FP), F16", "FMOVD inverse+48(FP), F17")
	g.v("dup2 16 16", "dup2 17 17")
	g.loop(func(tail bool) {
		label := map[bool]string{false: "store", true: "last"}[tail]
		g.read(tail, "R2", 0)
		g.v("fcvtl 1 0", "fcvtl2 2 0", "fsub2 1 1 16", "fsub2 2 2 16", "fmul2 1 1 17", "fmul2 2 2 17", "fcvtn 0 1", "fcvtn2 0 2")
		g.read(tail, "R3", 3)
		g.v("fmul 0 0 3", "CBZ R4, "+label)
		g.read(tail, "R4", 3)
		g.v("fadd 0 0 3", label+":")
		g.store(tail, 0, "R1")
	})
	g.end()
}

// exp replaces register 0 by its exponential, with 1 to 3: Cephes expf (Moshier 1992) with fused multiply-add. With full,
// the power of two is applied in two steps, which reach the subnormal results and infinity. NaN stays NaN.
func (g *gen) exp(full bool) []string {
	list := []string{
		g.load(1, 89), "fmin 0 0 1", g.load(1, -104), "fmax 0 0 1", g.load(1, math.Log2E), "fmul 1 0 1", "frintn 1 1", // 1: n
		g.load(2, 0.693359375), "fmls 0 1 2", g.load(2, -2.12194440e-4), "fmls 0 1 2", // 0: r
		"fcvtns 1 1",
	}
	list = append(list, g.poly(2, 3, 0, expPoly...)...)
	list = append(list, "fmul 3 0 0", "fmla 0 2 3", g.load(2, 1), "fadd 0 0 2")
	if !full {
		return append(list, g.loadWord(2, 127), "add 1 1 2", "shl 1 1 23", "fmul 0 0 1")
	}
	return append(list, "sshr 2 1 1", "sub 1 1 2", g.loadWord(3, 127), "add 1 1 3", "shl 1 1 23", "add 2 2 3", "shl 2 2 23",
		"fmul 0 0 1", "fmul 0 0 2")
}

// poly computes to, with spare, the polynomial in register x with the given coefficients, highest first.
func (g *gen) poly(to, spare, x int, coefficients ...float64) []string {
	if len(coefficients)%2 == 0 {
		to, spare = spare, to
	}
	list := []string{g.load(to, coefficients[0])}
	for _, c := range coefficients[1:] {
		list = append(list, g.load(spare, c), fmt.Sprintf("fmla %d %d %d", spare, to, x))
		to, spare = spare, to
	}
	return list
}
