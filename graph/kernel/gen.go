//go:build ignore

// Command gen writes avx2_amd64.s and avx2_amd64.go: the AVX2 and FMA inner loops.
//
//	go run gen.go gen_math.go gen_row.go gen_asm.go
package main

import (
	"fmt"
	"log"
)

func main() {
	g := newGen("avx2", "amd64", 32)
	for rows := 1; rows <= 6; rows++ {
		g.tile(rows, 2)
	}
	for rows := 1; rows <= 6; rows++ {
		g.tile(rows, 1)
	}
	g.panels(1, 4)
	g.panels(2, 2)
	g.packRows("avx2Pack8", 1)
	g.packSix()
	g.packRow()
	g.rowTimes(4)
	g.rowTimes(1)
	g.packTransposed()
	g.binary("avx2Add", "z, x, y", "VADDPS Y1, Y0, Y0")
	g.binary("avx2Sub", "z, x, y", "VSUBPS Y1, Y0, Y0")
	g.binary("avx2Mul", "z, x, y", "VMULPS Y1, Y0, Y0")
	g.binary("avx2ReluGrad", "z, y, u", "VXORPS Y2, Y2, Y2", "VCMPPS $0x1e, Y2, Y0, Y0", "VANDPS Y1, Y0, Y0")
	g.scaled("avx2AddScaled", true)
	g.scaled("avx2Scale", false)
	g.sum("avx2Sum", false)
	g.sum("avx2Dot", true)
	g.max()
	g.gather()
	g.scatterAdd()
	g.elementwise("avx2Adagrad", "(n int, w, s, x *float32, rate, epsilon float32)",
		"computes s += x², w += rate·x/(sqrt(s)+epsilon) for n elements.", 40,
		[]string{"w", "s", "x"}, 2, []string{"VBROADCASTSS rate+32(FP), Y14", "VBROADCASTSS epsilon+36(FP), Y13"},
		"VMULPS Y2, Y2, Y3", "VADDPS Y3, Y1, Y1", "VSQRTPS Y1, Y3", "VADDPS Y13, Y3, Y3", "VMULPS Y2, Y14, Y4",
		"VDIVPS Y3, Y4, Y4", "VADDPS Y4, Y0, Y0")
	g.elementwise("avx2Adam", "(n int, w, m, v, x *float32, c *AdamScalars)",
		"computes Set.Adam for n elements.", 48, []string{"w", "m", "v", "x"}, 3,
		[]string{"MOVQ c+40(FP), AX", "VBROADCASTSS (AX), Y14", "VBROADCASTSS 4(AX), Y13", "VBROADCASTSS 8(AX), Y12",
			"VBROADCASTSS 12(AX), Y11", "VBROADCASTSS 16(AX), Y10", "VBROADCASTSS 20(AX), Y9"},
		"VSUBPS Y1, Y3, Y4", "VMULPS Y4, Y13, Y4", "VADDPS Y4, Y1, Y1", // m
		"VMULPS Y2, Y12, Y2", "VMULPS Y3, Y11, Y4", "VMULPS Y3, Y4, Y4", "VADDPS Y4, Y2, Y2", // v
		"VSQRTPS Y2, Y4", "VDIVPS Y10, Y4, Y4", "VADDPS Y9, Y4, Y4", "VMULPS Y1, Y14, Y5", "VDIVPS Y4, Y5, Y5", "VADDPS Y5, Y0, Y0")
	g.unary("avx2Relu", nil, "VXORPS Y1, Y1, Y1", "VMAXPS Y0, Y1, Y0")
	g.unary("avx2Exp", nil, g.exp("Y0", true)...)
	g.unary("avx2Sigmoid", nil, g.sigmoid()...)
	g.unary("avx2Tanh", nil, g.tanh()...)
	g.unary("avx2Log", nil, g.log()...)
	g.rows()
	g.data()
	g.write()
}

