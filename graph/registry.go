package graph

// Standard returns ONNX's operators that this package knows, by type. Types are unique across domains.
func Standard() map[string]*Op {
	list := []*Op{
		opAbs(), opAdd(), opAnd(), opCast(), opClip(), opConcat(), opConstantOfShape(), opDiv(), opEqual(),
		opExp(), opExpand(), opFloor(), opGather(), opGatherElements(), opGemm(), opGreater(), opGreaterOrEqual(),
		opIdentity(), opIsInf(), opIsNaN(), opLabelEncoder(), opLayerNormalization(), opLess(), opLessOrEqual(), opLog(), opLogSoftmax(),
		opMatMul(), opMax(), opMin(), opMod(), opMul(), opMurmurHash3(), opNeg(), opNot(), opOr(), opPow(),
		opReduceMax(), opReduceMean(), opReduceSum(), opRelu(), opReshape(), opScatterElements(), opScatterND(),
		opShape(), opSigmoid(), opSlice(), opSoftmax(), opSoftplus(), opSplit(), opSqrt(), opSqueeze(), opSub(),
		opTanh(), opTopK(), opTranspose(), opUnsqueeze(), opWhere(),
		opArgMax(), opCeil(), opCumSum(), opElu(), opErf(), opHardSigmoid(), opLeakyRelu(), opReduceL2(), opReduceMin(),
		opRound(), opSign(), opTile(), opDropout(), opGatherND(), opOneHot(), opPad(), opRange(),
		opBatchNormalization(), opEinsum(), opGRU(), opLSTM(), opTreeEnsembleClassifier(), opTreeEnsembleRegressor(),
		opDequantizeLinear(), opDynamicQuantizeLinear(), opMatMulInteger(), opQuantizeLinear(),
	}
	ops := make(map[string]*Op, len(list))
	for _, op := range list {
		ops[op.Type] = op
	}
	return ops
}
