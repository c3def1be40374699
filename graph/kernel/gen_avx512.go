//go:build ignore

// Command gen_avx512 writes avx512_amd64.s and avx512_amd64.go: the inner loops with AVX-512 F, DQ, BW and VL.
//
//	go run gen_avx512.go gen_avx512_vector.go gen_avx512_row.go gen_avx512_dots.go gen_asm.go
package main

import "fmt"

func main() {
	g := newGen("avx512", "amd64", 4)
	for _, vectors := range []int{1, 2} {
		for rows := 1; rows <= 14; rows++ {
			g.tile512(rows, vectors)
		}
	}
	for rows := 1; rows <= 6; rows++ {
		g.tile512(rows, 4)
	}
	for rows := 1; rows <= 3; rows++ {
		g.tile512(rows, 8)
	}
	g.multiply512()
	g.row512(8)
	g.row512(1)
	g.transpose512()
	g.transposeEdge512()
	g.columns512()
	g.copyRows512()
	g.vectors512()
	g.rows512()
	g.dots512()
	g.data512()
	g.write()
}

// tile512 multiplies rows of A by 16*vectors columns of B: see avx512Tile in avx512_gemm_amd64.go.
func (g *gen) tile512(rows, vectors int) {
	g.text(fmt.Sprintf("avx512Tile%dx%d", rows, 16*vectors), "(t *avx512Tile)",
		fmt.Sprintf("computes a tile of %d rows and %d columns.", rows, 16*vectors), 8)
	g.lines("MOVQ t+0(FP), AX", "MOVQ (AX), CX", "MOVQ 8(AX), SI", "MOVQ 16(AX), R8", "MOVQ 24(AX), R10", "MOVQ 32(AX), DI",
		"MOVQ 40(AX), R11", "MOVQ 48(AX), R13", "MOVQ 56(AX), DX", "MOVQ 64(AX), R15", "KMOVW 72(AX), K1",
		"LEAQ (R8)(R8*2), R9", "LEAQ (R8)(R8*4), R12")
	if rows > 7 {
		g.lines("LEAQ (R9)(R8*4), BX", "ADDQ SI, BX")
	} else if vectors > 4 {
		g.line("LEAQ (R13)(R13*2), BX") // free where the rows need no second base
	}
	g.prefetchC(rows, vectors)
	n := rows * vectors
	for r := range n {
		g.line("VPXORQ Z%d, Z%d, Z%d", r, r, r)
	}
	g.asm.WriteString("loop:\n")
	from := []string{"(SI)", "(SI)(R8*1)", "(SI)(R8*2)", "(SI)(R9*1)", "(SI)(R8*4)", "(SI)(R12*1)", "(SI)(R9*2)",
		"(BX)", "(BX)(R8*1)", "(BX)(R8*2)", "(BX)(R9*1)", "(BX)(R8*4)", "(BX)(R12*1)", "(BX)(R9*2)"}[:rows]
	if vectors > 2 {
		g.wideStep(from, vectors)
	} else {
		g.tileStep(from, vectors)
	}
	if rows > 1 {
		// A B that is read in place lies there row by row: the next tile's columns come now, for they are in other
		// pages than those of the next k.
		for v := range vectors {
			g.line("PREFETCHT0 %d(DI)", 64*(vectors+v))
		}
	}
	g.line("ADDQ R10, SI")
	if rows > 7 {
		g.line("ADDQ R10, BX")
	}
	g.lines("ADDQ R11, DI", "DECQ CX", "JNZ loop")
	g.store512(rows, vectors)
	g.end()
}

// tileStep adds one k: the vectors of B in registers, the rows of A one after another.
func (g *gen) tileStep(from []string, vectors int) {
	n := len(from) * vectors
	for v := range vectors {
		if v == vectors-1 {
			g.line("VMOVUPS.Z %d(DI), K1, Z%d", 64*v, n+v)
		} else {
			g.line("VMOVUPS %d(DI), Z%d", 64*v, n+v)
		}
	}
	for i, f := range from {
		g.line("VBROADCASTSS %s, Z%d", f, 31-i%2)
		for v := range vectors {
			g.line("VFMADD231PS Z%d, Z%d, Z%d", n+v, 31-i%2, i*vectors+v)
		}
	}
}