func (g *gen) data() {
	for i, c := range g.consts {
		for half := range 4 {
			g.asm.WriteString(fmt.Sprintf("DATA avx2consts<>+%d(SB)/8, $0x%08x%08x\n", 32*i+8*half, c, c))
		}
	}
	fmt.Fprintf(&g.asm, "GLOBL avx2consts<>(SB), RODATA|NOPTR, $%d\n\n", 32*len(g.consts))
	for i := range 8 {
		v := "0xffffffffffffffff"
		if i >= 4 {
			v = "0"
		}
		fmt.Fprintf(&g.asm, "DATA avx2mask<>+%d(SB)/8, $%s\n", 8*i, v)
	}
	g.asm.WriteString("GLOBL avx2mask<>(SB), RODATA|NOPTR, $64\n")
}

// tile multiplies rows of A by 8*vectors columns of B. Element (i,k) of A is at a + i*ars + k*aks bytes, row k of B
// at b + k*bks bytes.
func (g *gen) tile(rows, vectors int) {
	name := fmt.Sprintf("avx2Tile%dx%d", rows, 8*vectors)
	g.text(name, "(kc int, a *float32, ars, aks int, b *float32, bks int, c *float32, ldc int, add bool)",
		fmt.Sprintf("computes C = A·B, or C += A·B with add, for %d rows, %d columns and kc > 0; strides are in bytes.", rows, 8*vectors), 65)
	g.lines("MOVQ kc+0(FP), CX", "MOVQ a+8(FP), SI", "MOVQ ars+16(FP), R8", "MOVQ aks+24(FP), R10", "MOVQ b+32(FP), DI",
		"MOVQ bks+40(FP), R11", "MOVQ c+48(FP), DX", "MOVQ ldc+56(FP), R12", "MOVBLZX add+64(FP), AX")
	if rows > 3 {
		g.line("LEAQ (R8)(R8*2), R9")
		g.line("ADDQ SI, R9")
	}
	from := []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)", "(R9)", "(R9)(R8*1)", "(R9)(R8*2)"}
	n := rows * vectors
	for r := range n {
		g.line("VXORPS Y%d, Y%d, Y%d", r, r, r)
	}
	g.asm.WriteString("loop:\n")
	load := n+vectors < 15 // B in registers; else it is a memory operand
	if load {
		for v := range vectors {
			g.line("VMOVUPS %d(DI), Y%d", 32*v, n+v)
		}
	}
	for i := range rows {
		one := 15 - i%2
		g.line("VBROADCASTSS %s, Y%d", from[i], one)
		for v := range vectors {
			if load {
				g.line("VFMADD231PS Y%d, Y%d, Y%d", n+v, one, i*vectors+v)
			} else {
				g.line("VFMADD231PS %d(DI), Y%d, Y%d", 32*v, one, i*vectors+v)
			}
		}
	}
	g.line("ADDQ R10, SI")
	if rows > 3 {
		g.line("ADDQ R10, R9")
	}
	g.lines("ADDQ R11, DI", "DECQ CX", "JNZ loop", "TESTL AX, AX", "JZ store", "MOVQ DX, R9")
	g.storeC(rows, vectors)
	g.end()
}

// storeC ends a tile: C is added at R9 before the label store, and written at DX.
func (g *gen) storeC(rows, vectors int) {
	for i := range rows {
		for v := range vectors {
			g.line("VADDPS %d(R9), Y%d, Y%d", 32*v, i*vectors+v, i*vectors+v)
		}
		if i < rows-1 {
			g.line("ADDQ R12, R9")
		}
	}
	g.asm.WriteString("store:\n")
	for i := range rows {
		for v := range vectors {
			g.line("VMOVUPS Y%d, %d(DX)", i*vectors+v, 32*v)
		}
		if i < rows-1 {
			g.line("ADDQ R12, DX")
		}
	}
}

