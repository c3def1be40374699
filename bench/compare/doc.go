// Command compare measures recsys beside PyTorch, ONNX Runtime, numpy, NVTabular and Polars: the same work on the same data, in
// processes that are bound to the same processors and take turns, round by round, so that a busy machine slows all of them
// alike.
//
//	go run ./bench/compare -torch .tools/bench/bin/python -ort .tools/bench/bin/python
//	go run ./bench/compare -only dlrm,gemm -threads 1 -quick -print
//
// A ratio is the median over rounds of the other's time divided by that of recsys in the same round. Before it measures,
// a row compares a figure that both sides compute (a mean loss, a sum of scores), so that they cannot do different work.
// Figures are kept in bench/RESULTS.json, row by row, and bench/RESULTS.md is written from it.
//
// Rows of tables fit, transform, read and write Parquet files: MovieLens 1M (RECSYS_DATA names its folder) and 10 M rows
// that it makes. Beside the rate they count the peak of each process's memory while it works.
//
// It needs Linux with taskset.
package main