// wideStep adds one k of a tile with few rows: they are in registers, the vectors of B come one after another, two
// from each panel.
func (g *gen) wideStep(from []string, vectors int) {
	n := len(from) * vectors
	for i, f := range from {
		g.line("VBROADCASTSS %s, Z%d", f, n+i)
	}
	for v := range vectors {
		panel := []string{"(DI)", "(DI)(R13*1)", "(DI)(R13*2)", "(DI)(BX*1)"}[v/2]
		if v%2 == 1 {
			panel = "64" + panel
		}
		if len(from) == 1 {
			g.line("VFMADD231PS %s, Z%d, Z%d", panel, n, v)
			continue
		}
		one := 31 - v%2
		g.line("VMOVUPS %s, Z%d", panel, one)
		for i := range from {
			g.line("VFMADD231PS Z%d, Z%d, Z%d", n+i, one, i*vectors+v)
		}
	}
}

// multiply512 writes the choice of a tile: a table of functions would make its argument escape.
func (g *gen) multiply512() {
	fmt.Fprintf(&g.decl, "// avx512Multiply computes the tile of so many rows and 16, 32, 64 or 128 columns for size 0, 1, 2 or 3.\n"+
		"func avx512Multiply(rows, size int, t *avx512Tile) {\n\tswitch 14*size + rows {\n")
	for size, highest := range []int{14, 14, 6, 3} {
		for rows := 1; rows <= highest; rows++ {
			fmt.Fprintf(&g.decl, "\tcase %d:\n\t\tavx512Tile%dx%d(t)\n", 14*size+rows, rows, 16<<size)
		}
	}
	g.decl.WriteString("\t}\n}\n\n")
}

// prefetchC asks for the lines of C that the tile is going to write.
func (g *gen) prefetchC(rows, vectors int) {
	g.line("MOVQ DX, DI")
	for i := range rows {
		for v := range vectors {
			g.line("PREFETCHT0 %d(DI)", 64*v)
		}
		if i < rows-1 {
			g.line("ADDQ R15, DI")
		}
	}
	g.line("MOVQ 32(AX), DI")
}

// store512 ends a tile: C is added, then the bias, then follows Relu, each where asked. Only the last of one or two
// vectors is masked.
func (g *gen) store512(rows, vectors int) {
	acc := func(i, v int) int { return i*vectors + v }
	masked := func(v int) string {
		if v == vectors-1 && vectors <= 2 {
			return "K1, "
		}
		return ""
	}
	g.lines("MOVQ 80(AX), BX", "TESTQ BX, BX", "JZ bias", "MOVQ DX, BX")
	for i := range rows {
		for v := range vectors {
			g.line("VADDPS %d(BX), Z%d, %sZ%d", 64*v, acc(i, v), masked(v), acc(i, v))
		}
		if i < rows-1 {
			g.line("ADDQ R15, BX")
		}
	}
	g.lines("bias:", "MOVQ 88(AX), BX", "TESTQ BX, BX", "JZ relu")
	for v := range vectors {
		if masked(v) != "" {
			g.line("VMOVUPS.Z %d(BX), K1, Z31", 64*v)
		} else {
			g.line("VMOVUPS %d(BX), Z31", 64*v)
		}
		for i := range rows {
			g.line("VADDPS Z31, Z%d, Z%d", acc(i, v), acc(i, v))
		}
	}
	g.lines("relu:", "MOVQ 96(AX), BX", "TESTQ BX, BX", "JZ store", "VPXORQ Z31, Z31, Z31")
	for i := range rows * vectors {
		g.line("VMAXPS Z%d, Z31, Z%d", i, i)
	}
	g.line("store:")
	for i := range rows {
		for v := range vectors {
			g.line("VMOVUPS Z%d, %s%d(DX)", acc(i, v), masked(v), 64*v)
		}
		if i < rows-1 {
			g.line("ADDQ R15, DX")
		}
	}
}

// lastMask loads K1 with a mask of the first CX lanes, 0 < CX < 16.
func (g *gen) lastMask() { g.lines("MOVL $1, AX", "SHLL CX, AX", "DECL AX", "KMOVW AX, K1") }

