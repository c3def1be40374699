package kernel

import "recsys/internal/portable"

// portableDotsInteger is Set.DotsInteger.
func portableDotsInteger(z []int32, x []uint8, rows []int8) {
	for i := range z {
		row := rows[i*len(x):][:len(x)]
		sum := int32(0)
		for k, v := range x {
			sum += int32(v) * int32(row[k])
		}
		z[i] = sum
	}
}

// portableDotsInt8 is Set.DotsInt8.
func portableDotsInt8(z, x []float32, rows []int8, scale []float32) {
	portableDots(z, x, rows, func(v int8) float32 { return float32(v) })
	if scale != nil {
		portableMul(z, z, scale)
	}
}

// portableDotsHalf is Set.DotsHalf.
func portableDotsHalf(z, x []float32, rows []uint16) { portableDots(z, x, rows, portable.FromHalf) }

// portableDots sums in the order of portableSum.
func portableDots[T any](z, x []float32, rows []T, float func(T) float32) {
	whole := len(x) / 4 * 4
	for i := range z {
		row := rows[i*len(x):][:len(x)]
		var s0, s1, s2, s3 float32
		for k := 0; k < whole; k += 4 {
			s0 += float32(x[k] * float(row[k]))
			s1 += float32(x[k+1] * float(row[k+1]))
			s2 += float32(x[k+2] * float(row[k+2]))
			s3 += float32(x[k+3] * float(row[k+3]))
		}
		z[i] = (s0 + s1) + (s2 + s3)
		for k := whole; k < len(x); k++ {
			z[i] += float32(x[k] * float(row[k]))
		}
	}
}
