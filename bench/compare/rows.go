package main

import "context"

// rows are all comparisons, in the order of the results.
func rows() []row {
	return append(modelRows(), tableRows()...)
}

func modelRows() []row {
	return []row{
		{
			name: "dlrm", title: "DLRM step, 26 tables x 100k x 32, B=4096, sparse Adagrad", work: dlrmBatch, unit: "examples/s",
			data: writeDLRM, tolerance: lossTolerance,
			others: []other{
				{name: "PyTorch, 26 tables", python: "torch", work: "dlrm", target: 2, alone: 1.8},
				{name: "PyTorch, one joint table", python: "torch", work: "dlrm_joint", target: 2, alone: 1.8},
			},
		},
		{
			name: "two_tower", title: "two-tower step, 1M x 64, MLP 128-64, B=1024, in-batch softmax, sparse Adagrad", work: towerBatch,
			unit: "examples/s", data: writeTower, tolerance: lossTolerance,
			others: []other{{name: "PyTorch", python: "torch", work: "two_tower", target: 1.5}},
		},
		{
			name: "sasrec_bce", title: "SASRec step, B=128 L=50 D=64, 2 blocks, BCE with one negative, Adam", work: 1,
			unit: "steps/s", data: writeSequences, tolerance: lossTolerance,
			others: []other{{name: "PyTorch", python: "torch", work: "sasrec_bce", target: 1.3}},
		},
		{
			name: "sasrec_softmax", title: "SASRec step, B=128 L=50 D=64, 2 blocks, softmax over 3,416 items, Adam", work: 1,
			unit: "steps/s", data: writeSequences, tolerance: lossTolerance,
			others: []other{{name: "PyTorch", python: "torch", work: "sasrec_softmax", target: 1.3}},
		},
		{
			name: "ranker", title: "ranker, 500 candidates, 26 lookups of 32, MLP 512-256-1", work: 1, unit: "runs/s",
			data: writeRanker, tolerance: scoreTolerance,
			others: []other{{name: "ONNX Runtime", python: "ort", work: "ranker", target: 1}},
		},
		{
			name: "topk", title: "[1,64]·[64,100k] and TopK 100", work: 1, unit: "runs/s",
			data: writeItems(floats, topkItems), tolerance: scoreTolerance,
			others: []other{{name: "ONNX Runtime", python: "ort", work: "topk", target: 1}},
		},
		{
			name: "retrieval", title: "retrieval over 1M x 64 float32, one query, TopK 100", work: retrievalBytes / 1e9, unit: "GB/s",
			data: writeItems(floats, retrievalItems), tolerance: scoreTolerance,
			others: []other{
				// Both read as many bytes once.
				{name: "memory bandwidth", work: "bandwidth", target: 0.8, probe: true},
				{name: "memory bandwidth (PyTorch's sum)", python: "torch", work: "bandwidth", target: 0.8, probe: true},
				{name: "ONNX Runtime", python: "ort", work: "retrieval"},
			},
		},
		{
			name: "retrieval_half", title: "retrieval over 1M x 64 float16, one query, TopK 100", work: retrievalBytesHalf / 1e9, unit: "GB/s",
			data: writeItems(halves, retrievalItems), tolerance: scoreTolerance,
			others: []other{
				{name: "memory bandwidth", work: "bandwidth_half", target: 0.8, probe: true},
				{name: "ONNX Runtime", python: "ort", work: "retrieval_half"},
			},
		},
		{
			name: "retrieval_int8", title: "retrieval over 1M x 64 int8, one query, TopK 100", work: retrievalBytesInt8 / 1e9, unit: "GB/s",
			data: writeItems(int8s, retrievalItems), tolerance: scoreTolerance,
			others: []other{
				{name: "memory bandwidth", work: "bandwidth_int8", target: 0.8, probe: true},
				{name: "recsys on float32", work: "retrieval", probe: true},
				{name: "ONNX Runtime", python: "ort", work: "retrieval_int8"},
			},
		},
		{
			name: "gemm", title: "GEMM 1024 x 1024 x 1024 float32", work: 2 * gemmSize * gemmSize * gemmSize / 1e9, unit: "GFLOPS",
			data: writeGemm, tolerance: scoreTolerance,
			others: []other{
				{name: "numpy", python: "ort", work: "gemm", target: 0.9},
				{name: "PyTorch", python: "torch", work: "gemm", target: 0.9},
			},
		},
	}
}

const (
	// lossTolerance: the mean loss of the first steps, from parameters of one distribution but other draws, and other
	// batches.
	lossTolerance = 0.03
	// scoreTolerance: sums in single precision in another order.
	scoreTolerance = 1e-3
)

// works are recsys's sides by name; dir holds what a row's data wrote.
func works(dir string) map[string]func(context.Context) (work, error) {
	all := map[string]func(context.Context) (work, error){
		"dlrm": newDLRM, "two_tower": newTower, "sasrec_bce": newSASRecBCE, "sasrec_softmax": newSASRecSoftmax,
		"ranker": newRanker, "topk": newItems(floats, topkItems), "retrieval": newItems(floats, retrievalItems),
		"retrieval_half": newItems(halves, retrievalItems), "retrieval_int8": newItems(int8s, retrievalItems), "gemm": newGemm,
		"bandwidth": newBandwidth(retrievalBytes), "bandwidth_half": newBandwidth(retrievalBytesHalf),
		"bandwidth_int8": newBandwidth(retrievalBytesInt8),
	}
	for name, begin := range tableWorks() {
		all[name] = func(ctx context.Context) (work, error) { return begin(ctx, dir) }
	}
	return all
}