// row512 adds rows of B, scaled, to a row of C: the order of reading that memory is fastest at.
func (g *gen) row512(rows int) {
	g.text(fmt.Sprintf("avx512Row%d", rows), "(n int, c, a, b *float32, ldb int)",
		fmt.Sprintf("adds a·b to c for %d rows of b, ldb bytes apart, in order, and n columns.", rows), 40)
	g.lines("MOVQ n+0(FP), CX", "MOVQ c+8(FP), DI", "MOVQ a+16(FP), SI", "MOVQ b+24(FP), DX", "MOVQ ldb+32(FP), R8",
		"LEAQ (R8)(R8*2), R9", "LEAQ (R8)(R8*4), R10", "LEAQ (R9)(R8*4), R11")
	for i := range rows {
		g.line("VBROADCASTSS %d(SI), Z%d", 4*i, 16+i)
	}
	from := []string{"(DX)", "(DX)(R8*1)", "(DX)(R8*2)", "(DX)(R9*1)", "(DX)(R8*4)", "(DX)(R10*1)", "(DX)(R9*2)", "(DX)(R11*1)"}[:rows]
	g.lines("SUBQ $16, CX", "JL tail", "loop:", "VMOVUPS (DI), Z0")
	for i, f := range from {
		g.line("VFMADD231PS %s, Z%d, Z0", f, 16+i)
	}
	g.lines("VMOVUPS Z0, (DI)", "ADDQ $64, DI", "ADDQ $64, DX", "SUBQ $16, CX", "JGE loop", "tail:", "ADDQ $16, CX", "JZ done")
	g.lastMask()
	g.line("VMOVUPS.Z (DI), K1, Z0")
	for i, f := range from {
		g.line("VMOVUPS.Z %s, K1, Z1", f)
		g.line("VFMADD231PS Z1, Z%d, Z0", 16+i)
	}
	g.lines("VMOVUPS Z0, K1, (DI)", "done:")
	g.end()
}

// turn512 transposes the 16x16 floats in Z0 to Z15; the result stands in the registers that it returns.
func (g *gen) turn512() [16]int {
	for i := 0; i < 16; i += 2 {
		g.line("VUNPCKLPS Z%d, Z%d, Z%d", i+1, i, 16+i)
		g.line("VUNPCKHPS Z%d, Z%d, Z%d", i+1, i, 17+i)
	}
	for i := 0; i < 16; i += 4 { // Z(i+c): in each 128-bit lane L column 4L+c of rows i to i+3
		g.line("VUNPCKLPD Z%d, Z%d, Z%d", 18+i, 16+i, i)
		g.line("VUNPCKHPD Z%d, Z%d, Z%d", 18+i, 16+i, i+1)
		g.line("VUNPCKLPD Z%d, Z%d, Z%d", 19+i, 17+i, i+2)
		g.line("VUNPCKHPD Z%d, Z%d, Z%d", 19+i, 17+i, i+3)
	}
	var at [16]int
	for c := range 4 {
		g.line("VSHUFF32X4 $0x88, Z%d, Z%d, Z%d", 4+c, c, 16+c)    // even lanes of rows 0 to 7
		g.line("VSHUFF32X4 $0xdd, Z%d, Z%d, Z%d", 4+c, c, 20+c)    // odd lanes
		g.line("VSHUFF32X4 $0x88, Z%d, Z%d, Z%d", 12+c, 8+c, 24+c) // of rows 8 to 15
		g.line("VSHUFF32X4 $0xdd, Z%d, Z%d, Z%d", 12+c, 8+c, 28+c)
	}
	for c := range 4 {
		for lane := range 4 {
			g.line("VSHUFF32X4 $0x%x, Z%d, Z%d, Z%d", []int{0x88, 0x88, 0xdd, 0xdd}[lane], 24+lane%2*4+c, 16+lane%2*4+c, lane*4+c)
			at[4*lane+c] = lane*4 + c
		}
	}
	return at
}