// panels multiplies one or two rows of A by several panels of 16 columns: one panel keeps the multipliers waiting for
// each other.
func (g *gen) panels(rows, panels int) {
	g.text(fmt.Sprintf("avx2Tile%dx%d", rows, 16*panels),
		"(kc int, a *float32, ars, aks int, b *float32, bks, panel int, c *float32, ldc int, add bool)",
		fmt.Sprintf("is the tile of %d rows and %d columns, of which 16 each are panel bytes after the 16 before.", rows, 16*panels), 73)
	g.lines("MOVQ kc+0(FP), CX", "MOVQ a+8(FP), SI", "MOVQ ars+16(FP), R8", "MOVQ aks+24(FP), R10", "MOVQ b+32(FP), DI",
		"MOVQ bks+40(FP), R11", "MOVQ panel+48(FP), R13", "MOVQ c+56(FP), DX", "MOVQ ldc+64(FP), R12", "MOVBLZX add+72(FP), AX",
		"LEAQ (R13)(R13*2), BX")
	n := 2 * panels
	for r := range rows * n {
		g.line("VXORPS Y%d, Y%d, Y%d", r, r, r)
	}
	g.asm.WriteString("loop:\n")
	for i, from := range []string{"(SI)", "(SI)(R8*1)"}[:rows] {
		g.line("VBROADCASTSS %s, Y%d", from, 15-i)
	}
	for v := range n {
		from := []string{"", "32"}[v%2] + []string{"(DI)", "(DI)(R13*1)", "(DI)(R13*2)", "(DI)(BX*1)"}[v/2]
		if rows == 1 {
			g.line("VFMADD231PS %s, Y15, Y%d", from, v)
			continue
		}
		g.line("VMOVUPS %s, Y%d", from, 12+v%2)
		for i := range rows {
			g.line("VFMADD231PS Y%d, Y%d, Y%d", 12+v%2, 15-i, i*n+v)
		}
	}
	g.lines("ADDQ R10, SI", "ADDQ R11, DI", "DECQ CX", "JNZ loop", "TESTL AX, AX", "JZ store", "MOVQ DX, R9")
	g.storeC(rows, n)
	g.end()
}

// packRows copies n rows of 8*vectors floats, stride bytes apart, to adjacent memory.
func (g *gen) packRows(name string, vectors int) {
	g.text(name, "(n int, dst, src *float32, stride int)",
		fmt.Sprintf("copies n > 0 rows of %d floats, stride bytes apart, into adjacent memory.", 8*vectors), 32)
	g.lines("MOVQ n+0(FP), CX", "MOVQ dst+8(FP), DI", "MOVQ src+16(FP), SI", "MOVQ stride+24(FP), R8", "loop:")
	for v := range vectors {
		g.line("VMOVUPS %d(SI), Y%d", 32*v, v)
	}
	for v := range vectors {
		g.line("VMOVUPS Y%d, %d(DI)", v, 32*v)
	}
	g.lines("ADDQ R8, SI", fmt.Sprintf("ADDQ $%d, DI", 32*vectors), "DECQ CX", "JNZ loop")
	g.end()
}

// packRow deals one row of B out to the panels of 16 columns.
func (g *gen) packRow() {
	g.text("avx2PackRow", "(panels int, dst *float32, step int, src *float32)",
		"copies 16 floats each to places step bytes apart, for panels > 0.", 32)
	g.lines("MOVQ panels+0(FP), CX", "MOVQ dst+8(FP), DI", "MOVQ step+16(FP), R8", "MOVQ src+24(FP), SI", "loop:",
		"VMOVUPS (SI), Y0", "VMOVUPS 32(SI), Y1", "VMOVUPS Y0, (DI)", "VMOVUPS Y1, 32(DI)", "ADDQ $64, SI", "ADDQ R8, DI",
		"DECQ CX", "JNZ loop")
	g.end()
}

// rowTimes adds rows of B, scaled, to a row of C: the order of reading that memory is fastest at.
func (g *gen) rowTimes(rows int) {
	g.text(fmt.Sprintf("avx2Row%d", rows), "(n int, c, a, b *float32, ldb int)",
		fmt.Sprintf("adds a·b to c for %d rows of b, ldb bytes apart, in order, and 8n columns, n > 0.", rows), 40)
	g.lines("MOVQ n+0(FP), CX", "MOVQ c+8(FP), DI", "MOVQ a+16(FP), SI", "MOVQ b+24(FP), DX", "MOVQ ldb+32(FP), R8",
		"LEAQ (R8)(R8*2), R9")
	for i := range rows {
		g.line("VBROADCASTSS %d(SI), Y%d", 4*i, 12+i)
	}
	g.lines("loop:", "VMOVUPS (DI), Y0")
	for i, from := range []string{"(DX)", "(DX)(R8*1)", "(DX)(R8*2)", "(DX)(R9*1)"}[:rows] {
		g.line("VFMADD231PS %s, Y%d, Y0", from, 12+i)
	}
	g.lines("VMOVUPS Y0, (DI)", "ADDQ $32, DI", "ADDQ $32, DX", "DECQ CX", "JNZ loop")
	g.end()
}

