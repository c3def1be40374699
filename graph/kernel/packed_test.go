package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"recsys/graph/kernel"
)

// variants are products whose paths differ: few rows, many rows, one column, one wide row, several blocks.
func variants() [][3]int {
	return [][3]int{
		{1, 1, 300},
		{9, 1, 20},
		{1, 16, 64},
		{3, 17, 5},
		{1, 40, 300},
		{1, 2051, 260},
		{1, 129, 300},
		{4, 33, 300},
		{13, 7, 33},
		{14, 32, 64},
		{15, 33, 65},
		{27, 27, 32},
		{40, 530, 300},
		{127, 49, 520},
		{2, 100, 513},
		{8, 64, 64},
		{5, 3, 0},
		{0, 5, 5},
		{5, 0, 5},
		{7, 130, 1},
	}
}

// TestGemmPacked: a packed right-hand side gives the bits of the plain one, whatever happens to the latter.
func TestGemmPacked(t *testing.T) {
	for _, set := range kernel.Sets() {
		for _, v := range variants() {
			for flags := range 8 {
				rng := rand.New(rand.NewPCG(uint64(flags), 11))
				p := newProblem(rng, flags&1 > 0, flags&2 > 0, flags&4 > 0, v[0], v[1], v[2])
				g := p.g
				g.C = append([]float32{}, p.g.C...)
				g.Packed = set.Pack(p.g)
				g.B = nil
				set.Gemm(p.g)
				clear(p.g.B)
				set.Gemm(g)
				if at := firstDifference(g.C, p.g.C); at >= 0 {
					t.Fatalf("%s: %v, flags %d: element %d is %v packed, %v plain", set.Name, v, flags, at, g.C[at], p.g.C[at])
				}
			}
		}
	}
}

// TestPackedColumns: the parts of a packed right-hand side give the bits of the whole.
func TestPackedColumns(t *testing.T) {
	for _, set := range kernel.Sets() {
		for _, v := range variants() {
			p := newProblem(rand.New(rand.NewPCG(5, 13)), false, v[0]%2 == 1, true, v[0], v[1], v[2])
			g := p.g
			g.C, g.Bias, g.Activation = append([]float32{}, p.g.C...), random(v[1]), kernel.Relu
			whole := set.Pack(g)
			g.Packed = whole
			for from := 0; from < g.N; {
				to := min(from+kernel.PackedStep*(1+from/kernel.PackedStep%3), g.N)
				part := g
				// Parts of parts count from the beginning of theirs.
				part.Packed = whole.Columns(from/64*64, g.N).Columns(from%64, to-from/64*64)
				part.N, part.Bias = to-from, g.Bias[from:to]
				part.C = p.g.C[from:]
				set.Gemm(part)
				from = to
			}
			set.Gemm(g)
			if at := firstDifference(p.g.C, g.C); at >= 0 {
				t.Fatalf("%s: %v: element %d is %v in a part, %v in the whole", set.Name, v, at, p.g.C[at], g.C[at])
			}
		}
	}
}

func TestPackedColumnsRefusesBrokenBorders(t *testing.T) {
	p := kernel.Portable().Pack(kernel.Gemm{N: 70, K: 1, LDB: 70, B: make([]float32, 70)})
	for _, borders := range [][2]int{{-32, 32}, {1, 32}, {0, 31}, {64, 32}, {0, 71}, {64, 96}} {
		t.Run(fmt.Sprint(borders), func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("cut")
				}
			}()
			p.Columns(borders[0], borders[1])
		})
	}
}

// TestGemmEpilogue: bias and activation give the bits of the set's functions, and nothing beside C is written.
func TestGemmEpilogue(t *testing.T) {
	for _, set := range kernel.Sets() {
		functions := []func(y, x []float32){kernel.Linear: nil, kernel.Relu: set.Relu, kernel.Sigmoid: set.Sigmoid, kernel.Tanh: set.Tanh}
		for _, v := range variants() {
			for flags := range 8 {
				for activation, f := range functions {
					for _, bias := range [][]float32{nil, random(v[1])} {
						rng := rand.New(rand.NewPCG(uint64(flags), 12))
						p := newProblem(rng, flags&1 > 0, flags&2 > 0, flags&4 > 0, v[0], v[1], v[2])
						g := p.g
						g.C, g.Bias, g.Activation = append([]float32{}, p.g.C...), bias, kernel.Activation(activation)
						set.Gemm(g)
						set.Gemm(p.g)
						for r := range v[0] {
							row := p.g.C[r*p.g.LDC:][:v[1]]
							if bias != nil {
								set.Add(row, row, bias)
							}
							if f != nil {
								f(row, row)
							}
						}
						if at := firstDifference(g.C, p.g.C); at >= 0 {
							t.Fatalf("%s: %v, flags %d, activation %d, bias %t: element %d is %v, apart %v",
								set.Name, v, flags, activation, bias != nil, at, g.C[at], p.g.C[at])
						}
					}
				}
			}
		}
	}
}

// firstDifference returns the first index where the bits differ, or -1. All NaNs count as one.
func firstDifference(x, y []float32) int {
	for i := range x {
		if math.Float32bits(x[i]) != math.Float32bits(y[i]) && (x[i] == x[i] || y[i] == y[i]) {
			return i
		}
	}
	return -1
}

func TestGemmRefusesWhatDoesNotFit(t *testing.T) {
	for _, set := range kernel.Sets() {
		good := kernel.Gemm{
			M: 4, N: 4, K: 4, LDA: 4, LDB: 4, LDC: 4,
			A: make([]float32, 16), B: make([]float32, 16), C: make([]float32, 16),
		}
		wrong := map[string]func(g *kernel.Gemm){
			"short A":         func(g *kernel.Gemm) { g.A = g.A[:15] },
			"short B":         func(g *kernel.Gemm) { g.B = g.B[:15] },
			"short C":         func(g *kernel.Gemm) { g.C = g.C[:15] },
			"narrow stride":   func(g *kernel.Gemm) { g.LDC = 3 },
			"short bias":      func(g *kernel.Gemm) { g.Bias = make([]float32, 3) },
			"packed for N=3":  func(g *kernel.Gemm) { g.N = 3; g.Packed = set.Pack(*g); g.N = 4 },
			"packed for K=3":  func(g *kernel.Gemm) { g.K = 3; g.Packed = set.Pack(*g); g.K = 4 },
			"packing short B": func(g *kernel.Gemm) { g.B = g.B[:15]; set.Pack(*g) },
		}
		for _, other := range kernel.Sets() {
			if other.Name != set.Name {
				wrong["packed by "+other.Name] = func(g *kernel.Gemm) { g.Packed = other.Pack(*g) }
			}
		}
		set.Gemm(good)
		for name, change := range wrong {
			t.Run(fmt.Sprintf("%s/%s", set.Name, name), func(t *testing.T) {
				defer func() {
					if recover() == nil {
						t.Error("computed")
					}
				}()
				g := good
				change(&g)
				set.Gemm(g)
			})
		}
	}
}
