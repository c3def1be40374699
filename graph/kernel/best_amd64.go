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
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C {
		sets = append(sets, avx2())
	}
	if cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512VL && cpu.X86.HasFMA && cpu.X86.HasF16C {
		sets = append(sets, avx512())
	}
	return sets
}

// avx2 returns the set for processors with AVX2, FMA and F16C. Exp, Log, Tanh and Sigmoid are within 2.5 ulp.
func avx2() *Set {
	s := &Set{
		Exp:       unaryOf(avx2Exp),
		Log:       unaryOf(avx2Log),
		Tanh:      unaryOf(avx2Tanh),
		Sigmoid:   unaryOf(avx2Sigmoid),
		Add:       binaryOf(avx2Add),
		Sub:       binaryOf(avx2Sub),
		Mul:       binaryOf(avx2Mul),
		Relu:      unaryOf(avx2Relu),
		ReluGrad:  binaryOf(avx2ReluGrad),
		AddScaled: scaledOf(avx2AddScaled),
		Scale:     scaledOf(avx2Scale),
		Sum:       reduceOf(avx2Sum),
		Dot:       dotOf(avx2Dot),
		ExpSum:    expSumOf(avx2ExpSum),
		Shift:     scaledOf(avx2Shift),
		Normalize: normalizeOf(avx2Mean, avx2Spread, avx2Normalize),
		Max:       maxOf(8, avx2Max),
		Beyond:    beyondOf(avx2Beyond),
		Transpose: transposeOf(avx2PackTransposed),
		Gather:    gatherOf(avx2Gather),
		Adagrad:   adagradOf(avx2Adagrad),
		Adam:      adamOf(avx2Adam),
	}
	f := &panels{
		name: "avx2",
		tiles: [2][tileRows]tile{
			{avx2Tile1x8, avx2Tile2x8, avx2Tile3x8, avx2Tile4x8, avx2Tile5x8, avx2Tile6x8},
			{avx2Tile1x16, avx2Tile2x16, avx2Tile3x16, avx2Tile4x16, avx2Tile5x16, avx2Tile6x16},
		},
		wide:  [2]wideTile{avx2Tile1x64, avx2Tile2x32},
		copy8: avx2Pack8, copy6: avx2Pack6, deal: avx2PackRow, turn: avx2PackTransposed, row4: avx2Row4, row1: avx2Row1, column: columnOf(avx2Dot),
	}
	f.install(s)
	s.dotsInQuads(avx2DotsInteger, avx2DotsInt8, avx2DotsHalf)
	s.ScatterAdd = scatterAddOf(avx2ScatterAdd)
	return s
}

// avx512 returns the set for processors with AVX-512 F, DQ, BW and VL. Exp, Log, Tanh and Sigmoid are within 2.5 ulp.
func avx512() *Set {
	s := &Set{
		Name:      "avx512",
		Pack:      avx512Pack,
		Exp:       unaryOf(avx512Exp),
		Log:       unaryOf(avx512Log),
		Tanh:      unaryOf(avx512Tanh),
		Sigmoid:   unaryOf(avx512Sigmoid),
		Add:       binaryOf(avx512Add),
		Sub:       binaryOf(avx512Sub),
		Mul:       binaryOf(avx512Mul),
		Relu:      unaryOf(avx512Relu),
		ReluGrad:  binaryOf(avx512ReluGrad),
		AddScaled: scaledOf(avx512AddScaled),
		Scale:     scaledOf(avx512Scale),
		Sum:       reduceOf(avx512Sum),
		Dot:       dotOf(avx512Dot),
		ExpSum:    expSumOf(avx512ExpSum),
		Shift:     scaledOf(avx512Shift),
		Normalize: normalizeOf(avx512Mean, avx512Spread, avx512Normalize),
		Max:       reduceOf(avx512Max),
		Transpose: avx512Transpose,
		Gather:    gatherOf(avx512Gather),
		Beyond:    beyondOf(avx2Beyond),
		Adagrad:   adagradOf(avx512Adagrad),
		Adam:      adamOf(avx512Adam),
	}
	s.Gemm = func(g Gemm) { avx512Gemm(s, g) }
	s.dotsInQuads(avx2DotsInteger, avx2DotsInt8, avx2DotsHalf)
	s.ScatterAdd = scatterAddOf(avx512ScatterAdd)
	s.DotsInt8, s.DotsHalf = scaledDotsOf(avx512DotsInt8), dotsOf(avx512DotsHalf)
	if cpu.X86.HasAVX512VNNI {
		s.DotsInteger = dotsOf(avx512DotsInteger)
	}
	return s
}
