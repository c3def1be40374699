//go:build ignore

// Command gen_neon writes neon_arm64.s and neon_arm64.go: the inner loops with NEON.
//
//	go run gen_neon.go gen_neon_words.go gen_neon_vector.go gen_neon_math.go gen_neon_dots.go gen_asm.go
package main

import "fmt"

func main() {
	g := newGen("neon", "arm64", 16)
	for _, vectors := range []int{4, 2} {
		for rows := 1; rows <= 6; rows++ {
			g.tile(rows, vectors)
		}
	}
	g.wideTile(1, 4)
	g.wideTile(2, 2)
	g.copyRows()
	g.deal()
	g.turn()
	g.rowTimes(4)
	g.rowTimes(1)
	g.gather()
	g.scatterAdd()
	g.vectors()
	g.dots()
	g.beyond()
	g.data()
	g.write()
}

func (g *gen) data() {
	for i, c := range g.consts {
		for half := range 2 {
			fmt.Fprintf(&g.asm, "DATA neonconsts<>+%d(SB)/8, $0x%08x%08x\n", 16*i+8*half, c, c)
		}
	}
	fmt.Fprintf(&g.asm, "GLOBL neonconsts<>(SB), RODATA|NOPTR, $%d\n", 16*len(g.consts))
}

// tile multiplies rows of A by 4*vectors columns of B. The accumulators are registers 0 to 23, the row of B is in 24 to
// 27, and the elements of A take turns in 28 to 31: a load that broadcasts would take the time of a multiplication.
func (g *gen) tile(rows, vectors int) {
	g.text(fmt.Sprintf("neonTile%dx%d", rows, 4*vectors),
		"(kc int, a *float32, ars, aks int, b *float32, bks int, c *float32, ldc int, add bool)",
		fmt.Sprintf("is the tile of %d rows and %d columns.", rows, 4*vectors), 65)
	g.lines("MOVD kc+0(FP), R0", "MOVD a+8(FP), R1", "MOVD ars+16(FP), R2", "MOVD aks+24(FP), R3", "MOVD b+32(FP), R4",
		"MOVD bks+40(FP), R5", "MOVD c+48(FP), R6", "MOVD ldc+56(FP), R7", "MOVBU add+64(FP), R8", "MOVD ZR, R9")
	from := []string{"R1", "R11", "R12", "R13", "R14", "R15"}[:rows]
	for i := 1; i < rows; i++ {
		g.line("ADD R2, %s, %s", from[i-1], from[i])
	}
	for r := range rows * vectors {
		g.v(fmt.Sprintf("eor %d %d %d", r, r, r))
	}
	g.line("loop:")
	g.line("FLDPQ (R4), (F24, F25)")
	if vectors > 2 {
		g.line("FLDPQ 32(R4), (F26, F27)")
	}
	g.line("ADD R5, R4")
	for i, f := range from {
		g.line("FMOVS (%s)(R9), F%d", f, 28+i%4)
		for v := range vectors {
			g.v(fmt.Sprintf("fmla %d %d %d[0]", i*vectors+v, 24+v, 28+i%4))
		}
	}
	g.lines("ADD R3, R9", "SUBS $1, R0, R0", "BNE loop")
	g.storeC(rows, vectors, 24)
	g.end()
}

// storeC ends a tile: C, by way of registers from spare on, is added where R8 says so.
func (g *gen) storeC(rows, vectors, spare int) {
	g.lines("CBZ R8, store", "MOVD R6, R10")
	for i := range rows {
		for v := 0; v < vectors; v += 2 {
			g.line("FLDPQ %d(R10), (F%d, F%d)", 16*v, spare, spare+1)
			for k := range 2 {
				g.v(fmt.Sprintf("fadd %d %d %d", i*vectors+v+k, i*vectors+v+k, spare+k))
			}
		}
		if i < rows-1 {
			g.line("ADD R7, R10")
		}
	}
	g.line("store:")
	for i := range rows {
		for v := 0; v < vectors; v += 2 {
			g.line("FSTPQ (F%d, F%d), %d(R6)", i*vectors+v, i*vectors+v+1, 16*v)
		}
		if i < rows-1 {
			g.line("ADD R7, R6")
		}
	}
}

