package kernel

// Best returns the fastest set that this processor can run.
func Best() *Set { return neon() }

// Sets returns every set that this machine can run, [Portable] first and [Best] last. Tests run all of them.
func Sets() []*Set { return []*Set{Portable(), neon()} }

// neon returns the set for every processor that Go runs on: its own library needs NEON. Exp, Log, Tanh and Sigmoid are
// within 2.5 ulp.
func neon() *Set {
	s := &Set{
		Exp:       unaryOf(neonExp),
		Log:       unaryOf(neonLog),
		Tanh:      unaryOf(neonTanh),
		Sigmoid:   unaryOf(neonSigmoid),
		Add:       binaryOf(neonAdd),
		Sub:       binaryOf(neonSub),
		Mul:       binaryOf(neonMul),
		Relu:      unaryOf(neonRelu),
		ReluGrad:  binaryOf(neonReluGrad),
		AddScaled: scaledOf(neonAddScaled),
		Scale:     scaledOf(neonScale),
		Sum:       reduceOf(neonSum),
		Dot:       dotOf(neonDot),
		ExpSum:    expSumOf(neonExpSum),
		Shift:     scaledOf(neonShift),
		Normalize: normalizeOf(neonMean, neonSpread, neonNormalize),
		Max:       maxOf(4, neonMax),
		Beyond:    beyondOf(neonBeyond),
		Transpose: transposeOf(neonTurn),
		Gather:    gatherOf(neonGather),
		Adagrad:   adagradOf(neonAdagrad),
		Adam:      adamOf(neonAdam),
	}
	f := &panels{
		name: "neon",
		tiles: [2][tileRows]tile{
			{neonTile1x8, neonTile2x8, neonTile3x8, neonTile4x8, neonTile5x8, neonTile6x8},
			{neonTile1x16, neonTile2x16, neonTile3x16, neonTile4x16, neonTile5x16, neonTile6x16},
		},
		wide:  [2]wideTile{neonTile1x64, neonTile2x32},
		copy8: neonCopy8, copy6: neonCopy6, deal: neonDeal, turn: neonTurn, row4: neonRow4, row1: neonRow1, column: columnOf(neonDot),
	}
	f.install(s)
	s.dotsInQuads(neonDotsInteger, neonDotsInt8, neonDotsHalf)
	s.ScatterAdd = scatterAddOf(neonScatterAdd)
	return s
}
