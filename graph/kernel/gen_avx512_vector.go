//go:build ignore

package main

import (
	"fmt"
	"math"
)

// vectors512 writes the functions of vectors.
func (g *gen) vectors512() {
	binary := func(name, params string, body ...string) {
		g.each512(name, "(n int, "+params+" *float32)", []string{params[:1], params[3:4], params[6:7]}, 0, nil, body...)
	}
	binary("avx512Add", "z, x, y", "VADDPS Z2, Z1, Z0")
	binary("avx512Sub", "z, x, y", "VSUBPS Z2, Z1, Z0")
	binary("avx512Mul", "z, x, y", "VMULPS Z2, Z1, Z0")
	binary("avx512ReluGrad", "z, y, u", "VXORPS Z3, Z3, Z3", "VCMPPS $0x1e, Z3, Z1, K2", "VMOVAPS.Z Z2, K2, Z0")
	unary := func(name string, before []string, body ...string) {
		g.each512(name, "(n int, y, x *float32)", []string{"y", "x"}, 0, before, body...)
	}
	unary("avx512Relu", nil, "VXORPS Z2, Z2, Z2", "VMAXPS Z1, Z2, Z0")
	unary("avx512Exp", g.clamp512(), g.exp512("Z1")...)
	unary("avx512Sigmoid", g.clamp512(), g.sigmoid512()...)
	unary("avx512Tanh", append(g.clamp512(), "VBROADCASTSS "+g.float(40)+", Z30"), g.tanh512()...)
	unary("avx512Log", nil, g.log512()...)
	g.scaled512("avx512AddScaled", func(mask string) []string { return []string{"VMULPS Z0, Z14, Z0", "VADDPS (DI), Z0, " + mask + "Z0"} })
	g.scaled512("avx512Scale", func(string) []string { return []string{"VMULPS Z0, Z14, Z0"} })
	g.each512("avx512Adagrad", "(n int, w, s, x *float32, rate, epsilon float32)", []string{"w", "s", "x"}, 3,
		[]string{"VBROADCASTSS rate+32(FP), Z14", "VBROADCASTSS epsilon+36(FP), Z13"},
		"VMULPS Z2, Z2, Z3", "VADDPS Z3, Z1, Z1", "VSQRTPS Z1, Z3", "VADDPS Z13, Z3, Z3", "VMULPS Z2, Z14, Z4",
		"VDIVPS Z3, Z4, Z4", "VADDPS Z4, Z0, Z0")
	g.each512("avx512Adam", "(n int, w, m, v, x *float32, c *AdamScalars)", []string{"w", "m", "v", "x"}, 7,
		[]string{"MOVQ c+40(FP), AX", "VBROADCASTSS (AX), Z14", "VBROADCASTSS 4(AX), Z13", "VBROADCASTSS 8(AX), Z12",
			"VBROADCASTSS 12(AX), Z11", "VBROADCASTSS 16(AX), Z10", "VBROADCASTSS 20(AX), Z9"},
		"VSUBPS Z1, Z3, Z4", "VMULPS Z4, Z13, Z4", "VADDPS Z4, Z1, Z1", // m
		"VMULPS Z2, Z12, Z2", "VMULPS Z3, Z11, Z4", "VMULPS Z3, Z4, Z4", "VADDPS Z4, Z2, Z2", // v
		"VSQRTPS Z2, Z4", "VDIVPS Z10, Z4, Z4", "VADDPS Z9, Z4, Z4", "VMULPS Z1, Z14, Z5", "VDIVPS Z4, Z5, Z5", "VADDPS Z5, Z0, Z0")
	g.sum512("avx512Sum", false)
	g.sum512("avx512Dot", true)
	g.column512()
	g.max512()
	g.gather512()
	g.scatterAdd512()
}

