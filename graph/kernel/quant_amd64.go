package kernel

import (
	"unsafe"

	"recsys/internal/portable"
)

// avx2DotsInteger computes DotsInteger for 4·quads rows, stride apart, over their first n columns, n a multiple of 16.
//
//go:noescape
func avx2DotsInteger(quads, n int, z *int32, x *uint8, rows *int8, stride int)

// avx2DotsInt8 computes DotsInt8 for 4·quads rows, stride apart, over their first n columns, n a multiple of 8.
//
//go:noescape
func avx2DotsInt8(quads, n int, z, x *float32, rows *int8, stride int)

// avx2DotsHalf computes DotsHalf for 4·quads rows, stride apart, over their first n columns, n a multiple of 8.
//
//go:noescape
func avx2DotsHalf(quads, n int, z, x *float32, rows *uint16, stride int)

// dotsBlock is how many rows the assembler goes ahead of the columns that are left: they are in the cache still.
const dotsBlock = 64

func avx2DotsIntegerOf(z []int32, x []uint8, rows []int8) {
	whole := avx2Dots(16, z, x, rows, avx2DotsInteger, func(x uint8, y int8) int32 { return int32(x) * int32(y) })
	portableDotsInteger(z[whole:], x, rows[whole*len(x):])
}

func avx2DotsInt8Of(z, x []float32, rows []int8) {
	whole := avx2Dots(8, z, x, rows, avx2DotsInt8, func(x float32, y int8) float32 { return x * float32(y) })
	portableDotsInt8(z[whole:], x, rows[whole*len(x):])
}

func avx2DotsHalfOf(z, x []float32, rows []uint16) {
	whole := avx2Dots(8, z, x, rows, avx2DotsHalf, func(x float32, y uint16) float32 { return x * portable.FromHalf(y) })
	portableDotsHalf(z[whole:], x, rows[whole*len(x):])
}

// avx2Dots computes the rows that come in fours, by f and what is left of the columns, which f takes by step, with
// multiply. It returns the number of these rows.
func avx2Dots[Z int32 | float32, X, R any](
	step int, z []Z, x []X, rows []R, f func(quads, n int, z *Z, x *X, rows *R, stride int), multiply func(x X, y R) Z,
) int {
	n, whole := len(x)/step*step, len(z)/4*4
	if n == 0 {
		return 0
	}
	rows = rows[:len(z)*len(x)]
	for at := 0; at < whole; at += dotsBlock {
		to, from := z[at:min(at+dotsBlock, whole)], rows[at*len(x):]
		f(len(to)/4, n, unsafe.SliceData(to), unsafe.SliceData(x), unsafe.SliceData(from), len(x))
		if n == len(x) {
			continue
		}
		for i := range to {
			for k := n; k < len(x); k++ {
				to[i] += multiply(x[k], from[i*len(x)+k])
			}
		}
	}
	return whole
}

// dotsOf checks the lengths for f.
func dotsOf[Z, X, R any](f func(n, width int, z *Z, x *X, rows *R)) func(z []Z, x []X, rows []R) {
	return func(z []Z, x []X, rows []R) {
		rows = rows[:len(z)*len(x)]
		switch {
		case len(x) == 0:
			clear(z)
		case len(z) > 0:
			f(len(z), len(x), unsafe.SliceData(z), unsafe.SliceData(x), unsafe.SliceData(rows))
		}
	}
}