func (g *gen) packSix() {
	g.text("avx2Pack6", "(n int, dst, src *float32, stride int)",
		"copies n > 0 rows of 6 floats, stride bytes apart, into adjacent memory.", 32)
	g.lines("MOVQ n+0(FP), CX", "MOVQ dst+8(FP), DI", "MOVQ src+16(FP), SI", "MOVQ stride+24(FP), R8", "loop:",
		"VMOVUPS (SI), X0", "MOVQ 16(SI), AX", "VMOVUPS X0, (DI)", "MOVQ AX, 16(DI)",
		"ADDQ R8, SI", "ADDQ $24, DI", "DECQ CX", "JNZ loop")
	g.end()
}

// packTransposed turns 8 rows into columns: dst[c*step+r] = src[r*stride+c], eight columns at a time.
func (g *gen) packTransposed() {
	g.text("avx2PackTransposed", "(n int, dst *float32, step int, src *float32, stride int)",
		"writes 8 rows of 8n floats, n > 0, stride bytes apart, as 8n rows of 8 floats, step bytes apart.", 40)
	g.lines("MOVQ n+0(FP), CX", "MOVQ dst+8(FP), DI", "MOVQ step+16(FP), R10", "MOVQ src+24(FP), SI", "MOVQ stride+32(FP), R8",
		"LEAQ (R8)(R8*2), R9", "ADDQ SI, R9", "LEAQ (R8)(R8*2), R11", "ADDQ R9, R11", "LEAQ (R10)(R10*2), R12", "loop:")
	for i, from := range []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)", "(R9)", "(R9)(R8*1)", "(R9)(R8*2)", "(R11)", "(R11)(R8*1)"} {
		g.line("VMOVUPS %s, Y%d", from, i)
	}
	for i := 0; i < 8; i += 2 {
		g.line("VUNPCKLPS Y%d, Y%d, Y%d", i+1, i, 8+i)
		g.line("VUNPCKHPS Y%d, Y%d, Y%d", i+1, i, 9+i)
	}
	// Y8: a0b0a1b1|…, Y9: a2b2a3b3, Y10: c0d0c1d1, Y11: c2d2c3d3, Y12…15 the same for e, f, g, h.
	for half := range 2 {
		a, c := 8+4*half, 10+4*half
		g.line("VSHUFPS $0x44, Y%d, Y%d, Y%d", c, a, 4*half)
		g.line("VSHUFPS $0xee, Y%d, Y%d, Y%d", c, a, 4*half+1)
		g.line("VSHUFPS $0x44, Y%d, Y%d, Y%d", c+1, a+1, 4*half+2)
		g.line("VSHUFPS $0xee, Y%d, Y%d, Y%d", c+1, a+1, 4*half+3)
	}
	for i := range 4 {
		g.line("VPERM2F128 $0x20, Y%d, Y%d, Y%d", i+4, i, 8+i)
		g.line("VPERM2F128 $0x31, Y%d, Y%d, Y%d", i+4, i, 12+i)
	}
	g.lines("LEAQ (DI)(R10*4), DX",
		"VMOVUPS Y8, (DI)", "VMOVUPS Y9, (DI)(R10*1)", "VMOVUPS Y10, (DI)(R10*2)", "VMOVUPS Y11, (DI)(R12*1)",
		"VMOVUPS Y12, (DX)", "VMOVUPS Y13, (DX)(R10*1)", "VMOVUPS Y14, (DX)(R10*2)", "VMOVUPS Y15, (DX)(R12*1)",
		"LEAQ (DX)(R10*4), DI", "ADDQ $32, SI", "ADDQ $32, R9", "ADDQ $32, R11", "DECQ CX", "JNZ loop")
	g.end()
}

// mask loads into Y15 a mask of the first CX lanes, 0 < CX < 8.
func (g *gen) mask() {
	g.lines("MOVQ $8, AX", "SUBQ CX, AX", "LEAQ avx2mask<>(SB), BX", "VMOVUPS (BX)(AX*4), Y15")
}

