//go:build amd64 || arm64

package kernel

import (
	"math"
	"unsafe"
)

// The wrappers check lengths: the assembler does not.

func binaryOf(f func(n int, z, x, y *float32)) func(z, x, y []float32) {
	return func(z, x, y []float32) {
		n := len(z)
		x, y = x[:n], y[:n]
		if n > 0 {
			f(n, unsafe.SliceData(z), unsafe.SliceData(x), unsafe.SliceData(y))
		}
	}
}

func unaryOf(f func(n int, y, x *float32)) func(y, x []float32) {
	return func(y, x []float32) {
		y = y[:len(x)]
		if len(x) > 0 {
			f(len(x), unsafe.SliceData(y), unsafe.SliceData(x))
		}
	}
}

func scaledOf(f func(n int, y *float32, a float32, x *float32)) func(y []float32, a float32, x []float32) {
	return func(y []float32, a float32, x []float32) {
		x = x[:len(y)]
		if len(y) > 0 {
			f(len(y), unsafe.SliceData(y), a, unsafe.SliceData(x))
		}
	}
}

func reduceOf(f func(n int, x *float32) float32) func(x []float32) float32 {
	return func(x []float32) float32 { return f(len(x), unsafe.SliceData(x)) }
}

func dotOf(f func(n int, x, y *float32) float32) func(x, y []float32) float32 {
	return func(x, y []float32) float32 {
		y = y[:len(x)]
		return f(len(x), unsafe.SliceData(x), unsafe.SliceData(y))
	}
}

func expSumOf(f func(n int, y, x *float32, shift float32) float32) func(y, x []float32, shift float32) float32 {
	return func(y, x []float32, shift float32) float32 {
		y = y[:len(x)]
		return f(len(x), unsafe.SliceData(y), unsafe.SliceData(x), shift)
	}
}

func normalizeOf(
	mean func(n int, x *float32) float64,
	spread func(n int, x *float32, mean float64) float64,
	normalize func(n int, y, x, scale, bias *float32, mean, inverse float64),
) func(y, x, scale, bias []float32, epsilon float64) {
	return func(y, x, scale, bias []float32, epsilon float64) {
		n := len(x)
		if n == 0 {
			return
		}
		y, scale = y[:n], scale[:n]
		if bias != nil {
			bias = bias[:n]
		}
		p := unsafe.SliceData(x)
		m := mean(n, p)
		normalize(n, unsafe.SliceData(y), p, unsafe.SliceData(scale), unsafe.SliceData(bias), m, 1/math.Sqrt(spread(n, p, m)+epsilon))
	}
}

// maxOf is of an f that needs so many elements.
func maxOf(least int, f func(n int, x *float32) float32) func(x []float32) float32 {
	return func(x []float32) float32 {
		if len(x) < least {
			return portableMax(x)
		}
		return f(len(x), unsafe.SliceData(x))
	}
}

// transposeOf moves blocks of 8 rows and whole eights of columns; what is left goes one by one.
func transposeOf(f func(n int, dst *float32, step int, src *float32, stride int)) func(y, x []float32, rows, cols int) {
	return func(y, x []float32, rows, cols int) {
		x, y = x[:rows*cols], y[:rows*cols]
		const block = 64 // columns at a time: their destination rows stay in the first-level cache
		whole := rows / 8 * 8
		for c := 0; c < cols; c += block {
			n := min(block, cols-c)
			if n/8 > 0 {
				for r := 0; r < whole; r += 8 {
					f(n/8, &y[c*rows+r], 4*rows, &x[r*cols+c], 4*cols)
				}
			}
			transposeBlock(y, x, 0, whole, c+n/8*8, c+n, rows, cols)
			transposeBlock(y, x, whole, rows, c, c+n, rows, cols)
		}
	}
}

func gatherOf(
	f func(n int, y *float32, ids *int64, x *float32, rows, width, step int) int,
) func(y []float32, step int, ids []int64, x []float32, rows, width int) int {
	return func(y []float32, step int, ids []int64, x []float32, rows, width int) int {
		x = x[:rows*width]
		if len(ids) == 0 || width == 0 || rows == 0 {
			return portableGather(y, step, ids, x, rows, width)
		}
		if step < width || len(y) < (len(ids)-1)*step+width {
			panic("kernel: gathered rows do not fit into their destination")
		}
		return f(len(ids), unsafe.SliceData(y), unsafe.SliceData(ids), unsafe.SliceData(x), rows, width, step)
	}
}

func scatterAddOf(
	f func(n int, y *float32, at *int32, x *float32, rows, width int) int,
) func(y []float32, at []int32, x []float32, width int) {
	return func(y []float32, at []int32, x []float32, width int) {
		if len(at) == 0 || width == 0 {
			return
		}
		x = x[:len(at)*width]
		i := f(len(at), unsafe.SliceData(y), unsafe.SliceData(at), unsafe.SliceData(x), len(y)/width, width)
		if i < len(at) {
			panic("kernel: a row is added outside its destination")
		}
	}
}

func adagradOf(f func(n int, w, s, x *float32, rate, epsilon float32)) func(w, s, g []float32, rate, epsilon float32) {
	return func(w, s, g []float32, rate, epsilon float32) {
		s, g = s[:len(w)], g[:len(w)]
		if len(w) > 0 {
			f(len(w), unsafe.SliceData(w), unsafe.SliceData(s), unsafe.SliceData(g), rate, epsilon)
		}
	}
}

func adamOf(f func(n int, w, m, v, x *float32, c *AdamScalars)) func(w, m, v, g []float32, c *AdamScalars) {
	return func(w, m, v, g []float32, c *AdamScalars) {
		m, v, g = m[:len(w)], v[:len(w)], g[:len(w)]
		if len(w) > 0 {
			f(len(w), unsafe.SliceData(w), unsafe.SliceData(m), unsafe.SliceData(v), unsafe.SliceData(g), c)
		}
	}
}
