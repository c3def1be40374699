package kernel

import (
	"math"

	"recsys/internal/portable"
)

func portableExpSum(y, x []float32, shift float32) float32 {
	y = y[:len(x)]
	for i, v := range x {
		y[i] = portable.Exp32(v - shift)
	}
	return portableSum(y)
}

func portableShift(y []float32, a float32, x []float32) {
	x = x[:len(y)]
	for i, v := range x {
		y[i] = v + a
	}
}

func portableNormalize(y, x, scale, bias []float32, epsilon float64) {
	mean := 0.0
	for _, v := range x {
		mean += float64(v)
	}
	mean /= float64(len(x))
	variance := 0.0
	for _, v := range x {
		d := float64(v) - mean
		variance += float64(d * d)
	}
	inverse := 1 / math.Sqrt(variance/float64(len(x))+epsilon)
	for i, v := range x {
		z := float32(float64((float64(v) - mean) * inverse))
		y[i] = float32(z * scale[i])
		if bias != nil {
			y[i] += bias[i]
		}
	}
}
