//go:build ignore

package main

import "math"

// exp replaces reg (Y0) by its exponential, with Y1 to Y4: Cephes expf (Moshier 1992) with fused multiply-add. With
// full, the power of two is applied in two steps, which reach the subnormal results and infinity.
func (g *gen) exp(reg string, full bool) []string {
	low, high := -104.0, 89.0
	list := []string{
		"VMOVUPS " + g.float(high) + ", Y1", "VMINPS " + reg + ", Y1, Y0",
		"VMOVUPS " + g.float(low) + ", Y1", "VMAXPS Y0, Y1, Y0",
		"VMULPS " + g.float(math.Log2E) + ", Y0, Y1", "VROUNDPS $0, Y1, Y1", // Y1 = n
		"VFNMADD231PS " + g.float(0.693359375) + ", Y1, Y0",
		"VFNMADD231PS " + g.float(-2.12194440e-4) + ", Y1, Y0", // Y0 = r
		"VCVTPS2DQ Y1, Y1",
	}
	list = append(list, g.poly("Y2", "Y0", expPoly...)...)
	list = append(list, "VMULPS Y0, Y0, Y3", "VFMADD213PS Y0, Y3, Y2", "VADDPS "+g.float(1)+", Y2, Y0")
	if !full {
		return append(list, "VPADDD "+g.word(127)+", Y1, Y1", "VPSLLD $23, Y1, Y1", "VMULPS Y1, Y0, Y0")
	}
	return append(list, "VPSRAD $1, Y1, Y2", "VPSUBD Y2, Y1, Y1",
		"VPADDD "+g.word(127)+", Y1, Y1", "VPSLLD $23, Y1, Y1", "VPADDD "+g.word(127)+", Y2, Y2", "VPSLLD $23, Y2, Y2",
		"VMULPS Y1, Y0, Y0", "VMULPS Y2, Y0, Y0")
}

// poly computes to = the polynomial in x with the given coefficients, highest first.
func (g *gen) poly(to, x string, coefficients ...float64) []string {
	list := []string{"VMOVUPS " + g.float(coefficients[0]) + ", " + to}
	for _, c := range coefficients[1:] {
		list = append(list, "VFMADD213PS "+g.float(c)+", "+x+", "+to)
	}
	return list
}

// sigmoid computes e/(1+e) for x < 0 and 1/(1+e) for others, with e = exp(-|x|).
func (g *gen) sigmoid() []string {
	list := []string{"VMOVAPS Y0, Y5", "VORPS " + g.word(1<<31) + ", Y0, Y0"}
	list = append(list, g.exp("Y0", true)...)
	return append(list, "VADDPS "+g.float(1)+", Y0, Y1", "VMOVUPS "+g.float(1)+", Y2",
		"VBLENDVPS Y5, Y0, Y2, Y2", // the sign bit of x selects
		"VDIVPS Y1, Y2, Y0")
}

// tanh is Cephes tanhf (Moshier 1992): a polynomial below 0.625, 1 - 2/(exp(2|x|)+1) above.
func (g *gen) tanh() []string {
	list := []string{
		"VMOVAPS Y0, Y5", "VANDPS " + g.word(1<<31-1) + ", Y0, Y6", "VADDPS Y6, Y6, Y0",
		"VMOVUPS " + g.float(40) + ", Y1", "VMINPS Y0, Y1, Y0",
	}
	list = append(list, g.exp("Y0", false)...)
	list = append(list, "VADDPS "+g.float(1)+", Y0, Y0", "VMOVUPS "+g.float(2)+", Y1", "VDIVPS Y0, Y1, Y1",
		"VMOVUPS "+g.float(1)+", Y0", "VSUBPS Y1, Y0, Y0", "VANDPS "+g.word(1<<31)+", Y5, Y1", "VORPS Y1, Y0, Y0",
		"VMULPS Y5, Y5, Y1")
	list = append(list, g.poly("Y2", "Y1", tanhPoly...)...)
	return append(list, "VMULPS Y1, Y2, Y2", "VFMADD213PS Y5, Y5, Y2",
		"VCMPPS $0x11, "+g.float(0.625)+", Y6, Y1", "VBLENDVPS Y1, Y2, Y0, Y0")
}

// log is Cephes logf (Moshier 1992), with subnormal arguments scaled first.
func (g *gen) log() []string {
	list := []string{
		"VMOVAPS Y0, Y5",
		"VCMPPS $0x11, " + g.word(0x00800000) + ", Y0, Y6",                  // subnormal (or negative, which ends as NaN)
		"VMULPS " + g.float(1<<23) + ", Y0, Y1", "VBLENDVPS Y6, Y1, Y0, Y0", // scaled
		"VANDPS " + g.float(23) + ", Y6, Y6",                                                                // 23 where scaled
		"VPSRLD $23, Y0, Y1", "VPSUBD " + g.word(126) + ", Y1, Y1", "VCVTDQ2PS Y1, Y1", "VSUBPS Y6, Y1, Y1", // exponent for m in [1/2,1)
		"VANDPS " + g.word(0x007fffff) + ", Y0, Y0", "VORPS " + g.float(0.5) + ", Y0, Y0",
		"VCMPPS $0x11, " + g.float(math.Sqrt2/2) + ", Y0, Y2", // m < sqrt(1/2)
		"VANDPS Y2, Y0, Y3", "VADDPS Y3, Y0, Y0", "VSUBPS " + g.float(1) + ", Y0, Y0", // m or 2m, minus 1
		"VANDPS " + g.float(1) + ", Y2, Y2", "VSUBPS Y2, Y1, Y1",
	}
	list = append(list, g.poly("Y2", "Y0", logPoly...)...)
	return append(list, "VMULPS Y0, Y0, Y3", "VMULPS Y0, Y2, Y2", "VMULPS Y3, Y2, Y2",
		"VFMADD231PS "+g.float(-2.12194440e-4)+", Y1, Y2", "VFNMADD231PS "+g.float(0.5)+", Y3, Y2",
		"VADDPS Y2, Y0, Y0", "VFMADD231PS "+g.float(0.693359375)+", Y1, Y0",
		// +Inf and NaN stay what they are, 0 gives -Inf, less than 0 gives NaN.
		"VCMPPS $0x05, "+g.float(math.Inf(1))+", Y5, Y1", "VBLENDVPS Y1, Y5, Y0, Y0", // $5: not less than, true for NaN
		"VXORPS Y2, Y2, Y2", "VCMPPS $0, Y2, Y5, Y1", "VBLENDVPS Y1, "+g.float(math.Inf(-1))+", Y0, Y0",
		"VCMPPS $0x11, Y2, Y5, Y1", "VORPS Y1, Y0, Y0")
}
