package kernel

import (
	"math"

	"recsys/internal/portable"
)

// Portable returns the set in plain Go, which gives the same bits on every platform: products are rounded before
// they are added, sums run in an order that depends on lengths alone, and functions come from internal/portable.
func Portable() *Set {
	s := &Set{
		Name:      "portable",
		Pack:      portablePack,
		Exp:       mapWith(portable.Exp32),
		Log:       mapWith(portable.Log32),
		Tanh:      mapWith(portable.Tanh32),
		Sigmoid:   mapWith(portable.Sigmoid32),
		Add:       portableAdd,
		Sub:       portableSub,
		Mul:       portableMul,
		Relu:      portableRelu,
		ReluGrad:  portableReluGrad,
		AddScaled: portableAddScaled,
		Scale:     portableScale,
		Sum:       portableSum,
		Dot:       portableDot,
		ExpSum:    portableExpSum,
		Shift:     portableShift,
		Normalize: portableNormalize,
		Max:       portableMax,
		Beyond:    portableBeyond,
		Transpose: portableTranspose,
		Gather:    portableGather,
		Adagrad:   portableAdagrad,
		Adam:      portableAdam,
	}
	s.Gemm = func(g Gemm) { portableGemm(s, g) }
	s.DotsInteger, s.DotsInt8, s.DotsHalf = portableDotsInteger, portableDotsInt8, portableDotsHalf
	s.ScatterAdd = portableScatterAdd
	return s
}

func mapWith(f func(float32) float32) func(y, x []float32) {
	return func(y, x []float32) {
		y = y[:len(x)]
		for i, v := range x {
			y[i] = f(v)
		}
	}
}

func portableAdd(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] + y[i]
	}
}

func portableSub(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] - y[i]
	}
}

func portableMul(z, x, y []float32) {
	x, y = x[:len(z)], y[:len(z)]
	for i := range z {
		z[i] = x[i] * y[i]
	}
}

func portableRelu(y, x []float32) {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = max(v, 0)
	}
}

func portableReluGrad(z, y, g []float32) {
	y, g = y[:len(z)], g[:len(z)]
	for i := range z {
		v := g[i]
		if !(y[i] > 0) {
			v = 0
		}
		z[i] = v
	}
}

func portableAddScaled(y []float32, a float32, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] += float32(a * x[i])
	}
}

func portableScale(y []float32, a float32, x []float32) {
	x = x[:len(y)]
	for i := range y {
		y[i] = a * x[i]
	}
}

// portableSum adds four interleaved partial sums: two by two, then the rest in order.
func portableSum(x []float32) float32 {
	var s0, s1, s2, s3 float32
	for ; len(x) >= 4; x = x[4:] {
		s0 += x[0]
		s1 += x[1]
		s2 += x[2]
		s3 += x[3]
	}
	s := (s0 + s1) + (s2 + s3)
	for _, v := range x {
		s += v
	}
	return s
}

// portableDot sums in the order of portableSum.
func portableDot(x, y []float32) float32 {
	y = y[:len(x)]
	var s0, s1, s2, s3 float32
	for len(x) >= 4 && len(y) >= 4 {
		s0 += float32(x[0] * y[0])
		s1 += float32(x[1] * y[1])
		s2 += float32(x[2] * y[2])
		s3 += float32(x[3] * y[3])
		x, y = x[4:], y[4:]
	}
	s := (s0 + s1) + (s2 + s3)
	for i, v := range x {
		s += float32(v * y[i])
	}
	return s
}

func portableMax(x []float32) float32 {
	best := float32(math.Inf(-1))
	for _, v := range x {
		best = max(best, v)
	}
	return best
}

// portableTranspose goes by blocks that fit into the first-level cache.
func portableTranspose(y, x []float32, rows, cols int) {
	const block = 32
	x, y = x[:rows*cols], y[:rows*cols]
	for r := 0; r < rows; r += block {
		for c := 0; c < cols; c += block {
			transposeBlock(y, x, r, min(r+block, rows), c, min(c+block, cols), rows, cols)
		}
	}
}

// transposeBlock transposes rows [r0,r1) and columns [c0,c1) of x.
func transposeBlock(y, x []float32, r0, r1, c0, c1, rows, cols int) {
	for r := r0; r < r1; r++ {
		for c := c0; c < c1; c++ {
			y[c*rows+r] = x[r*cols+c]
		}
	}
}
