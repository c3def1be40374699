package kernel_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"recsys/graph/kernel"
)

// BenchmarkGemm reports GFLOPS of products as models have them: forward, gradient of the input (NT), gradient of
// the weight (TN), one row, one column.
func BenchmarkGemm(b *testing.B) {
	shapes := []struct {
		name           string
		transA, transB bool
		m, n, k        int
	}{
		{"NN-1024x1024x1024", false, false, 1024, 1024, 1024},
		{"NN-4096x256x383", false, false, 4096, 256, 383},
		{"NN-4096x128x256", false, false, 4096, 128, 256},
		{"NN-512x256x256", false, false, 512, 256, 256},
		{"NT-512x256x256", false, true, 512, 256, 256},
		{"TN-256x256x512", true, false, 256, 256, 512},
		{"NT-512x512x64", false, true, 512, 512, 64},
		{"NN-64x64x64", false, false, 64, 64, 64},
		{"NN-16x16x16", false, false, 16, 16, 16},
		{"NT-9x9x16", false, true, 9, 9, 16},
		{"NN-9x16x9", false, false, 9, 16, 9},
		{"TN-9x16x9", true, false, 9, 16, 9},
		{"NT-27x27x32", false, true, 27, 27, 32},
		{"NN-1x256x256", false, false, 1, 256, 256},
		{"NN-1x100000x64", false, false, 1, 100000, 64},
		{"NN-2x100000x64", false, false, 2, 100000, 64},
		{"NN-4x100000x64", false, false, 4, 100000, 64},
		{"NN-8x100000x64", false, false, 8, 100000, 64},
		{"NN-16x100000x64", false, false, 16, 100000, 64},
		{"NT-1x100000x64", false, true, 1, 100000, 64},
		{"NT-2x100000x64", false, true, 2, 100000, 64},
		{"NT-4x100000x64", false, true, 4, 100000, 64},
		{"NT-8x100000x64", false, true, 8, 100000, 64},
		{"NT-16x100000x64", false, true, 16, 100000, 64},
		{"NT-16x256x256", false, true, 16, 256, 256},
		{"NT-1x256x256", false, true, 1, 256, 256},
		{"NT-4x256x256", false, true, 4, 256, 256},
		{"NN-200000x1x64", false, false, 200000, 1, 64},
		{"NN-512x1x128", false, false, 512, 1, 128},
		{"TN-128x1x512", true, false, 128, 1, 512},
		{"NN-512x128x1", false, false, 512, 128, 1},
	}
	for _, s := range shapes {
		for _, set := range kernel.Sets() {
			b.Run(s.name+"/"+set.Name, func(b *testing.B) {
				g := kernel.Gemm{
					TransA: s.transA, TransB: s.transB, M: s.m, N: s.n, K: s.k,
					A: random(s.m * s.k), B: random(s.k * s.n), C: make([]float32, s.m*s.n),
					LDA: s.k, LDB: s.n, LDC: s.n,
				}
				if s.transA {
					g.LDA = s.m
				}
				if s.transB {
					g.LDB = s.k
				}
				b.ReportAllocs()
				for b.Loop() {
					set.Gemm(g)
				}
				flops := 2 * float64(s.m) * float64(s.n) * float64(s.k) * float64(b.N)
				b.ReportMetric(flops/b.Elapsed().Seconds()/1e9, "GFLOPS")
			})
		}
	}
}

// BenchmarkGemmPacked is a dense layer at inference: its weight is packed once.
func BenchmarkGemmPacked(b *testing.B) {
	for _, s := range [][3]int{{1, 256, 256}, {1, 100000, 64}, {2, 256, 832}, {8, 256, 256}, {500, 512, 832}} {
		for _, set := range kernel.Sets() {
			b.Run(fmt.Sprintf("%dx%dx%d/%s", s[0], s[1], s[2], set.Name), func(b *testing.B) {
				g := kernel.Gemm{
					M: s[0], N: s[1], K: s[2], A: random(s[0] * s[2]), B: random(s[1] * s[2]), C: make([]float32, s[0]*s[1]),
					LDA: s[2], LDB: s[1], LDC: s[1], Bias: random(s[1]), Activation: kernel.Relu,
				}
				g.Packed = set.Pack(g)
				for b.Loop() {
					set.Gemm(g)
				}
				b.ReportMetric(2*float64(s[0]*s[1]*s[2]*b.N)/b.Elapsed().Seconds()/1e9, "GFLOPS")
			})
		}
	}
}

// BenchmarkVector reports the bytes of the destination per second.
func BenchmarkVector(b *testing.B) {
	for _, n := range []int{32, 4096} {
		x, y, z := random(n), random(n), make([]float32, n)
		for _, set := range kernel.Sets() {
			kernels := map[string]func(){
				"Add": func() { set.Add(z, x, y) }, "AddScaled": func() { set.AddScaled(z, 0.5, x) },
				"Sum": func() { set.Sum(x) }, "Dot": func() { set.Dot(x, y) }, "Max": func() { set.Max(x) },
				"Exp": func() { set.Exp(z, x) }, "Log": func() { set.Log(z, x) }, "Tanh": func() { set.Tanh(z, x) },
				"Sigmoid": func() { set.Sigmoid(z, x) }, "Relu": func() { set.Relu(z, x) },
				"ExpSum": func() { set.ExpSum(z, x, 0.5) }, "Normalize": func() { set.Normalize(z, x, y, y, 1e-5) },
				"Adagrad": func() { set.Adagrad(z, y, x, -0.1, 1e-8) }, "Shift": func() { set.Shift(z, 0.5, x) },
			}
			for name, f := range kernels {
				b.Run(fmt.Sprintf("%s/%d/%s", name, n, set.Name), func(b *testing.B) {
					b.SetBytes(int64(4 * n))
					for b.Loop() {
						f()
					}
				})
			}
		}
	}
}

// BenchmarkBeyond looks for the best of so many elements as TopK does, a hit in a thousand or none.
func BenchmarkBeyond(b *testing.B) {
	at := make([]uint64, 4096)
	for _, n := range []int{1000, 100_000} {
		x := random(n) // below 1.01
		for _, set := range kernel.Sets() {
			for _, limit := range []float32{1.009, 2} {
				b.Run(fmt.Sprintf("%d-%v/%s", n, limit, set.Name), func(b *testing.B) {
					b.SetBytes(int64(4 * n))
					for b.Loop() {
						set.Beyond(at, x, limit, false)
					}
				})
			}
		}
	}
}

func random(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	x := make([]float32, n)
	for i := range x {
		x[i] = rng.Float32() + 0.01
	}
	return x
}
