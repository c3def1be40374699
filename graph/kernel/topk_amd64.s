#include "textflag.h"

// func avx2Beyond(at *uint64, room int, x *float32, n int, limit float32, sign uint32) (found, read int)
TEXT ·avx2Beyond(SB), NOSPLIT, $0-56
	MOVQ         at+0(FP), DI
	MOVQ         room+8(FP), R8
	MOVQ         x+16(FP), SI
	MOVQ         n+24(FP), CX
	VBROADCASTSS limit+32(FP), Y9
	VBROADCASTSS sign+36(FP), Y8
	VXORPS       Y8, Y9, Y9
	XORQ         R9, R9             // found
	XORQ         R10, R10           // read
	SUBQ         $32, R8
	SUBQ         $32, CX

loop:
	CMPQ      R10, CX
	JGT       done
	CMPQ      R9, R8
	JGT       done
	VXORPS    (SI)(R10*4), Y8, Y0
	VXORPS    32(SI)(R10*4), Y8, Y1
	VXORPS    64(SI)(R10*4), Y8, Y2
	VXORPS    96(SI)(R10*4), Y8, Y3
	VCMPPS    $0x16, Y9, Y0, Y0    // not less or equal: true for NaN
	VCMPPS    $0x16, Y9, Y1, Y1
	VCMPPS    $0x16, Y9, Y2, Y2
	VCMPPS    $0x16, Y9, Y3, Y3
	VORPS     Y0, Y1, Y4
	VORPS     Y2, Y3, Y5
	VORPS     Y4, Y5, Y4
	VMOVMSKPS Y4, AX
	TESTL     AX, AX
	JNZ       some
	ADDQ      $32, R10
	JMP       loop

some:
	VMOVMSKPS Y0, AX
	VMOVMSKPS Y1, BX
	SHLL      $8, BX
	ORL       BX, AX
	VMOVMSKPS Y2, BX
	SHLL      $16, BX
	ORL       BX, AX
	VMOVMSKPS Y3, BX
	SHLL      $24, BX
	ORL       BX, AX

bit:
	BSFL AX, BX
	ADDQ R10, BX
	MOVQ BX, (DI)(R9*8)
	INCQ R9
	LEAL -1(AX), BX
	ANDL BX, AX
	JNZ  bit
	ADDQ $32, R10
	JMP  loop

done:
	MOVQ R9, found+40(FP)
	MOVQ R10, read+48(FP)
	VZEROUPPER
	RET