// wideTile multiplies one or two rows of A by several panels of 16 columns: one panel keeps the multipliers waiting for
// each other.
func (g *gen) wideTile(rows, panels int) {
	g.text(fmt.Sprintf("neonTile%dx%d", rows, 16*panels),
		"(kc int, a *float32, ars, aks int, b *float32, bks, panel int, c *float32, ldc int, add bool)",
		fmt.Sprintf("is the tile of %d rows and %d columns.", rows, 16*panels), 73)
	g.lines("MOVD kc+0(FP), R0", "MOVD a+8(FP), R1", "MOVD ars+16(FP), R2", "MOVD aks+24(FP), R3", "MOVD b+32(FP), R4",
		"MOVD bks+40(FP), R5", "MOVD panel+48(FP), R9", "MOVD c+56(FP), R6", "MOVD ldc+64(FP), R7", "MOVBU add+72(FP), R8")
	from := []string{"R4", "R11", "R12", "R13"}[:panels]
	for i := 1; i < panels; i++ {
		g.line("ADD R9, %s, %s", from[i-1], from[i])
	}
	n := 4 * panels
	for r := range rows * n {
		g.v(fmt.Sprintf("eor %d %d %d", r, r, r))
	}
	g.lines("ADD R1, R2", "MOVD ZR, R9", "loop:") // R2 is the second row
	for i := range rows {
		g.line("FMOVS (%s)(R9), F%d", []string{"R1", "R2"}[i], 28+i)
	}
	for p, f := range from {
		for v := range 4 {
			if v%2 == 0 {
				g.line("FLDPQ %d(%s), (F%d, F%d)", 16*v, f, 16+4*(p%2)+v, 17+4*(p%2)+v)
			}
		}
		g.line("ADD R5, %s", f)
		for v := range 4 {
			for i := range rows {
				g.v(fmt.Sprintf("fmla %d %d %d[0]", i*n+4*p+v, 16+4*(p%2)+v, 28+i))
			}
		}
	}
	g.lines("ADD R3, R9", "SUBS $1, R0, R0", "BNE loop")
	g.storeC(rows, n, 24)
	g.end()
}

// copyRows copies n rows of 8 or 6 floats, stride bytes apart, to adjacent memory.
func (g *gen) copyRows() {
	for _, width := range []int{8, 6} {
		g.text(fmt.Sprintf("neonCopy%d", width), "(n int, dst, src *float32, stride int)",
			fmt.Sprintf("copies n > 0 rows of %d floats, stride bytes apart, into adjacent memory.", width), 32)
		g.lines("MOVD n+0(FP), R0", "MOVD dst+8(FP), R1", "MOVD src+16(FP), R2", "MOVD stride+24(FP), R3", "loop:")
		if width == 8 {
			g.lines("FLDPQ (R2), (F0, F1)", "FSTPQ.P (F0, F1), 32(R1)")
		} else {
			g.lines("FMOVQ (R2), F0", "FMOVD 16(R2), F1", "FMOVQ F0, (R1)", "FMOVD F1, 16(R1)", "ADD $24, R1")
		}
		g.lines("ADD R3, R2", "SUBS $1, R0, R0", "BNE loop")
		g.end()
	}
}

// deal deals one row of B out to the panels of 16 columns.
func (g *gen) deal() {
	g.text("neonDeal", "(panels int, dst *float32, step int, src *float32)",
		"copies 16 floats each to places step bytes apart, for panels > 0.", 32)
	g.lines("MOVD panels+0(FP), R0", "MOVD dst+8(FP), R1", "MOVD step+16(FP), R2", "MOVD src+24(FP), R3", "loop:",
		"FLDPQ.P 32(R3), (F0, F1)", "FLDPQ.P 32(R3), (F2, F3)", "FSTPQ (F0, F1), (R1)", "FSTPQ (F2, F3), 32(R1)", "ADD R2, R1",
		"SUBS $1, R0, R0", "BNE loop")
	g.end()
}

