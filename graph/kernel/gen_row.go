//go:build ignore

package main

// rows writes the parts of softmax and layer normalisation of AVX2.
func (g *gen) rows() {
	body := append([]string{"VSUBPS Y14, Y0, Y0"}, g.exp("Y0", true)...)
	g.text("avx2ExpSum", "(n int, y, x *float32, shift float32) float32", "computes y = exp(x-shift) for n elements and returns their sum.", 36)
	g.lines("MOVQ n+0(FP), CX", "MOVQ y+8(FP), DI", "MOVQ x+16(FP), SI", "VBROADCASTSS shift+24(FP), Y14", "VXORPS Y13, Y13, Y13",
		"SUBQ $8, CX", "JL tail", "loop:", "VMOVUPS (SI), Y0")
	g.lines(body...)
	g.lines("VMOVUPS Y0, (DI)", "VADDPS Y0, Y13, Y13", "ADDQ $32, SI", "ADDQ $32, DI", "SUBQ $8, CX", "JGE loop",
		"tail:", "ADDQ $8, CX", "JZ done")
	g.mask()
	g.line("VMASKMOVPS (SI), Y15, Y0")
	g.lines(body...)
	g.lines("VMASKMOVPS Y0, Y15, (DI)", "VANDPS Y15, Y0, Y0", "VADDPS Y0, Y13, Y13", "done:",
		"VEXTRACTF128 $1, Y13, X0", "VADDPS X13, X0, X0", "VMOVHLPS X0, X0, X1", "VADDPS X1, X0, X0", "VMOVSHDUP X0, X1",
		"VADDSS X1, X0, X0", "VMOVSS X0, ret+32(FP)")
	g.end()

	g.text("avx2Shift", "(n int, y *float32, a float32, x *float32)", "computes y = x+a for n elements.", 32)
	g.lines("MOVQ n+0(FP), CX", "MOVQ y+8(FP), DI", "VBROADCASTSS a+16(FP), Y14", "MOVQ x+24(FP), SI",
		"SUBQ $8, CX", "JL tail", "loop:", "VADDPS (SI), Y14, Y0", "VMOVUPS Y0, (DI)", "ADDQ $32, SI", "ADDQ $32, DI",
		"SUBQ $8, CX", "JGE loop", "tail:", "ADDQ $8, CX", "JZ done")
	g.mask()
	g.lines("VMASKMOVPS (SI), Y15, Y0", "VADDPS Y0, Y14, Y0", "VMASKMOVPS Y0, Y15, (DI)", "done:")
	g.end()

	g.moment("avx2Mean", false)
	g.moment("avx2Spread", true)
	g.normalize()
}

// moment sums four interleaved partial sums in double precision.
func (g *gen) moment(name string, spread bool) {
	if spread {
		g.text(name, "(n int, x *float32, mean float64) float64", "returns the mean square of x-mean of n elements.", 32)
	} else {
		g.text(name, "(n int, x *float32) float64", "returns the mean of n elements.", 24)
	}
	g.lines("MOVQ n+0(FP), CX", "MOVQ x+8(FP), SI", "VCVTSI2SDQ CX, X13, X13", "VXORPD Y0, Y0, Y0")
	if spread {
		g.line("VBROADCASTSD mean+16(FP), Y3")
	}
	add := func(mask bool) {
		if !spread {
			g.line("VADDPD Y1, Y0, Y0")
			return
		}
		g.line("VSUBPD Y3, Y1, Y1")
		if mask {
			g.lines("VPMOVSXDQ X15, Y2", "VANDPD Y2, Y1, Y1")
		}
		g.lines("VMULPD Y1, Y1, Y1", "VADDPD Y1, Y0, Y0")
	}
	g.lines("SUBQ $4, CX", "JL tail", "loop:", "VCVTPS2PD (SI), Y1")
	add(false)
	g.lines("ADDQ $16, SI", "SUBQ $4, CX", "JGE loop", "tail:", "ADDQ $4, CX", "JZ done")
	g.mask()
	g.lines("VMASKMOVPS (SI), X15, X1", "VCVTPS2PD X1, Y1")
	add(true)
	g.lines("done:", "VEXTRACTF128 $1, Y0, X1", "VADDPD X1, X0, X0", "VUNPCKHPD X0, X0, X1", "VADDSD X1, X0, X0", "VDIVSD X13, X0, X0")
	g.line("VMOVSD X0, ret+%d(FP)", map[bool]int{false: 16, true: 24}[spread])
	g.end()
}

func (g *gen) normalize() {
	g.text("avx2Normalize", "(n int, y, x, scale, bias *float32, mean, inverse float64)",
		"computes y = (x-mean)·inverse·scale + bias for n elements; bias may be nil.", 56)
	g.lines("MOVQ n+0(FP), CX", "MOVQ y+8(FP), DI", "MOVQ x+16(FP), SI", "MOVQ scale+24(FP), DX", "MOVQ bias+32(FP), R8",
		"VBROADCASTSD mean+40(FP), Y14", "VBROADCASTSD inverse+48(FP), Y13", "XORQ R9, R9", "SUBQ $4, CX", "JL tail",
		"loop:", "VCVTPS2PD (SI)(R9*1), Y0", "VSUBPD Y14, Y0, Y0", "VMULPD Y13, Y0, Y0", "VCVTPD2PSY Y0, X0",
		"VMULPS (DX)(R9*1), X0, X0", "TESTQ R8, R8", "JZ store", "VADDPS (R8)(R9*1), X0, X0",
		"store:", "VMOVUPS X0, (DI)(R9*1)", "ADDQ $16, R9", "SUBQ $4, CX", "JGE loop", "tail:", "ADDQ $4, CX", "JZ done")
	g.mask()
	g.lines("VMASKMOVPS (SI)(R9*1), X15, X0", "VCVTPS2PD X0, Y0", "VSUBPD Y14, Y0, Y0", "VMULPD Y13, Y0, Y0", "VCVTPD2PSY Y0, X0",
		"VMASKMOVPS (DX)(R9*1), X15, X1", "VMULPS X1, X0, X0", "TESTQ R8, R8", "JZ last",
		"VMASKMOVPS (R8)(R9*1), X15, X1", "VADDPS X1, X0, X0", "last:", "VMASKMOVPS X0, X15, (DI)(R9*1)", "done:")
	g.end()
}