// sixteen returns the addresses of rows 0 to 15 from the bases of rows 0 and 8: step is R8, R9 three and R12 five
// times step, R11 seven times.
func sixteen(base, base8, step, three, five, seven string) []string {
	var list []string
	for _, b := range []string{base, base8} {
		for _, index := range []string{"", step + "*1", step + "*2", three + "*1", step + "*4", five + "*1", three + "*2", seven + "*1"} {
			if index == "" {
				list = append(list, "("+b+")")
			} else {
				list = append(list, "("+b+")("+index+")")
			}
		}
	}
	return list
}

func (g *gen) transpose512() {
	g.text("avx512Transpose16", "(n int, dst *float32, step int, src *float32, stride int)",
		"writes 16 rows of 16n floats, n > 0, stride bytes apart, as 16n rows of 16 floats, step bytes apart.", 40)
	g.lines("MOVQ n+0(FP), CX", "MOVQ dst+8(FP), DI", "MOVQ step+16(FP), R10", "MOVQ src+24(FP), SI", "MOVQ stride+32(FP), R8",
		"LEAQ (R8)(R8*2), R9", "LEAQ (R8)(R8*4), R12", "LEAQ (R9)(R8*4), R11", "LEAQ (SI)(R8*8), DX",
		"MOVQ R10, BX", "SHLQ $4, BX", "loop:")
	for i, from := range sixteen("SI", "DX", "R8", "R9", "R12", "R11") {
		g.line("VMOVUPS %s, Z%d", from, i)
	}
	at := g.turn512()
	g.line("MOVQ DI, AX")
	for i := range 16 {
		g.line("VMOVUPS Z%d, (AX)", at[i])
		if i < 15 {
			g.line("ADDQ R10, AX")
		}
	}
	g.lines("ADDQ BX, DI", "ADDQ $64, SI", "ADDQ $64, DX", "DECQ CX", "JNZ loop")
	g.end()
}

// transposeEdge512 masks what is not there: a load or store under an empty mask touches nothing.
func (g *gen) transposeEdge512() {
	g.text("avx512TransposeEdge", "(rows, cols, lanes int, dst *float32, step int, src *float32, stride int)",
		"writes rows of cols floats, both from 1 to 16, as cols rows of lanes floats, rows <= lanes <= 16, zeros behind the given.", 56)
	mask := func(count, lanes string, i int) { // K1 = i < count ? lanes : 0
		g.lines("MOVQ "+lanes+", AX", fmt.Sprintf("CMPQ %s, $%d", count, i), "CMOVQLE R9, AX", "KMOVW AX, K1")
	}
	g.lines("MOVQ rows+0(FP), R12", "MOVQ cols+8(FP), R13", "MOVQ lanes+16(FP), CX", "MOVQ dst+24(FP), DI", "MOVQ step+32(FP), R10",
		"MOVQ src+40(FP), SI", "MOVQ stride+48(FP), R8", "XORQ R9, R9",
		"MOVL $1, BX", "SHLL CX, BX", "DECL BX", "MOVQ R13, CX", "MOVL $1, DX", "SHLL CX, DX", "DECL DX")
	for i := range 16 {
		mask("R12", "DX", i)
		g.line("VMOVUPS.Z (SI), K1, Z%d", i)
		if i < 15 {
			g.line("ADDQ R8, SI")
		}
	}
	at := g.turn512()
	for i := range 16 {
		mask("R13", "BX", i)
		g.line("VMOVUPS Z%d, K1, (DI)", at[i])
		if i < 15 {
			g.line("ADDQ R10, DI")
		}
	}
	g.end()
}