// turn transposes 8 rows, four columns at a time.
func (g *gen) turn() {
	g.text("neonTurn", "(n int, dst *float32, step int, src *float32, stride int)",
		"writes 8 rows of 8n floats, n > 0, stride bytes apart, as 8n rows of 8 floats, step bytes apart.", 40)
	g.lines("MOVD n+0(FP), R0", "MOVD dst+8(FP), R1", "MOVD step+16(FP), R2", "MOVD src+24(FP), R3", "MOVD stride+32(FP), R4")
	from := []string{"R3", "R10", "R11", "R12", "R13", "R14", "R15", "R16"}
	for i := 1; i < 8; i++ {
		g.line("ADD R4, %s, %s", from[i-1], from[i])
	}
	g.lines("LSL $1, R0", "loop:")
	for i, f := range from {
		g.line("FMOVQ.P 16(%s), F%d", f, i)
	}
	for half := 0; half < 8; half += 4 {
		for i := 0; i < 4; i += 2 { // 8: a0b0a2b2, 9: a1b1a3b3, 10: c0d0c2d2, 11: c1d1c3d3
			g.v(fmt.Sprintf("trn1 %d %d %d", 8+half+i, half+i, half+i+1), fmt.Sprintf("trn2 %d %d %d", 9+half+i, half+i, half+i+1))
		}
		for i := range 2 {
			g.v(fmt.Sprintf("trn1d %d %d %d", 16+half+i, 8+half+i, 10+half+i), fmt.Sprintf("trn2d %d %d %d", 18+half+i, 8+half+i, 10+half+i))
		}
	}
	for c := range 4 {
		g.lines(fmt.Sprintf("FSTPQ (F%d, F%d), (R1)", 16+c, 20+c), "ADD R2, R1")
	}
	g.lines("SUBS $1, R0, R0", "BNE loop")
	g.end()
}

// rowTimes adds rows of B, scaled, to a row of C: the order of reading that memory is fastest at.
func (g *gen) rowTimes(rows int) {
	g.text(fmt.Sprintf("neonRow%d", rows), "(n int, c, a, b *float32, ldb int)",
		fmt.Sprintf("adds a·b to c for %d rows of b, ldb bytes apart, in order, and 8n columns, n > 0.", rows), 40)
	g.lines("MOVD n+0(FP), R0", "MOVD c+8(FP), R1", "MOVD a+16(FP), R2", "MOVD b+24(FP), R3", "MOVD ldb+32(FP), R4")
	from := []string{"R3", "R10", "R11", "R12"}[:rows]
	if rows == 1 {
		g.line("FMOVS (R2), F28")
	} else {
		g.line("FMOVQ (R2), F28")
	}
	for i := 1; i < rows; i++ {
		g.line("ADD R4, %s, %s", from[i-1], from[i])
	}
	g.lines("loop:", "FLDPQ (R1), (F0, F1)")
	for i, f := range from {
		g.line("FLDPQ.P 32(%s), (F%d, F%d)", f, 2+2*i, 3+2*i)
		g.v(fmt.Sprintf("fmla 0 %d 28[%d]", 2+2*i, i), fmt.Sprintf("fmla 1 %d 28[%d]", 3+2*i, i))
	}
	g.lines("FSTPQ.P (F0, F1), 32(R1)", "SUBS $1, R0, R0", "BNE loop")
	g.end()
}

