//go:build ignore

package main

import "fmt"

// dots512 writes the products of a vector with the rows of a narrow table, and the positions beyond a limit.
func (g *gen) dots512() {
	float := func(load string) func(row, zero, mask string, acc int) []string {
		return func(row, zero, mask string, acc int) []string {
			return append([]string{fmt.Sprintf(load, zero, row, mask, 8+acc)}, fmt.Sprintf("VFMADD231PS Z%d, Z4, Z%d", 8+acc, acc))
		}
	}
	g.dots("avx512DotsInt8", "z, x *float32, rows *int8, scale *float32", dotsOf{
		scaled: true, columns: 16, queryShift: 2, rowShift: 0, query: "VMOVUPS", add: "VADDPS",
		step: func(row, zero, mask string, acc int) []string {
			convert := fmt.Sprintf("VCVTDQ2PS Z%d, Z%d", 8+acc, 8+acc)
			list := float("VPMOVSXBD%s %s, %sZ%d")(row, zero, mask, acc)
			return []string{list[0], convert, list[1]}
		},
	})
	g.dots("avx512DotsHalf", "z, x *float32, rows *uint16", dotsOf{
		columns: 16, queryShift: 2, rowShift: 1, query: "VMOVUPS", add: "VADDPS", step: float("VCVTPH2PS%s %s, %sZ%d"),
	})
	g.dots("avx512DotsInteger", "z *int32, x *uint8, rows *int8", dotsOf{
		columns: 64, queryShift: 0, rowShift: 0, query: "VMOVDQU8", add: "VPADDD",
		step: func(row, zero, mask string, acc int) []string {
			if mask == "" {
				return []string{fmt.Sprintf("VPDPBUSD %s, Z4, Z%d", row, acc)}
			}
			return []string{fmt.Sprintf("VMOVDQU8%s %s, %sZ%d", zero, row, mask, 8+acc), fmt.Sprintf("VPDPBUSD Z%d, Z4, Z%d", 8+acc, acc)}
		},
	})
}

// ahead is how many bytes dots asks the memory for in advance.
const ahead = 12288

// dotsOf is what the kernels of dots differ by.
type dotsOf struct {
	columns              int // that a step takes
	queryShift, rowShift int // the logarithms of the elements' sizes
	query, add           string
	scaled               bool // each product by its number of scale, if that is not nil
	// step adds to register acc the products of the query's columns in Z4 with those of a row.
	step func(row, zero, mask string, acc int) []string
}

// dots goes through four rows at a time, so that the query is loaded once for four, and one transposition adds up four
// sums. Of the last rows those that are not there are the first once more.
func (g *gen) dots(name, params string, d dotsOf) {
	text, frame := "computes n > 0 products with rows of width > 0 columns.", 40
	if d.scaled {
		text, frame = "computes n > 0 products with rows of width > 0 columns, each by its number of scale if that is not nil.", 48
	}
	g.text(name, "(n, width int, "+params+")", text, frame)
	if d.scaled {
		g.line("MOVQ scale+40(FP), R14")
	}
	g.lines("MOVQ n+0(FP), R8", "MOVQ width+8(FP), BX", "MOVQ z+16(FP), DI", "MOVQ x+24(FP), DX", "MOVQ rows+32(FP), SI",
		"MOVQ BX, R9", fmt.Sprintf("SHLQ $%d, R9", d.rowShift), "MOVQ BX, CX", fmt.Sprintf("ANDQ $%d, CX", d.columns-1),
		"SUBQ CX, BX", "MOVQ $1, AX", "SHLQ CX, AX", "DECQ AX", "KMOVQ AX, K1", "MOVQ CX, R13", "MOVL $15, AX", "KMOVW AX, K2",
		"rows:", "LEAQ (SI)(R9*1), R10", "LEAQ (SI)(R9*2), R11", "LEAQ (R10)(R9*2), R12", "CMPQ R8, $4", "JGE begin",
		"MOVQ R8, CX", "MOVL $1, AX", "SHLL CX, AX", "DECL AX", "KMOVW AX, K2",
		"CMPQ R8, $2", "CMOVQLT SI, R10", "CMPQ R8, $3", "CMOVQLT SI, R11", "MOVQ SI, R12", "begin:", fmt.Sprintf("LEAQ %d(SI), AX", ahead), "XORQ CX, CX")
	for i := range 4 {
		g.line("VPXORQ Z%d, Z%d, Z%d", i, i, i)
	}
	step := func(zero, mask string) {
		g.line("%s%s (DX)(CX*%d), %sZ4", d.query, zero, 1<<d.queryShift, mask)
		for i, row := range []string{"SI", "R10", "R11", "R12"} {
			g.lines(d.step(fmt.Sprintf("(%s)(CX*%d)", row, 1<<d.rowShift), zero, mask, i)...)
		}
	}
	g.lines("CMPQ CX, BX", "JGE tail", "columns:")
	step("", "")
	lines := 4 * d.columns << d.rowShift / 64
	for i := range lines {
		g.line("PREFETCHT0 %d(AX)", 64*i)
	}
	g.line("ADDQ $%d, AX", 64*lines)
	g.lines(fmt.Sprintf("ADDQ $%d, CX", d.columns), "CMPQ CX, BX", "JLT columns", "tail:", "TESTQ R13, R13", "JZ sum")
	step(".Z", "K1, ")
	g.line("sum:")
	for i := 0; i < 4; i += 2 { // in every 128-bit lane two sums of the one row and two of the other
		g.lines(fmt.Sprintf("VUNPCKLPS Z%d, Z%d, Z5", i+1, i), fmt.Sprintf("VUNPCKHPS Z%d, Z%d, Z6", i+1, i), fmt.Sprintf("%s Z6, Z5, Z%d", d.add, i))
	}
	g.lines("VUNPCKLPD Z2, Z0, Z5", "VUNPCKHPD Z2, Z0, Z6", d.add+" Z6, Z5, Z0",
		"VEXTRACTF64X4 $1, Z0, Y5", d.add+" Y5, Y0, Y0", "VEXTRACTF128 $1, Y0, X5", d.add+" X5, X0, X0")
	if d.scaled {
		// The scales are asked for as far ahead as rows of 64 are.
		g.lines("TESTQ R14, R14", "JZ store", fmt.Sprintf("PREFETCHT0 %d(R14)", ahead/16), "VMULPS.Z (R14), X0, K2, X0", "ADDQ $16, R14", "store:")
	}
	g.lines("VMOVUPS X0, K2, (DI)", "ADDQ $16, DI", "LEAQ (R12)(R9*1), SI", "SUBQ $4, R8", "JG rows")
	g.end()
}