// binary computes z from x in Y0 and y in Y1 by body, whose result is in Y0.
func (g *gen) binary(name, params string, body ...string) {
	var z, x, y string
	if _, err := fmt.Sscanf(params, "%1s, %1s, %1s", &z, &x, &y); err != nil {
		log.Fatal(err)
	}
	g.text(name, fmt.Sprintf("(n int, %s *float32)", params), "computes n elements.", 32)
	g.lines("MOVQ n+0(FP), CX", "MOVQ "+z+"+8(FP), DI", "MOVQ "+x+"+16(FP), SI", "MOVQ "+y+"+24(FP), DX",
		"SUBQ $8, CX", "JL tail", "loop:", "VMOVUPS (SI), Y0", "VMOVUPS (DX), Y1")
	g.lines(body...)
	g.lines("VMOVUPS Y0, (DI)", "ADDQ $32, SI", "ADDQ $32, DX", "ADDQ $32, DI", "SUBQ $8, CX", "JGE loop",
		"tail:", "ADDQ $8, CX", "JZ done")
	g.mask()
	g.lines("VMASKMOVPS (SI), Y15, Y0", "VMASKMOVPS (DX), Y15, Y1")
	g.lines(body...)
	g.lines("VMASKMOVPS Y0, Y15, (DI)", "done:")
	g.end()
}

// unary computes y from x in Y0 by body, whose result is in Y0; Y15 is taken.
func (g *gen) unary(name string, before []string, body ...string) {
	g.text(name, "(n int, y, x *float32)", "computes n elements.", 24)
	g.lines("MOVQ n+0(FP), CX", "MOVQ y+8(FP), DI", "MOVQ x+16(FP), SI")
	g.lines(before...)
	g.lines("SUBQ $8, CX", "JL tail", "loop:", "VMOVUPS (SI), Y0")
	g.lines(body...)
	g.lines("VMOVUPS Y0, (DI)", "ADDQ $32, SI", "ADDQ $32, DI", "SUBQ $8, CX", "JGE loop", "tail:", "ADDQ $8, CX", "JZ done")
	g.mask()
	g.line("VMASKMOVPS (SI), Y15, Y0")
	g.lines(body...)
	g.lines("VMASKMOVPS Y0, Y15, (DI)", "done:")
	g.end()
}

// scaled computes y += a*x or y = a*x.
func (g *gen) scaled(name string, add bool) {
	doc, body := "computes y = a·x for n elements.", []string{"VMULPS Y0, Y14, Y0"}
	if add {
		doc, body = "computes y += a·x for n elements.", []string{"VMULPS Y0, Y14, Y0", "VADDPS Y1, Y0, Y0"}
	}
	g.text(name, "(n int, y *float32, a float32, x *float32)", doc, 32)
	g.lines("MOVQ n+0(FP), CX", "MOVQ y+8(FP), DI", "VBROADCASTSS a+16(FP), Y14", "MOVQ x+24(FP), SI",
		"SUBQ $8, CX", "JL tail", "loop:", "VMOVUPS (SI), Y0")
	if add {
		g.line("VMOVUPS (DI), Y1")
	}
	g.lines(body...)
	g.lines("VMOVUPS Y0, (DI)", "ADDQ $32, SI", "ADDQ $32, DI", "SUBQ $8, CX", "JGE loop", "tail:", "ADDQ $8, CX", "JZ done")
	g.mask()
	g.line("VMASKMOVPS (SI), Y15, Y0")
	if add {
		g.line("VMASKMOVPS (DI), Y15, Y1")
	}
	g.lines(body...)
	g.lines("VMASKMOVPS Y0, Y15, (DI)", "done:")
	g.end()
}