// scatterAdd adds rows to rows, or writes them where their place is negative, and asks the memory for the place of eight
// rows ahead.
func (g *gen) scatterAdd() {
	g.scatterAddText("neon")
	g.lines("MOVD n+0(FP), R0", "MOVD y+8(FP), R1", "MOVD at+16(FP), R2", "MOVD x+24(FP), R3", "MOVD rows+32(FP), R4",
		"MOVD width+40(FP), R5", "LSL $2, R5, R8", "MOVD ZR, R7",
		"row:", "CMP R0, R7", "BGE end", "ADD $8, R7, R9", "CMP R0, R9", "BGE fetched",
		"MOVW (R2)(R9<<2), R10", "ASR $63, R10, R12", "EOR R12, R10", "MUL R8, R10", "ADD R1, R10", "PRFM (R10), PLDL1KEEP",
		"ADD R8, R10", "SUB $4, R10", "PRFM (R10), PLDL1KEEP", "fetched:",
		"MOVW (R2)(R7<<2), R10", "ASR $63, R10, R12", "EOR R12, R10", "CMP R4, R10", "BGE end",
		"MUL R8, R10", "ADD R1, R10", "SUBS $8, R5, R11", "CBNZ R12, first", "BLT rest",
		"eight:", "FLDPQ (R10), (F0, F1)", "FLDPQ.P 32(R3), (F2, F3)")
	g.v("fadd 0 0 2", "fadd 1 1 3")
	g.lines("FSTPQ.P (F0, F1), 32(R10)", "SUBS $8, R11, R11", "BGE eight",
		"rest:", "ADDS $8, R11, R11", "BEQ next", "one:", "FMOVS (R10), F0", "FMOVS.P 4(R3), F1", "FADDS F1, F0, F0", "FMOVS.P F0, 4(R10)",
		"SUBS $1, R11, R11", "BNE one", "next:", "ADD $1, R7", "B row",
		"first:", "BLT few", "copy:", "FLDPQ.P 32(R3), (F0, F1)", "FSTPQ.P (F0, F1), 32(R10)", "SUBS $8, R11, R11", "BGE copy",
		"few:", "ADDS $8, R11, R11", "BEQ next", "single:", "MOVWU.P 4(R3), R12", "MOVW.P R12, 4(R10)", "SUBS $1, R11, R11", "BNE single",
		"B next", "end:", "MOVD R7, ret+48(FP)")
	g.end()
}

// gather copies rows and asks the memory for the row of eight ids ahead.
func (g *gen) gather() {
	g.text("neonGather", "(n int, y *float32, ids *int64, x *float32, rows, width, step int) int",
		"copies rows ids[i] of x, [rows,width] with width > 0, to y, step floats apart, and returns n, or the first i whose id is outside [-rows,rows).", 64)
	g.lines("MOVD n+0(FP), R0", "MOVD y+8(FP), R1", "MOVD ids+16(FP), R2", "MOVD x+24(FP), R3", "MOVD rows+32(FP), R4",
		"MOVD width+40(FP), R5", "MOVD step+48(FP), R6", "SUB R5, R6", "LSL $2, R6", "LSL $2, R5, R8", "MOVD ZR, R7",
		"row:", "CMP R0, R7", "BGE end", "ADD $8, R7, R9", "CMP R0, R9", "BGE fetched",
		"MOVD (R2)(R9<<3), R10", "MUL R8, R10", "ADD R3, R10", "PRFM (R10), PLDL1KEEP", "ADD R8, R10", "SUB $4, R10",
		"PRFM (R10), PLDL1KEEP", "fetched:",
		"MOVD (R2)(R7<<3), R10", "TBZ $63, R10, positive", "ADD R4, R10", "positive:", "CMP R4, R10", "BHS end", // unsigned: negative ids are large
		"MUL R8, R10", "ADD R3, R10", "SUBS $8, R5, R11", "BLT rest",
		"eight:", "FLDPQ.P 32(R10), (F0, F1)", "FSTPQ.P (F0, F1), 32(R1)", "SUBS $8, R11, R11", "BGE eight",
		"rest:", "ADDS $8, R11, R11", "BEQ next", "one:", "MOVWU.P 4(R10), R12", "MOVW.P R12, 4(R1)", "SUBS $1, R11, R11", "BNE one",
		"next:", "ADD R6, R1", "ADD $1, R7", "B row", "end:", "MOVD R7, ret+56(FP)")
	g.end()
}
