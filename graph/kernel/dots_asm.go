//go:build amd64 || arm64

package kernel

import (
	"unsafe"

	"recsys/internal/portable"
)

// dotsBlock is how many rows the assembler goes ahead of the columns that are left: they are in the cache still.
const dotsBlock = 64

// dotsInQuads fills the set's products with narrow tables: integer takes 16 columns at a time, the others 8.
func (s *Set) dotsInQuads(
	integer func(quads, n int, z *int32, x *uint8, rows *int8, stride int),
	int8s func(quads, n int, z, x *float32, rows *int8, stride int),
	halves func(quads, n int, z, x *float32, rows *uint16, stride int),
) {
	s.DotsInteger = func(z []int32, x []uint8, rows []int8) {
		whole := quads(16, z, x, rows, integer, func(x uint8, y int8) int32 { return int32(x) * int32(y) })
		portableDotsInteger(z[whole:], x, rows[whole*len(x):])
	}
	s.DotsInt8 = func(z, x []float32, rows []int8, scale []float32) {
		whole := quads(8, z, x, rows, int8s, func(x float32, y int8) float32 { return x * float32(y) })
		portableDotsInt8(z[whole:], x, rows[whole*len(x):], nil)
		if scale != nil {
			s.Mul(z, z, scale[:len(z)])
		}
	}
	s.DotsHalf = func(z, x []float32, rows []uint16) {
		whole := quads(8, z, x, rows, halves, func(x float32, y uint16) float32 { return x * portable.FromHalf(y) })
		portableDotsHalf(z[whole:], x, rows[whole*len(x):])
	}
}

// quads computes the rows that come in fours, by f and what is left of the columns, which f takes by step, with
// multiply. It returns the number of these rows.
func quads[Z int32 | float32, X, R any](
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
