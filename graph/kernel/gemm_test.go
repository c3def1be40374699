package kernel_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"recsys/graph/kernel"
)

// guard marks floats that no kernel may touch.
const guard = -12345.5

// problem is a random product inside guarded, misaligned memory with gaps between rows.
type problem struct {
	g    kernel.Gemm
	from int // where C begins in room
	room []float32
	old  []float32
}

func newProblem(rng *rand.Rand, transA, transB, accumulate bool, m, n, k int) *problem {
	p := &problem{g: kernel.Gemm{TransA: transA, TransB: transB, M: m, N: n, K: k, Accumulate: accumulate}}
	matrix := func(trans bool, rows, cols int) ([]float32, int) {
		if trans {
			rows, cols = cols, rows
		}
		stride := cols + rng.IntN(3)*rng.IntN(5)
		data := make([]float32, rows*stride+3)
		for i := range data {
			data[i] = float32(math.NaN()) // what lies between rows must not be used
		}
		shift := rng.IntN(4)
		for r := range rows {
			for c := range cols {
				data[min(shift+r*stride+c, len(data)-1)] = 2*rng.Float32() - 1
			}
		}
		if rows == 0 || cols == 0 {
			return nil, stride
		}
		return data[shift : shift+(rows-1)*stride+cols], stride
	}
	p.g.A, p.g.LDA = matrix(transA, m, k)
	p.g.B, p.g.LDB = matrix(transB, k, n)
	p.g.LDC = n + rng.IntN(3)*rng.IntN(5)
	p.from = 40 + rng.IntN(4)
	p.room = make([]float32, p.from+m*p.g.LDC+40)
	for i := range p.room {
		p.room[i] = guard
	}
	p.g.C = p.room[p.from : p.from+m*p.g.LDC]
	for r := range m {
		for c := range n {
			p.g.C[r*p.g.LDC+c] = 2*rng.Float32() - 1
		}
	}
	p.old = append([]float32{}, p.room...)
	return p
}

// check compares C with a sum in float64. A sum of k products in [-1,1] has an error below k·2^-24·k in any order.
func (p *problem) check() error {
	g := p.g
	at := func(x []float32, ld int, trans bool, r, c int) float64 {
		if trans {
			r, c = c, r
		}
		return float64(x[r*ld+c])
	}
	bound := float64(g.K+1) * float64(g.K+1) * 0x1p-24
	inside := map[int]bool{}
	for r := range g.M {
		for c := range g.N {
			want := 0.0
			if g.Accumulate {
				want = float64(p.old[p.from+r*g.LDC+c])
			}
			for k := range g.K {
				want += at(g.A, g.LDA, g.TransA, r, k) * at(g.B, g.LDB, g.TransB, k, c)
			}
			inside[p.from+r*g.LDC+c] = true
			if got := float64(g.C[r*g.LDC+c]); !(math.Abs(got-want) <= bound) {
				return fmt.Errorf("C[%d,%d] is %v, want %v", r, c, got, want)
			}
		}
	}
	for i, v := range p.room {
		if !inside[i] && v != guard {
			return fmt.Errorf("element %d outside of C was written: %v", i-p.from, v)
		}
	}
	return nil
}

func TestGemmAgreesWithFloat64(t *testing.T) {
	for _, set := range kernel.Sets() {
		t.Run(set.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				size := rapid.OneOf(rapid.IntRange(0, 20), rapid.SampledFrom([]int{31, 32, 48, 64, 65, 120, 121, 130}))
				deep := rapid.OneOf(rapid.IntRange(0, 20), rapid.SampledFrom([]int{64, 255, 256, 257, 300, 520}))
				m, n, k := size.Draw(t, "m"), size.Draw(t, "n"), deep.Draw(t, "k")
				flags := rapid.IntRange(0, 7).Draw(t, "flags")
				rng := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
				p := newProblem(rng, flags&1 > 0, flags&2 > 0, flags&4 > 0, m, n, k)
				set.Gemm(p.g)
				if err := p.check(); err != nil {
					t.Fatalf("%v (strides %d, %d, %d)", err, p.g.LDA, p.g.LDB, p.g.LDC)
				}
			})
		})
	}
}