// each512 writes a function of n elements. The vectors in Z0, Z1 … are computed by body. Those whose bits are set in
// inout are read and written; with none, the first is only written and the others are only read.
func (g *gen) each512(name, signature string, vectors []string, inout int, before []string, body ...string) {
	g.text(name, signature, "computes n elements.", argBytes512(signature))
	registers := []string{"DI", "SI", "DX", "R8"}
	g.line("MOVQ n+0(FP), CX")
	for i, v := range vectors {
		g.line("MOVQ %s+%d(FP), %s", v, 8+8*i, registers[i])
	}
	g.lines(before...)
	step := func(zero, mask string) {
		for i := range vectors {
			if inout != 0 || i > 0 {
				g.line("VMOVUPS%s (%s), %sZ%d", zero, registers[i], mask, i)
			}
		}
		g.lines(body...)
		for i := range vectors {
			if inout>>i&1 == 1 || inout == 0 && i == 0 {
				g.line("VMOVUPS Z%d, %s(%s)", i, mask, registers[i])
			}
		}
	}
	g.lines("SUBQ $16, CX", "JL tail", "loop:")
	step("", "")
	for i := range vectors {
		g.line("ADDQ $64, %s", registers[i])
	}
	g.lines("SUBQ $16, CX", "JGE loop", "tail:", "ADDQ $16, CX", "JZ done")
	g.lastMask()
	step(".Z", "K1, ")
	g.line("done:")
	g.end()
}

// argBytes512 is the size of the arguments of the signatures that each512 is called with.
func argBytes512(signature string) int {
	return map[string]int{
		"(n int, y, x *float32)": 24, "(n int, w, s, x *float32, rate, epsilon float32)": 40, "(n int, w, m, v, x *float32, c *AdamScalars)": 48,
		"(n int, z, x, y *float32)": 32, "(n int, z, y, u *float32)": 32,
	}[signature]
}

// scaled512 computes y from x in Z0, the factor in Z14 and y at DI by body, given the mask of the tail.
func (g *gen) scaled512(name string, body func(mask string) []string) {
	g.text(name, "(n int, y *float32, a float32, x *float32)", "computes n elements.", 32)
	g.lines("MOVQ n+0(FP), CX", "MOVQ y+8(FP), DI", "VBROADCASTSS a+16(FP), Z14", "MOVQ x+24(FP), SI")
	step := func(zero, mask string) {
		g.line("VMOVUPS%s (SI), %sZ0", zero, mask)
		g.lines(body(mask)...)
		g.line("VMOVUPS Z0, %s(DI)", mask)
	}
	g.lines("SUBQ $16, CX", "JL tail", "loop:")
	step("", "")
	g.lines("ADDQ $64, SI", "ADDQ $64, DI", "SUBQ $16, CX", "JGE loop", "tail:", "ADDQ $16, CX", "JZ done")
	g.lastMask()
	step(".Z", "K1, ")
	g.line("done:")
	g.end()
}

// sum512 adds 64 interleaved partial sums pairwise; what is left of a length goes to the first sixteen.
func (g *gen) sum512(name string, dot bool) {
	if dot {
		g.text(name, "(n int, x, y *float32) float32", "returns the sum of n products.", 28)
	} else {
		g.text(name, "(n int, x *float32) float32", "returns the sum of n elements.", 20)
	}
	g.lines("MOVQ n+0(FP), CX", "MOVQ x+8(FP), SI")
	if dot {
		g.line("MOVQ y+16(FP), DX")
	}
	g.sumBody512(dot)
	if dot {
		g.line("VMOVSS X0, ret+24(FP)")
	} else {
		g.line("VMOVSS X0, ret+16(FP)")
	}
	g.end()
}

// sumBody512 leaves in X0 the sum of CX elements at SI, or of their products with those at DX.
func (g *gen) sumBody512(dot bool) {
	for i := range 4 {
		g.line("VXORPS Z%d, Z%d, Z%d", i, i, i)
	}
	step := func(vectors int) {
		for i := range vectors {
			if dot {
				g.line("VMOVUPS %d(SI), Z%d", 64*i, 4+i)
				g.line("VFMADD231PS %d(DX), Z%d, Z%d", 64*i, 4+i, i)
			} else {
				g.line("VADDPS %d(SI), Z%d, Z%d", 64*i, i, i)
			}
		}
		g.line("ADDQ $%d, SI", 64*vectors)
		if dot {
			g.line("ADDQ $%d, DX", 64*vectors)
		}
	}
	g.lines("SUBQ $64, CX", "JL sixteens", "loop:")
	step(4)
	g.lines("SUBQ $64, CX", "JGE loop", "sixteens:", "ADDQ $48, CX", "JL tail", "sixteen:")
	step(1)
	g.lines("SUBQ $16, CX", "JGE sixteen", "tail:", "ADDQ $16, CX", "JZ done")
	g.lastMask()
	g.line("VMOVUPS.Z (SI), K1, Z4")
	if dot {
		g.lines("VMOVUPS.Z (DX), K1, Z5", "VFMADD231PS Z5, Z4, Z0")
	} else {
		g.line("VADDPS Z4, Z0, Z0")
	}
	g.lines("done:", "VADDPS Z1, Z0, Z0", "VADDPS Z3, Z2, Z2", "VADDPS Z2, Z0, Z0")
	g.fold512("VADDPS", "VADDSS")
}

