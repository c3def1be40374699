#include "textflag.h"

// Each goes through four rows at a time, so that x is loaded once for four and one transposition adds up four sums.

// func avx2DotsInteger(quads, n int, z *int32, x *uint8, rows *int8, stride int)
TEXT ·avx2DotsInteger(SB), NOSPLIT, $0-48
	MOVQ quads+0(FP), R8
	MOVQ n+8(FP), BX
	MOVQ z+16(FP), DI
	MOVQ x+24(FP), DX
	MOVQ rows+32(FP), SI
	MOVQ stride+40(FP), R9

rows:
	LEAQ   (SI)(R9*1), R10
	LEAQ   (SI)(R9*2), R11
	LEAQ   (R10)(R9*2), R12
	LEAQ   12288(SI), AX // the memory is asked this far ahead
	XORQ   CX, CX
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	VPXOR Y2, Y2, Y2
	VPXOR Y3, Y3, Y3

columns:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	VPMOVZXBW (DX)(CX*1), Y4
	VPMOVSXBW (SI)(CX*1), Y5
	VPMADDWD Y4, Y5, Y5 // 16 bits hold u8 and s8, 32 the sum of two products
	VPADDD Y5, Y0, Y0
	VPMOVSXBW (R10)(CX*1), Y6
	VPMADDWD Y4, Y6, Y6
	VPADDD Y6, Y1, Y1
	VPMOVSXBW (R11)(CX*1), Y7
	VPMADDWD Y4, Y7, Y7
	VPADDD Y7, Y2, Y2
	VPMOVSXBW (R12)(CX*1), Y8
	VPMADDWD Y4, Y8, Y8
	VPADDD Y8, Y3, Y3
	ADDQ $16, CX
	CMPQ CX, BX
	JLT  columns

	VPHADDD Y1, Y0, Y0
	VPHADDD Y3, Y2, Y2
	VPHADDD Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VPADDD X1, X0, X0
	VMOVUPS X0, (DI)
	ADDQ $16, DI
	LEAQ (R12)(R9*1), SI
	DECQ R8
	JNZ  rows
	VZEROUPPER
	RET

// func avx2DotsInt8(quads, n int, z, x *float32, rows *int8, stride int)
TEXT ·avx2DotsInt8(SB), NOSPLIT, $0-48
	MOVQ quads+0(FP), R8
	MOVQ n+8(FP), BX
	MOVQ z+16(FP), DI
	MOVQ x+24(FP), DX
	MOVQ rows+32(FP), SI
	MOVQ stride+40(FP), R9

rows:
	LEAQ   (SI)(R9*1), R10
	LEAQ   (SI)(R9*2), R11
	LEAQ   (R10)(R9*2), R12
	LEAQ   12288(SI), AX // the memory is asked this far ahead
	XORQ   CX, CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3

columns:
	PREFETCHT0 (AX)
	ADDQ $32, AX
	VMOVUPS (DX)(CX*4), Y4
	VPMOVSXBD (SI)(CX*1), Y5
	VCVTDQ2PS Y5, Y5
	VFMADD231PS Y5, Y4, Y0
	VPMOVSXBD (R10)(CX*1), Y6
	VCVTDQ2PS Y6, Y6
	VFMADD231PS Y6, Y4, Y1
	VPMOVSXBD (R11)(CX*1), Y7
	VCVTDQ2PS Y7, Y7
	VFMADD231PS Y7, Y4, Y2
	VPMOVSXBD (R12)(CX*1), Y8
	VCVTDQ2PS Y8, Y8
	VFMADD231PS Y8, Y4, Y3
	ADDQ $8, CX
	CMPQ CX, BX
	JLT  columns

	VHADDPS Y1, Y0, Y0
	VHADDPS Y3, Y2, Y2
	VHADDPS Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS X1, X0, X0
	VMOVUPS X0, (DI)
	ADDQ $16, DI
	LEAQ (R12)(R9*1), SI
	DECQ R8
	JNZ  rows
	VZEROUPPER
	RET

// func avx2DotsHalf(quads, n int, z, x *float32, rows *uint16, stride int)
TEXT ·avx2DotsHalf(SB), NOSPLIT, $0-48
	MOVQ quads+0(FP), R8
	MOVQ n+8(FP), BX
	MOVQ z+16(FP), DI
	MOVQ x+24(FP), DX
	MOVQ rows+32(FP), SI
	MOVQ stride+40(FP), R9
	SHLQ $1, R9

rows:
	LEAQ   (SI)(R9*1), R10
	LEAQ   (SI)(R9*2), R11
	LEAQ   (R10)(R9*2), R12
	LEAQ   12288(SI), AX // the memory is asked this far ahead
	XORQ   CX, CX
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3

columns:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	VMOVUPS (DX)(CX*4), Y4
	VCVTPH2PS (SI)(CX*2), Y5
	VFMADD231PS Y5, Y4, Y0
	VCVTPH2PS (R10)(CX*2), Y6
	VFMADD231PS Y6, Y4, Y1
	VCVTPH2PS (R11)(CX*2), Y7
	VFMADD231PS Y7, Y4, Y2
	VCVTPH2PS (R12)(CX*2), Y8
	VFMADD231PS Y8, Y4, Y3
	ADDQ $8, CX
	CMPQ CX, BX
	JLT  columns

	VHADDPS Y1, Y0, Y0
	VHADDPS Y3, Y2, Y2
	VHADDPS Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS X1, X0, X0
	VMOVUPS X0, (DI)
	ADDQ $16, DI
	LEAQ (R12)(R9*1), SI
	DECQ R8
	JNZ  rows
	VZEROUPPER
	RET
