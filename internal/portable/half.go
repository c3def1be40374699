package portable

import "math"

// FromHalf returns the number whose IEEE 754 half-precision bits are h. It is exact; NaN becomes quiet.
func FromHalf(h uint16) float32 {
	// The exponent's bias grows by 127-15 = 112: for subnormal numbers, too, and exactly.
	bits := math.Float32bits(float32(math.Float32frombits(uint32(h&0x7fff)<<13) * 0x1p112))
	if h&0x7c00 == 0x7c00 {
		if bits |= 0x7f800000; h&0x3ff != 0 {
			bits |= 1 << 22
		}
	}
	return math.Float32frombits(bits | uint32(h>>15)<<31)
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
