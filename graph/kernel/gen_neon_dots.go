//go:build ignore

package main

import "fmt"

// dots writes the products of a vector with four rows of a narrow table at a time, so that the vector is loaded once for
// four. Sums are in registers 16 to 23, two of each row.
func (g *gen) dots() {
	float := func(acc int) {
		g.v(fmt.Sprintf("fmla %d 4 6", acc), fmt.Sprintf("fmla %d 5 7", acc+1))
	}
	query := []string{"FLDPQ.P 32(R6), (F4, F5)"}
	g.quads("neonDotsInt8", "int8", "z, x *float32, rows *int8", 8, 0, query, "faddp", func(row string, acc int) {
		g.v("FMOVD.P 8("+row+"), F6", "sxtl8 6 6", "sxtl2 7 6", "sxtl 6 6", "scvtf 6 6", "scvtf 7 7")
		float(acc)
	})
	g.quads("neonDotsHalf", "half-precision bits", "z, x *float32, rows *uint16", 8, 1, query, "faddp", func(row string, acc int) {
		g.v("FMOVQ.P 16("+row+"), F6", "half2 7 6", "half 6 6")
		float(acc)
	})
	g.quads("neonDotsInteger", "int8", "z *int32, x *uint8, rows *int8", 16, 0, []string{"FMOVQ.P 16(R6), F5", "uxtl8 4 5", "uxtl8b 5 5"}, "addp",
		func(row string, acc int) { // 16 bits hold u8 and s8
			g.v("FMOVQ.P 16("+row+"), F7", "sxtl8 6 7", "sxtl8b 7 7", fmt.Sprintf("smlal %d 4 6", acc), fmt.Sprintf("smlal2 %d 4 6", acc+1),
				fmt.Sprintf("smlal %d 5 7", acc), fmt.Sprintf("smlal2 %d 5 7", acc+1))
		})
}

func (g *gen) quads(name, of, params string, columns, shift int, query []string, add string, step func(row string, acc int)) {
	g.text(name, "(quads, n int, "+params+", stride int)",
		fmt.Sprintf("is of 4·quads rows of %s, stride apart, over their first n columns, a multiple of %d.", of, columns), 48)
	g.lines("MOVD quads+0(FP), R0", "MOVD n+8(FP), R1", "MOVD z+16(FP), R2", "MOVD x+24(FP), R3", "MOVD rows+32(FP), R4", "MOVD stride+40(FP), R5",
		fmt.Sprintf("LSL $%d, R5", shift),
		"rows:", "MOVD R4, R10", "ADD R5, R10, R11", "ADD R5, R11, R12", "ADD R5, R12, R13", "ADD R5, R13, R4", "MOVD R3, R6", "MOVD R1, R7",
		"ADD $8192, R10, R14") // the memory is asked this far ahead
	for i := range 8 {
		g.v(fmt.Sprintf("eor %d %d %d", 16+i, 16+i, 16+i))
	}
	g.lines("columns:", "PRFM (R14), PLDL1KEEP", fmt.Sprintf("ADD $%d, R14", 4*columns<<shift))
	g.v(query...)
	for i := range 4 {
		step(fmt.Sprintf("R%d", 10+i), 16+2*i)
	}
	g.lines(fmt.Sprintf("SUBS $%d, R7, R7", columns), "BNE columns")
	g.v(add+" 16 16 17", add+" 18 18 19", add+" 20 20 21", add+" 22 22 23", add+" 16 16 18", add+" 20 20 22", add+" 16 16 20",
		"FMOVQ.P F16, 16(R2)", "SUBS $1, R0, R0", "BNE rows")
	g.end()
}

// beyond looks at 32 elements at a time for the first that counts, then at 16 and the bits of a mask: four for each.
func (g *gen) beyond() {
	g.text("neonBeyond", "(at *uint64, room int, x *float32, n int, limit float32, sign uint32) (found, read int)",
		"is Beyond for whole blocks of 32 of n elements, as long as at has 32 of its room left. The sign bit of sign turns x and limit around.", 56)
	g.lines("MOVD at+0(FP), R1", "MOVD room+8(FP), R2", "MOVD x+16(FP), R3", "MOVD n+24(FP), R4", "FMOVS limit+32(FP), F16", "FMOVS sign+36(FP), F17")
	g.v("dup 16 16", "dup 17 17", "eor 16 16 17", "MOVD ZR, R5", "MOVD ZR, R6", "SUB $32, R2", "SUB $32, R4", "MOVD $0x8888888888888888, R7",
		"loop:", "CMP R4, R6", "BGT done", "CMP R2, R5", "BGT done")
	for i := 0; i < 8; i += 2 {
		g.line("FLDPQ %d(R3), (F%d, F%d)", 16*i, i, i+1)
	}
	g.line("ADD $128, R3")
	for i := range 8 {
		g.v(fmt.Sprintf("eor %d %d 17", i, i), fmt.Sprintf("fcmge %d 16 %d", i, i)) // not less or equal counts: false for NaN
	}
	g.v("and 18 0 1", "and 19 2 3", "and 20 4 5", "and 21 6 7", "and 18 18 19", "and 20 20 21", "and 18 18 20", "uminv 18 18",
		"FMOVS F18, R8", "CBZW R8, some", "ADD $32, R6", "B loop", "some:")
	for i := range 2 {
		a := 4 * i
		bit, none := fmt.Sprintf("bit%d", i), fmt.Sprintf("none%d", i)
		g.v(fmt.Sprintf("uzp1h %d %d %d", a, a, a+1), fmt.Sprintf("uzp1h %d %d %d", a+2, a+2, a+3), fmt.Sprintf("uzp1b %d %d %d", a, a, a+2),
			fmt.Sprintf("shrn %d %d", a, a), fmt.Sprintf("FMOVD F%d, R8", a), "BICS R8, R7, R8", "BEQ "+none,
			bit+":", "RBIT R8, R10", "CLZ R10, R10", "ADD R10>>2, R6, R10", "MOVD R10, (R1)(R5<<3)", "ADD $1, R5",
			"SUB $1, R8, R10", "ANDS R10, R8, R8", "BNE "+bit, none+":", "ADD $16, R6")
	}
	g.lines("B loop", "done:", "MOVD R5, found+40(FP)", "MOVD R6, read+48(FP)")
	g.end()
}