// sum adds 32 interleaved partial sums pairwise; the remainder goes to the first eight.
func (g *gen) sum(name string, dot bool) {
	if dot {
		g.text(name, "(n int, x, y *float32) float32", "returns the sum of n products.", 28)
	} else {
		g.text(name, "(n int, x *float32) float32", "returns the sum of n elements.", 20)
	}
	g.lines("MOVQ n+0(FP), CX", "MOVQ x+8(FP), SI")
	if dot {
		g.line("MOVQ y+16(FP), DX")
	}
	for i := range 4 {
		g.line("VXORPS Y%d, Y%d, Y%d", i, i, i)
	}
	step := func(vectors int) {
		for i := range vectors {
			if dot {
				g.line("VMOVUPS %d(SI), Y%d", 32*i, 4+i)
				g.line("VFMADD231PS %d(DX), Y%d, Y%d", 32*i, 4+i, i)
			} else {
				g.line("VADDPS %d(SI), Y%d, Y%d", 32*i, i, i)
			}
		}
		g.line("ADDQ $%d, SI", 32*vectors)
		if dot {
			g.line("ADDQ $%d, DX", 32*vectors)
		}
	}
	g.lines("SUBQ $32, CX", "JL eights", "loop:")
	step(4)
	g.lines("SUBQ $32, CX", "JGE loop", "eights:", "ADDQ $24, CX", "JL tail", "eight:")
	step(1)
	g.lines("SUBQ $8, CX", "JGE eight", "tail:", "ADDQ $8, CX", "JZ done")
	g.mask()
	g.line("VMASKMOVPS (SI), Y15, Y4")
	if dot {
		g.lines("VMASKMOVPS (DX), Y15, Y5", "VFMADD231PS Y5, Y4, Y0")
	} else {
		g.line("VADDPS Y4, Y0, Y0")
	}
	g.lines("done:", "VADDPS Y1, Y0, Y0", "VADDPS Y3, Y2, Y2", "VADDPS Y2, Y0, Y0", "VEXTRACTF128 $1, Y0, X1", "VADDPS X1, X0, X0",
		"VMOVHLPS X0, X0, X1", "VADDPS X1, X0, X0", "VMOVSHDUP X0, X1", "VADDSS X1, X0, X0")
	if dot {
		g.line("VMOVSS X0, ret+24(FP)")
	} else {
		g.line("VMOVSS X0, ret+16(FP)")
	}
	g.end()
}

// elementwise computes several vectors in Y0, Y1 ... by body; the first written of them are stored.
func (g *gen) elementwise(name, signature, doc string, argBytes int, vectors []string, written int, before []string, body ...string) {
	g.text(name, signature, doc, argBytes)
	registers := []string{"DI", "SI", "DX", "R8"}
	g.line("MOVQ n+0(FP), CX")
	for i, v := range vectors {
		g.line("MOVQ %s+%d(FP), %s", v, 8+8*i, registers[i])
	}
	g.lines(before...)
	g.lines("SUBQ $8, CX", "JL tail", "loop:")
	for i := range vectors {
		g.line("VMOVUPS (%s), Y%d", registers[i], i)
	}
	g.lines(body...)
	for i := range written {
		g.line("VMOVUPS Y%d, (%s)", i, registers[i])
	}
	for i := range vectors {
		g.line("ADDQ $32, %s", registers[i])
	}
	g.lines("SUBQ $8, CX", "JGE loop", "tail:", "ADDQ $8, CX", "JZ done")
	g.mask()
	for i := range vectors {
		g.line("VMASKMOVPS (%s), Y15, Y%d", registers[i], i)
	}
	g.lines(body...)
	for i := range written {
		g.line("VMASKMOVPS Y%d, Y15, (%s)", i, registers[i])
	}
	g.line("done:")
	g.end()
}