// columns512 transposes 16 rows of B in registers and multiplies them with few rows of A: packing such a B would take
// longer than the product. The sums go through memory, for the transposition takes all registers.
func (g *gen) columns512() {
	g.text("avx512Columns", "(groups, kc, m int, c *float32, ldc int, a *float32, lda int, b *float32, ldb int)",
		"computes C = A·Bᵀ for 16·groups rows of B, kc > 0 columns and m > 0 rows of A; strides are in bytes.", 72)
	g.lines("MOVQ c+24(FP), DI", "group:", "MOVQ kc+8(FP), CX", "MOVQ a+40(FP), R10", "MOVQ b+56(FP), SI", "MOVQ ldb+64(FP), R8",
		"LEAQ (R8)(R8*2), R9", "LEAQ (R8)(R8*4), R12", "LEAQ (R9)(R8*4), R11", "LEAQ (SI)(R8*8), DX",
		"VPXORQ Z16, Z16, Z16", "MOVQ m+16(FP), BX", "MOVQ DI, AX", "zero:", "VMOVUPS Z16, (AX)", "ADDQ ldc+32(FP), AX", "DECQ BX", "JNZ zero",
		"SUBQ $16, CX", "JL tail", "steps:")
	from := sixteen("SI", "DX", "R8", "R9", "R12", "R11")
	for i, f := range from {
		g.line("VMOVUPS %s, Z%d", f, i)
	}
	g.lines("MOVQ R8, AX", "SHLQ $5, AX", "LEAQ (SI)(AX*1), BX") // the rows two groups later
	for i, f := range sixteen("BX", "AX", "R8", "R9", "R12", "R11") {
		if i == 8 {
			g.line("LEAQ (BX)(R8*8), AX")
		}
		g.line("PREFETCHT0 %s", f)
	}
	at := g.turn512()
	rows := func(label string, multiply func(i int)) {
		g.lines("MOVQ m+16(FP), BX", "MOVQ DI, AX", "MOVQ R10, R15", label+":", "VMOVUPS (AX), Z16")
		for i := range 16 {
			multiply(i)
		}
		g.lines("VMOVUPS Z16, (AX)", "ADDQ ldc+32(FP), AX", "ADDQ lda+48(FP), R15", "DECQ BX", "JNZ "+label)
	}
	rows("row", func(i int) { g.line("VFMADD231PS.BCST %d(R15), Z%d, Z16", 4*i, at[i]) })
	g.lines("ADDQ $64, SI", "ADDQ $64, DX", "ADDQ $64, R10", "SUBQ $16, CX", "JGE steps", "tail:", "ADDQ $16, CX", "JZ next")
	g.lastMask()
	for i, f := range from {
		g.line("VMOVUPS.Z %s, K1, Z%d", f, i)
	}
	at = g.turn512()
	g.lines("XORQ R11, R11", "MOVQ $65535, R12")
	rows("last", func(i int) { // columns that are not there leave the sum alone
		g.lines("MOVQ R12, R9", fmt.Sprintf("CMPQ CX, $%d", i), "CMOVQLE R11, R9", "KMOVW R9, K2",
			fmt.Sprintf("VFMADD231PS.BCST %d(R15), Z%d, K2, Z16", 4*i, at[i]))
	})
	g.lines("next:", "ADDQ $64, DI", "MOVQ R8, AX", "SHLQ $4, AX", "ADDQ AX, b+56(FP)", "DECQ groups+0(FP)", "JNZ group")
	g.end()
}

// copyRows512 packs: rows of up to two vectors, the last one masked.
func (g *gen) copyRows512() {
	g.text("avx512Copy", "(n int, dst *float32, step int, src *float32, stride int, width int)",
		"copies n > 0 rows of width floats, 1 to 32, stride bytes apart, to rows of 16 or 32 floats, step bytes apart; zeros behind the width.", 48)
	g.lines("MOVQ n+0(FP), BX", "MOVQ dst+8(FP), DI", "MOVQ step+16(FP), R10", "MOVQ src+24(FP), SI", "MOVQ stride+32(FP), R8",
		"MOVQ width+40(FP), CX", "CMPQ CX, $16", "JGT two")
	g.lastMask()
	g.lines("one:", "VMOVUPS.Z (SI), K1, Z0", "VMOVUPS Z0, (DI)", "ADDQ R8, SI", "ADDQ R10, DI", "DECQ BX", "JNZ one", "JMP done",
		"two:", "SUBQ $16, CX")
	g.lastMask()
	g.lines("both:", "VMOVUPS (SI), Z0", "VMOVUPS.Z 64(SI), K1, Z1", "VMOVUPS Z0, (DI)", "VMOVUPS Z1, 64(DI)",
		"ADDQ R8, SI", "ADDQ R10, DI", "DECQ BX", "JNZ both", "done:")
	g.end()
}
