package kernel

import "unsafe"

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

// scaledDotsOf is dotsOf for products by scale. Without columns they are 0 by scale.
func scaledDotsOf(f func(n, width int, z, x *float32, rows *int8, scale *float32)) func(z, x []float32, rows []int8, scale []float32) {
	return func(z, x []float32, rows []int8, scale []float32) {
		rows = rows[:len(z)*len(x)]
		if len(x) == 0 {
			portableDotsInt8(z, x, rows, scale)
			return
		}
		if scale != nil {
			scale = scale[:len(z)]
		}
		if len(z) > 0 {
			f(len(z), len(x), unsafe.SliceData(z), unsafe.SliceData(x), unsafe.SliceData(rows), unsafe.SliceData(scale))
		}
	}
}
