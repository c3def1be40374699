// Package graphtest is the conformance suite of operators.
//
// [Op] runs an operator's cases, read from a data file by [Parse], through every check: the forward result with every
// kernel set, alone, on graph/exec and row by row, the shape rule with symbolic dimensions, the gradient against
// finite differences, the way through ONNX and back, and ONNX Runtime as the referee. Whoever writes an operator of
// their own runs it on it:
//
//	file, err := graphtest.Read("testdata/scale.txt")
//	…
//	graphtest.Op(t, opScale(), file)
//
// A data file holds cases, which blank lines separate. Above the line of dashes stands what goes in, below it what
// comes out:
//
//	case broadcast a row
//	attr axis int 0
//	in float32[2,3] 1 2 3 4 5 NaN
//	const int64[1] -1
//	----
//	out float32[2,3] 1 2 3 4 5 NaN
//
// Lines are: in (an input), const (an input that is a constant of the graph), none (an absent optional input), attr
// (name, int, ints, float, floats, string, strings or tensor, value), tolerance (relative to max(1,|want|); default
// 1e-6), skip (gradient, symbolic or onnxruntime, then the reason), out, and error (a part of the message, in place
// of outs). Strings are quoted as in Go. "random SEED" in place of elements stands for numbers in [-1,1).
//
// Expected values come from ONNX Runtime: [Update] writes what it answers, never what we compute.
//
// [Run] evaluates a graph node by node with no plan, the simplest way: a referee for graph/exec. [Run64] does so in
// float64, and [Differentiate] checks the gradients of any graph's loss with it: those of layers, losses and models.
package graphtest
