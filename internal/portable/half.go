package portable

import "math"

// FromHalf returns the number whose IEEE 754 half-precision bits are h. It is exact; NaN becomes quiet.
func FromHalf(h uint16) float32 {
	sign, exponent, fraction := uint32(h>>15)<<31, uint32(h>>10&0x1f), uint32(h&0x3ff)
	switch {
	case exponent == 0x1f && fraction != 0:
		return math.Float32frombits(sign | 0x7fc00000 | fraction<<13)
	case exponent == 0x1f:
		return math.Float32frombits(sign | 0x7f800000)
	case exponent == 0:
		return math.Float32frombits(sign | math.Float32bits(float32(float32(fraction)*0x1p-24)))
	}
	return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
}

// ToHalf returns the half-precision bits of the number nearest to v, the even one of two; from 65520 on it is an
// infinity. NaN stays NaN.
func ToHalf(v float32) uint16 {
	bits := math.Float32bits(v)
	sign := uint16(bits >> 16 & 0x8000)
	bits &= 0x7fffffff
	switch {
	case bits > 0x7f800000:
		return sign | 0x7e00 | uint16(bits>>13&0x3ff)
	case bits >= 0x47800000: // 2^16
		return sign | 0x7c00
	case bits < 0x38800000: // 2^-14: subnormal numbers are multiples of 2^-24
		return sign | uint16(math.RoundToEven(float64(float64(math.Float32frombits(bits))*0x1p24)))
	}
	// A carry out of the fraction raises the exponent, and the greatest exponent to infinity.
	return sign | uint16((bits+0xfff+bits>>13&1)>>13-(127-15)<<10)
}