// column512 is Dot for many rows: one call for each would take as long as a short row.
func (g *gen) column512() {
	g.text("avx512Column", "(m int, c *float32, ldc int, a *float32, lda int, y *float32, n int, add bool)",
		"computes c = Dot(a, y), or c += Dot(a, y) with add, for m > 0 rows a of n floats; strides are in bytes.", 57)
	g.lines("MOVQ m+0(FP), BX", "MOVQ c+8(FP), DI", "MOVQ ldc+16(FP), R10", "MOVQ a+24(FP), R8", "MOVQ lda+32(FP), R11",
		"MOVQ y+40(FP), R9", "MOVQ n+48(FP), R12", "MOVBLZX add+56(FP), R13", "row:", "MOVQ R8, SI", "MOVQ R9, DX", "MOVQ R12, CX")
	g.sumBody512(true)
	g.lines("TESTL R13, R13", "JZ store", "VADDSS (DI), X0, X0", "store:", "VMOVSS X0, (DI)",
		"ADDQ R10, DI", "ADDQ R11, R8", "DECQ BX", "JNZ row")
	g.end()
}

// fold512 joins the lanes of Z0, one half with the other, into the lowest; Z1 is lost.
func (g *gen) fold512(packed, single string) {
	g.lines("VEXTRACTF64X4 $1, Z0, Y1", packed+" Y1, Y0, Y0", "VEXTRACTF128 $1, Y0, X1", packed+" X1, X0, X0",
		"VMOVHLPS X0, X0, X1", packed+" X1, X0, X0", "VMOVSHDUP X0, X1", single+" X1, X0, X0")
}

// max512 keeps the greatest elements in Z0 and marks NaNs in K2.
func (g *gen) max512() {
	g.text("avx512Max", "(n int, x *float32) float32", "returns the greatest of n elements, NaN if there is one, -Inf for none.", 20)
	g.lines("MOVQ n+0(FP), CX", "MOVQ x+8(FP), SI", "VBROADCASTSS "+g.float(math.Inf(-1))+", Z0", "VMOVAPS Z0, Z2", "KXORW K2, K2, K2")
	step := []string{"VMAXPS Z2, Z0, Z0", "VCMPPS $3, Z2, Z2, K3", "KORW K3, K2, K2"}
	g.lines("SUBQ $16, CX", "JL tail", "loop:", "VMOVUPS (SI), Z2")
	g.lines(step...)
	g.lines("ADDQ $64, SI", "SUBQ $16, CX", "JGE loop", "tail:", "ADDQ $16, CX", "JZ done")
	g.lastMask()
	g.line("VMOVUPS (SI), K1, Z2") // elsewhere stands what was seen before
	g.lines(step...)
	g.line("done:")
	g.fold512("VMAXPS", "VMAXSS")
	g.lines("KTESTW K2, K2", "JZ end", "MOVL $0x7fc00000, AX", "VMOVD AX, X0", "end:", "VMOVSS X0, ret+16(FP)")
	g.end()
}

