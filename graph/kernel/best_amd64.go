package kernel

import "golang.org/x/sys/cpu"

// Best returns the fastest set that this processor can run.
func Best() *Set {
	sets := Sets()
	return sets[len(sets)-1]
}

// Sets returns every set that this machine can run, [Portable] first and [Best] last. Tests run all of them.
func Sets() []*Set {
	sets := []*Set{Portable()}
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		sets = append(sets, avx2())
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasFMA {
		sets = append(sets, avx512())
	}
	return sets
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

// avx512 returns the set for processors with AVX-512 F, DQ, BW and VL; what it does not have of its own is that of
// avx2.
func avx512() *Set {
	s := avx2()
	s.Name = "avx512"
	s.Pack = avx512Pack
	s.Gemm = func(g Gemm) { avx512Gemm(s, g) }
	return s
}