// TestGemmLarge crosses every border of blocks.
func TestGemmLarge(t *testing.T) {
	for _, set := range kernel.Sets() {
		for flags := range 8 {
			rng := rand.New(rand.NewPCG(uint64(flags), 1))
			p := newProblem(rng, flags&1 > 0, flags&2 > 0, flags&4 > 0, 127, 531, 259)
			set.Gemm(p.g)
			if err := p.check(); err != nil {
				t.Errorf("%s, flags %d: %v", set.Name, flags, err)
			}
		}
	}
}

// TestGemmWideRow takes the way of products with one row.
func TestGemmWideRow(t *testing.T) {
	for _, set := range kernel.Sets() {
		for flags := range 8 {
			for _, n := range []int{2048, 2049, 4103, 5000} {
				for _, k := range []int{1, 7, 259} {
					p := newProblem(rand.New(rand.NewPCG(uint64(flags), 3)), flags&1 > 0, flags&2 > 0, flags&4 > 0, 1, n, k)
					set.Gemm(p.g)
					if err := p.check(); err != nil {
						t.Errorf("%s, flags %d, N=%d K=%d: %v", set.Name, flags, n, k, err)
					}
				}
			}
		}
	}
}

// TestGemmRowsAreIndependent: the rows of a batch have the same bits as each row alone, and so have both forms of a
// transposed matrix.
func TestGemmRowsAreIndependent(t *testing.T) {
	for _, set := range kernel.Sets() {
		for _, n := range []int{1, 2, 8, 9, 33, 64, 70, 530, 2051} {
			rng := rand.New(rand.NewPCG(uint64(n), 2))
			m, k := 29, 300
			p := newProblem(rng, false, false, false, m, n, k)
			set.Gemm(p.g)
			for first := 0; first < m; first += 4 {
				rows := min(4, m-first) // the last part is one row
				part := p.g
				part.M, part.A, part.LDC = rows, p.g.A[first*p.g.LDA:], n
				part.C = make([]float32, rows*n)
				set.Gemm(part)
				turned := part
				turned.TransB, turned.B, turned.LDB = true, transposed(p.g.B, k, n, p.g.LDB), k
				turned.C = make([]float32, rows*n)
				set.Gemm(turned)
				for r := range rows {
					for c := range n {
						want := p.g.C[(first+r)*p.g.LDC+c]
						if got := part.C[r*n+c]; got != want {
							t.Fatalf("%s: N=%d row %d column %d is %v in a part, %v in the whole", set.Name, n, first+r, c, got, want)
						}
						if got := turned.C[r*n+c]; got != want {
							t.Fatalf("%s: N=%d row %d column %d is %v with TransB, %v without", set.Name, n, first+r, c, got, want)
						}
					}
				}
			}
		}
	}
}

func transposed(x []float32, rows, cols, stride int) []float32 {
	y := make([]float32, rows*cols)
	for r := range rows {
		for c := range cols {
			y[c*rows+r] = x[r*stride+c]
		}
	}
	return y
}

// TestGemmSpecialValues: NaN and infinity reach exactly the elements that depend on them.
func TestGemmSpecialValues(t *testing.T) {
	for _, set := range kernel.Sets() {
		for _, n := range []int{1, 7, 16, 40} {
			m, k := 9, 20
			a, b, c := random(m*k), random(k*n), make([]float32, m*n)
			a[3*k+2] = float32(math.NaN())
			a[5*k+1] = float32(math.Inf(1))
			set.Gemm(kernel.Gemm{M: m, N: n, K: k, A: a, B: b, C: c, LDA: k, LDB: n, LDC: n})
			for i, v := range c {
				row := i / n
				if math.IsNaN(float64(v)) != (row == 3) || math.IsInf(float64(v), 1) != (row == 5) {
					t.Errorf("%s: N=%d row %d holds %v", set.Name, n, row, v)
				}
			}
		}
	}
}