// gather512 copies rows and asks the memory for the row of eight ids ahead.
func (g *gen) gather512() {
	g.text("avx512Gather", "(n int, y *float32, ids *int64, x *float32, rows, width, step int) int",
		"copies rows ids[i] of x, [rows,width] with width > 0, to y, step floats apart, and returns n, or the first i whose id is outside [-rows,rows).", 64)
	g.lines("MOVQ width+40(FP), R9", "MOVQ R9, CX", "ANDQ $15, CX")
	g.lastMask() // empty where the width is a multiple of 16
	g.lines("MOVQ n+0(FP), CX", "MOVQ y+8(FP), DI", "MOVQ ids+16(FP), SI", "MOVQ x+24(FP), DX", "MOVQ rows+32(FP), R8",
		"MOVQ step+48(FP), R12", "SUBQ R9, R12", "MOVQ R9, R13", "SHLQ $2, R13", "XORQ R10, R10",
		"row:", "CMPQ R10, CX", "JGE end", "LEAQ 8(R10), AX", "CMPQ AX, CX", "JGE fetched",
		"MOVQ 64(SI)(R10*8), AX", "IMULQ R13, AX", "ADDQ DX, AX", "LEAQ -4(AX)(R13*1), BX", "PREFETCHT0 (BX)",
		"fetch:", "PREFETCHT0 (AX)", "ADDQ $64, AX", "CMPQ AX, BX", "JLT fetch", "fetched:",
		"MOVQ (SI)(R10*8), AX", "TESTQ AX, AX", "JGE positive", "ADDQ R8, AX", "positive:", "CMPQ AX, R8", "JCC end", // unsigned: negative ids are large
		"IMULQ R13, AX", "ADDQ DX, AX", "MOVQ R9, R11", "SUBQ $16, R11", "JL rest",
		"sixteen:", "VMOVUPS (AX), Z0", "VMOVUPS Z0, (DI)", "ADDQ $64, AX", "ADDQ $64, DI", "SUBQ $16, R11", "JGE sixteen",
		"rest:", "ADDQ $16, R11", "JZ next", "VMOVUPS.Z (AX), K1, Z0", "VMOVUPS Z0, K1, (DI)", "LEAQ (DI)(R11*4), DI",
		"next:", "LEAQ (DI)(R12*4), DI", "INCQ R10", "JMP row", "end:", "MOVQ R10, ret+56(FP)")
	g.end()
}

// scatterAdd512 is scatterAdd of gen.go.
func (g *gen) scatterAdd512() {
	g.scatterAddText("avx512")
	g.lines("MOVQ width+40(FP), R9", "MOVQ R9, CX", "ANDQ $15, CX")
	g.lastMask() // empty where the width is a multiple of 16
	g.placeRow()
	g.lines("SUBQ $16, R11", "JL rest", "sixteen:", "VMOVUPS (AX), Z0", "VADDPS (DX), Z0, Z0", "VMOVUPS Z0, (AX)",
		"ADDQ $64, AX", "ADDQ $64, DX", "SUBQ $16, R11", "JGE sixteen", "rest:", "ADDQ $16, R11", "JZ next",
		"VMOVUPS.Z (AX), K1, Z0", "VMOVUPS.Z (DX), K1, Z1", "VADDPS Z1, Z0, Z0", "VMOVUPS Z0, K1, (AX)", "LEAQ (DX)(R11*4), DX",
		"next:", "INCQ R10", "JMP row",
		"first:", "SUBQ $16, R11", "JL few", "copy:", "VMOVUPS (DX), Z0", "VMOVUPS Z0, (AX)",
		"ADDQ $64, AX", "ADDQ $64, DX", "SUBQ $16, R11", "JGE copy", "few:", "ADDQ $16, R11", "JZ next",
		"VMOVUPS.Z (DX), K1, Z0", "VMOVUPS Z0, K1, (AX)", "LEAQ (DX)(R11*4), DX", "JMP next",
		"end:", "MOVQ R10, ret+48(FP)")
	g.end()
}

// exp512 computes Z0 = exp(x), with Z1 to Z3, as exp of gen_math.go does; VSCALEFPS reaches the subnormal results and
// infinity. clamp512 comes before.
func (g *gen) exp512(x string) []string {
	list := []string{
		"VMINPS " + x + ", Z30, Z0", "VMAXPS Z0, Z29, Z0", // in this order NaN stays
		"VMULPS.BCST " + g.float(math.Log2E) + ", Z0, Z1", "VRNDSCALEPS $8, Z1, Z1", // Z1 = n
		"VFNMADD231PS.BCST " + g.float(0.693359375) + ", Z1, Z0",
		"VFNMADD231PS.BCST " + g.float(-2.12194440e-4) + ", Z1, Z0", // Z0 = r
	}
	list = append(list, g.poly512("Z2", "Z0", expPoly...)...)
	return append(list, "VMULPS Z0, Z0, Z3", "VFMADD213PS Z0, Z3, Z2", "VADDPS Z28, Z2, Z0", "VSCALEFPS Z1, Z0, Z0")
}

// clamp512 loads what exp512 expects.
func (g *gen) clamp512() []string {
	return []string{"VBROADCASTSS " + g.float(89) + ", Z30", "VBROADCASTSS " + g.float(-104) + ", Z29", "VBROADCASTSS " + g.float(1) + ", Z28"}
}

