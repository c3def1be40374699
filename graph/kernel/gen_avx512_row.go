//go:build ignore

package main

import "fmt"

// rows512 writes the parts of softmax and layer normalisation of AVX-512.
func (g *gen) rows512() {
	body := append([]string{"VSUBPS Z4, Z1, Z1"}, g.exp512("Z1")...)
	g.text("avx512ExpSum", "(n int, y, x *float32, shift float32) float32", "computes y = exp(x-shift) for n elements and returns their sum.", 36)
	g.lines("MOVQ n+0(FP), CX", "MOVQ y+8(FP), DI", "MOVQ x+16(FP), SI", "VBROADCASTSS shift+24(FP), Z4", "VXORPS Z5, Z5, Z5")
	g.lines(g.clamp512()...)
	g.lines("SUBQ $16, CX", "JL tail", "loop:", "VMOVUPS (SI), Z1")
	g.lines(body...)
	g.lines("VMOVUPS Z0, (DI)", "VADDPS Z0, Z5, Z5", "ADDQ $64, SI", "ADDQ $64, DI", "SUBQ $16, CX", "JGE loop",
		"tail:", "ADDQ $16, CX", "JZ done")
	g.lastMask()
	g.line("VMOVUPS.Z (SI), K1, Z1")
	g.lines(body...)
	g.lines("VMOVUPS Z0, K1, (DI)", "VADDPS Z0, Z5, K1, Z5", "done:", "VMOVAPS Z5, Z0")
	g.fold512("VADDPS", "VADDSS")
	g.line("VMOVSS X0, ret+32(FP)")
	g.end()

	g.scaled512("avx512Shift", func(string) []string { return []string{"VADDPS Z0, Z14, Z0"} })
	g.moment512("avx512Mean", false)
	g.moment512("avx512Spread", true)
	g.normalize512()
}

// moment512 sums eight interleaved partial sums in double precision.
func (g *gen) moment512(name string, spread bool) {
	if spread {
		g.text(name, "(n int, x *float32, mean float64) float64", "returns the mean square of x-mean of n elements.", 32)
	} else {
		g.text(name, "(n int, x *float32) float64", "returns the mean of n elements.", 24)
	}
	g.lines("MOVQ n+0(FP), CX", "MOVQ x+8(FP), SI", "VCVTSI2SDQ CX, X13, X13", "VXORPD Z0, Z0, Z0")
	if spread {
		g.line("VBROADCASTSD mean+16(FP), Z3")
	}
	step := func(zero, mask string) {
		g.line("VCVTPS2PD%s (SI), %sZ1", zero, mask)
		if spread {
			g.lines("VSUBPD Z3, Z1, Z1", "VMULPD Z1, Z1, Z1")
		}
		g.line("VADDPD Z1, Z0, %sZ0", mask)
	}
	g.lines("SUBQ $8, CX", "JL tail", "loop:")
	step("", "")
	g.lines("ADDQ $32, SI", "SUBQ $8, CX", "JGE loop", "tail:", "ADDQ $8, CX", "JZ done")
	g.lastMask()
	step(".Z", "K1, ")
	g.lines("done:", "VEXTRACTF64X4 $1, Z0, Y1", "VADDPD Y1, Y0, Y0", "VEXTRACTF128 $1, Y0, X1", "VADDPD X1, X0, X0",
		"VUNPCKHPD X0, X0, X1", "VADDSD X1, X0, X0", "VDIVSD X13, X0, X0")
	g.line("VMOVSD X0, ret+%d(FP)", map[bool]int{false: 16, true: 24}[spread])
	g.end()
}

func (g *gen) normalize512() {
	g.text("avx512Normalize", "(n int, y, x, scale, bias *float32, mean, inverse float64)",
		"computes y = (x-mean)·inverse·scale + bias for n elements; bias may be nil.", 56)
	g.lines("MOVQ n+0(FP), CX", "MOVQ y+8(FP), DI", "MOVQ x+16(FP), SI", "MOVQ scale+24(FP), DX", "MOVQ bias+32(FP), R8",
		"VBROADCASTSD mean+40(FP), Z14", "VBROADCASTSD inverse+48(FP), Z13", "XORQ R9, R9", "SUBQ $8, CX", "JL tail")
	step := func(label, zero, mask string) {
		g.lines(fmt.Sprintf("VCVTPS2PD%s (SI)(R9*1), %sZ0", zero, mask), "VSUBPD Z14, Z0, Z0", "VMULPD Z13, Z0, Z0", "VCVTPD2PS Z0, Y0",
			fmt.Sprintf("VMULPS (DX)(R9*1), Y0, %sY0", mask), "TESTQ R8, R8", "JZ "+label,
			fmt.Sprintf("VADDPS (R8)(R9*1), Y0, %sY0", mask), label+":", fmt.Sprintf("VMOVUPS Y0, %s(DI)(R9*1)", mask))
	}
	g.line("loop:")
	step("store", "", "")
	g.lines("ADDQ $32, R9", "SUBQ $8, CX", "JGE loop", "tail:", "ADDQ $8, CX", "JZ done")
	g.lastMask()
	step("last", ".Z", "K1, ")
	g.line("done:")
	g.end()
}
