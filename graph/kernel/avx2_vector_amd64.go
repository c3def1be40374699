package kernel

import "unsafe"

// The wrappers check lengths: the assembler does not.

func avx2Binary(f func(n int, z, x, y *float32)) func(z, x, y []float32) {
	return func(z, x, y []float32) {
		n := len(z)
		x, y = x[:n], y[:n]
		if n > 0 {
			f(n, unsafe.SliceData(z), unsafe.SliceData(x), unsafe.SliceData(y))
		}
	}
}

func avx2Unary(f func(n int, y, x *float32)) func(y, x []float32) {
	return func(y, x []float32) {
		y = y[:len(x)]
		if len(x) > 0 {
			f(len(x), unsafe.SliceData(y), unsafe.SliceData(x))
		}
	}
}

func avx2Scaled(f func(n int, y *float32, a float32, x *float32)) func(y []float32, a float32, x []float32) {
	return func(y []float32, a float32, x []float32) {
		x = x[:len(y)]
		if len(y) > 0 {
			f(len(y), unsafe.SliceData(y), a, unsafe.SliceData(x))
		}
	}
}

func avx2SumOf(x []float32) float32 { return avx2Sum(len(x), unsafe.SliceData(x)) }

func avx2DotOf(x, y []float32) float32 {
	y = y[:len(x)]
	return avx2Dot(len(x), unsafe.SliceData(x), unsafe.SliceData(y))
}

func avx2MaxOf(x []float32) float32 {
	if len(x) < 8 {
		return portableMax(x)
	}
	return avx2Max(len(x), unsafe.SliceData(x))
}