// gather copies rows and asks the memory for the row of eight ids ahead.
func (g *gen) gather() {
	g.text("avx2Gather", "(n int, y *float32, ids *int64, x *float32, rows, width, step int) int",
		"copies rows ids[i] of x, [rows,width] with width > 0, to y, step floats apart, and returns n, or the first i whose id is outside [-rows,rows).", 64)
	g.lines("MOVQ n+0(FP), CX", "MOVQ y+8(FP), DI", "MOVQ ids+16(FP), SI", "MOVQ x+24(FP), DX", "MOVQ rows+32(FP), R8",
		"MOVQ width+40(FP), R9", "MOVQ step+48(FP), R12", "SUBQ R9, R12", "MOVQ R9, R13", "SHLQ $2, R13", "XORQ R10, R10", "row:", "CMPQ R10, CX", "JGE end",
		"LEAQ 8(R10), AX", "CMPQ AX, CX", "JGE fetched", "MOVQ 64(SI)(R10*8), AX", "IMULQ R13, AX", "PREFETCHT0 (DX)(AX*1)",
		"ADDQ R13, AX", "PREFETCHT0 -4(DX)(AX*1)", "fetched:",
		"MOVQ (SI)(R10*8), AX", "TESTQ AX, AX", "JGE positive", "ADDQ R8, AX", "positive:", "CMPQ AX, R8", "JCC end", // unsigned: negative ids are large
		"IMULQ R13, AX", "ADDQ DX, AX", "MOVQ R9, R11", "SUBQ $8, R11", "JL rest", "eight:", "VMOVUPS (AX), Y0", "VMOVUPS Y0, (DI)",
		"ADDQ $32, AX", "ADDQ $32, DI", "SUBQ $8, R11", "JGE eight", "rest:", "ADDQ $8, R11", "JZ next", "one:",
		"MOVL (AX), BX", "MOVL BX, (DI)", "ADDQ $4, AX", "ADDQ $4, DI", "DECQ R11", "JNZ one", "next:", "LEAQ (DI)(R12*4), DI",
		"INCQ R10", "JMP row", "end:", "MOVQ R10, ret+56(FP)")
	g.end()
}

// scatterAdd adds rows to rows, or writes them where their place is negative, and asks the memory for the place of eight
// rows ahead.
func (g *gen) scatterAdd() {
	g.scatterAddText("avx2")
	g.placeRow()
	g.lines("SUBQ $8, R11", "JL rest", "eight:", "VMOVUPS (AX), Y0", "VADDPS (DX), Y0, Y0", "VMOVUPS Y0, (AX)",
		"ADDQ $32, AX", "ADDQ $32, DX", "SUBQ $8, R11", "JGE eight", "rest:", "ADDQ $8, R11", "JZ next",
		"one:", "VMOVSS (AX), X0", "VADDSS (DX), X0, X0", "VMOVSS X0, (AX)", "ADDQ $4, AX", "ADDQ $4, DX", "DECQ R11", "JNZ one",
		"next:", "INCQ R10", "JMP row",
		"first:", "SUBQ $8, R11", "JL few", "copy:", "VMOVUPS (DX), Y0", "VMOVUPS Y0, (AX)",
		"ADDQ $32, AX", "ADDQ $32, DX", "SUBQ $8, R11", "JGE copy", "few:", "ADDQ $8, R11", "JZ next",
		"single:", "MOVL (DX), BX", "MOVL BX, (AX)", "ADDQ $4, AX", "ADDQ $4, DX", "DECQ R11", "JNZ single", "JMP next",
		"end:", "MOVQ R10, ret+48(FP)")
	g.end()
}

// max keeps the greatest elements in Y0 and marks NaNs in Y1. The last eight elements may be seen twice.
func (g *gen) max() {
	g.text("avx2Max", "(n int, x *float32) float32", "returns the greatest of n >= 8 elements, NaN if there is one.", 20)
	step := []string{"VMAXPS Y2, Y0, Y0", "VCMPPS $3, Y2, Y2, Y3", "VORPS Y3, Y1, Y1"}
	g.lines("MOVQ n+0(FP), CX", "MOVQ x+8(FP), SI", "LEAQ -32(SI)(CX*4), DX", "VMOVUPS (DX), Y0", "VCMPPS $3, Y0, Y0, Y1",
		"SUBQ $8, CX", "loop:", "VMOVUPS (SI), Y2")
	g.lines(step...)
	g.lines("ADDQ $32, SI", "SUBQ $8, CX", "JGE loop", "VEXTRACTF128 $1, Y0, X2", "VMAXPS X2, X0, X0", "VMOVHLPS X0, X0, X2",
		"VMAXPS X2, X0, X0", "VMOVSHDUP X0, X2", "VMAXSS X2, X0, X0", "VMOVMSKPS Y1, AX", "TESTL AX, AX", "JZ done",
		"MOVL $0x7fc00000, AX", "VMOVD AX, X0", "done:", "VMOVSS X0, ret+16(FP)")
	g.end()
}