// poly512 computes to = the polynomial in x with the given coefficients, highest first.
func (g *gen) poly512(to, x string, coefficients ...float64) []string {
	list := []string{"VBROADCASTSS " + g.float(coefficients[0]) + ", " + to}
	for _, c := range coefficients[1:] {
		list = append(list, "VFMADD213PS.BCST "+g.float(c)+", "+x+", "+to)
	}
	return list
}

// sigmoid512 computes e/(1+e) for x < 0 and 1/(1+e) for others, with e = exp(-|x|). Z28 holds 1.
func (g *gen) sigmoid512() []string {
	list := append([]string{"VORPS.BCST " + g.word(1<<31) + ", Z1, Z5", "VPMOVD2M Z1, K2"}, g.exp512("Z5")...)
	return append(list, "VADDPS Z28, Z0, Z1", "VBLENDMPS Z0, Z28, K2, Z2", "VDIVPS Z1, Z2, Z0")
}

// tanh512 is tanh of gen_math.go. Z28 holds 1, Z30 the bound of 2|x|.
func (g *gen) tanh512() []string {
	list := []string{"VMOVAPS Z1, Z5", "VANDPS.BCST " + g.word(1<<31-1) + ", Z1, Z6", "VADDPS Z6, Z6, Z7"}
	list = append(list, g.exp512("Z7")...)
	list = append(list, "VADDPS Z28, Z0, Z0", "VBROADCASTSS "+g.float(2)+", Z1", "VDIVPS Z0, Z1, Z1",
		"VSUBPS Z1, Z28, Z0", "VANDPS.BCST "+g.word(1<<31)+", Z5, Z1", "VORPS Z1, Z0, Z0", "VMULPS Z5, Z5, Z1")
	list = append(list, g.poly512("Z2", "Z1", tanhPoly...)...)
	return append(list, "VMULPS Z1, Z2, Z2", "VFMADD213PS Z5, Z5, Z2", "VCMPPS.BCST $0x11, "+g.float(0.625)+", Z6, K2", "VMOVAPS Z2, K2, Z0")
}

// log512 is Cephes logf (Moshier 1992); exponent and mantissa come from instructions that know subnormal numbers.
func (g *gen) log512() []string {
	list := []string{
		"VMOVAPS Z1, Z5", "VGETMANTPS $2, Z5, Z0", "VGETEXPPS Z5, Z1", // m in [1/2,1), the exponent of m in [1,2)
		"VCMPPS.BCST $0x1d, " + g.float(math.Sqrt2/2) + ", Z0, K2", // m >= sqrt(1/2): one more
		"VADDPS.BCST " + g.float(1) + ", Z1, K2, Z1",
		"KNOTW K2, K2", "VADDPS Z0, Z0, K2, Z0", "VSUBPS.BCST " + g.float(1) + ", Z0, Z0", // m or 2m, minus 1
	}
	list = append(list, g.poly512("Z2", "Z0", logPoly...)...)
	return append(list, "VMULPS Z0, Z0, Z3", "VMULPS Z0, Z2, Z2", "VMULPS Z3, Z2, Z2",
		"VFMADD231PS.BCST "+g.float(-2.12194440e-4)+", Z1, Z2", "VFNMADD231PS.BCST "+g.float(0.5)+", Z3, Z2",
		"VADDPS Z2, Z0, Z0", "VFMADD231PS.BCST "+g.float(0.693359375)+", Z1, Z0",
		// +Inf and NaN stay what they are, 0 gives -Inf, less than 0 gives NaN.
		"VCMPPS.BCST $0x15, "+g.float(math.Inf(1))+", Z5, K2", "VMOVAPS Z5, K2, Z0",
		"VXORPS Z2, Z2, Z2", "VCMPPS $0, Z2, Z5, K2", "VBROADCASTSS "+g.float(math.Inf(-1))+", K2, Z0",
		"VCMPPS $0x11, Z2, Z5, K2", "VBROADCASTSS "+g.word(0x7fc00000)+", K2, Z0")
}

// data512 writes the constants.
func (g *gen) data512() {
	for i, c := range g.consts {
		fmt.Fprintf(&g.asm, "DATA avx512consts<>+%d(SB)/4, $0x%08x\n", 4*i, c)
	}
	fmt.Fprintf(&g.asm, "GLOBL avx512consts<>(SB), RODATA|NOPTR, $%d\n", 4*len(g.consts))
}
