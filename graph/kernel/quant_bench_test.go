package kernel_test

import (
	"testing"

	"recsys/graph/kernel"
	"recsys/internal/portable"
)

// BenchmarkDots is retrieval: one query against a million rows of 64, which no cache holds. Sum reads as much memory as
// the processor lets it and is what the others are to be compared with.
func BenchmarkDots(b *testing.B) {
	const rows, width = 1_000_000, 64
	table, x, z := random(rows*width), random(width), make([]float32, rows)
	ints, halves := make([]int8, rows*width), make([]uint16, rows*width)
	for i, v := range table {
		ints[i], halves[i] = int8(100*v-50), portable.ToHalf(v)
	}
	query, sums := make([]uint8, width), make([]int32, rows)
	for i, v := range x {
		query[i] = uint8(200 * v)
	}
	for _, set := range kernel.Sets() {
		g := kernel.Gemm{M: 1, N: rows, K: width, A: x, B: table, C: z, LDA: width, LDB: rows, LDC: rows}
		turned := g
		turned.TransB, turned.LDB = true, width
		kernels := []struct {
			name  string
			bytes int64
			f     func()
		}{
			{"Sum", 4, func() { set.Sum(table) }},
			{"Gemm-NN", 4, func() { set.Gemm(g) }},
			{"Gemm-NT", 4, func() { set.Gemm(turned) }},
			{"DotsHalf", 2, func() { set.DotsHalf(z, x, halves) }},
			{"DotsInt8", 1, func() { set.DotsInt8(z, x, ints, nil) }},
			{"DotsInteger", 1, func() { set.DotsInteger(sums, query, ints) }},
		}
		for _, k := range kernels {
			b.Run(k.name+"/"+set.Name, func(b *testing.B) {
				b.SetBytes(k.bytes * rows * width)
				b.ReportAllocs()
				for b.Loop() {
					k.f()
				}
			})
		}
	}
}
