package kernel

import "golang.org/x/sys/cpu"

// Best returns the fastest set that this processor can run.
func Best() *Set {
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA {
		return Portable()
	}
	return avx2()
}

// avx2 returns the set for processors with AVX2 and FMA. Exp, Log, Tanh and Sigmoid are within 2.5 ulp.
func avx2() *Set {
	s := &Set{
		Name:      "avx2",
		Pack:      avx2Pack,
		Exp:       avx2Unary(avx2Exp),
		Log:       avx2Unary(avx2Log),
		Tanh:      avx2Unary(avx2Tanh),
		Sigmoid:   avx2Unary(avx2Sigmoid),
		Add:       avx2Binary(avx2Add),
		Sub:       avx2Binary(avx2Sub),
		Mul:       avx2Binary(avx2Mul),
		Relu:      avx2Unary(avx2Relu),
		ReluGrad:  avx2Binary(avx2ReluGrad),
		AddScaled: avx2Scaled(avx2AddScaled),
		Scale:     avx2Scaled(avx2Scale),
		Sum:       avx2SumOf,
		Dot:       avx2DotOf,
		Max:       avx2MaxOf,
		Beyond:    avx2BeyondOf,
		Transpose: avx2Transpose,
		Gather:    avx2GatherOf,
		Adagrad:   avx2AdagradOf,
		Adam:      avx2AdamOf,
	}
	s.Gemm = func(g Gemm) { avx2Gemm(s, g) }
	return s
}
