package kernel

import "fmt"

// Gemm is one row-major matrix product: C = f(op(A)·op(B) + Bias), or f(C + op(A)·op(B) + Bias) with Accumulate. A is
// [M,K], or [K,M] with TransA; B is [K,N], or [N,K] with TransB; C is [M,N]. LDA, LDB and LDC are the row strides in
// elements. C must not overlap the others.
//
// Every element of C is computed from its row of A and its column of B in the same order whatever M, N and the
// other rows and columns are: a batch gives the same bits as its parts. (Best keeps the promise for N > 1 and N = 1
// apart.) With K = 0 the product is zero. Packed, Bias and Activation give the same bits as B, [Set.Add] to every row
// and the function of the set would.
type Gemm struct {
	TransA, TransB bool
	M, N, K        int
	A, B, C        []float32
	LDA, LDB, LDC  int
	Accumulate     bool
	// Packed, from [Set.Pack] of the same set, is op(B): B, LDB and TransB do not matter then.
	Packed *Packed
	// Bias, [N], is added to every row; nil means none.
	Bias []float32
	// Activation is f.
	Activation Activation
}

// Activation is the function that a product ends with.
type Activation uint8

// The activations; Linear means none.
const (
	Linear Activation = iota
	Relu
	Sigmoid
	Tanh
)

// Packed is a right-hand side laid out for one [Set]. It is immutable: safe for concurrent use.
type Packed struct {
	layout     string // the set's name
	n, k       int
	first, all int // the n columns begin at the first of all in data
	data       []float32
}

// PackedStep is what the first column of a part of [Packed] must be a multiple of.
const PackedStep = 32

// Columns returns columns from to to-1 of p, as N = to-from columns for products that give the bits of the whole: so
// one row can be split over processors. Both must be multiples of [PackedStep]; to may be N instead. It copies nothing.
func (p *Packed) Columns(from, to int) *Packed {
	if from < 0 || to < from || to > p.n || from%PackedStep != 0 || to%PackedStep != 0 && to != p.n {
		panic(fmt.Sprintf("kernel: columns %d to %d of a packed right-hand side of %d", from, to, p.n))
	}
	part := *p
	part.n, part.first = to-from, p.first+from
	return &part
}

// newPacked returns the frame of op(B) and n floats to fill.
func (g *Gemm) newPacked(layout string, n int) *Packed {
	g.checkB()
	return &Packed{layout: layout, n: g.N, k: g.K, all: g.N, data: make([]float32, n)}
}

// check panics when the matrices do not fit into their slices: the callers' shapes are broken then.
func (g *Gemm) check(layout string) {
	rowsA, colsA := g.M, g.K
	if g.TransA {
		rowsA, colsA = g.K, g.M
	}
	if g.M < 0 || g.N < 0 || g.K < 0 || !fits(rowsA, colsA, g.LDA, len(g.A)) || !fits(g.M, g.N, g.LDC, len(g.C)) {
		panic(fmt.Sprintf("kernel: gemm of M=%d N=%d K=%d with strides %d and %d does not fit into %d and %d elements",
			g.M, g.N, g.K, g.LDA, g.LDC, len(g.A), len(g.C)))
	}
	if g.Bias != nil && len(g.Bias) != g.N {
		panic(fmt.Sprintf("kernel: gemm of N=%d has a bias of %d elements", g.N, len(g.Bias)))
	}
	if g.Packed == nil {
		g.checkB()
		return
	}
	if p := g.Packed; p.layout != layout || p.n != g.N || p.k != g.K {
		panic(fmt.Sprintf("kernel: gemm of N=%d K=%d by %s has a right-hand side packed for N=%d K=%d by %s",
			g.N, g.K, layout, p.n, p.k, p.layout))
	}
}

func (g *Gemm) checkB() {
	rows, cols := g.K, g.N
	if g.TransB {
		rows, cols = g.N, g.K
	}
	if g.N < 0 || g.K < 0 || !fits(rows, cols, g.LDB, len(g.B)) {
		panic(fmt.Sprintf("kernel: gemm of N=%d K=%d with a stride of %d does not fit into %d elements", g.N, g.K, g.LDB, len(g.B)))
	}
}

func fits(rows, cols, stride, have int) bool {
	return rows == 0 || cols == 0 || stride >= cols && (rows-1)*stride+cols <= have
}

// clearC zeroes C unless the product is added to it.
func (g *Gemm) clearC() {
	if g.Accumulate {
		return
	}
	for i := range g.M {
		clear(g.C[i*g.LDC : i*g.LDC+g.N])
	}
}

// finish applies bias and activation to m rows by n columns of C from (i,j) on.
func (g *Gemm) finish(s *Set, i, m, j, n int) {
	activation := s.activation(g.Activation)
	if g.Bias == nil && activation == nil {
		return
	}
	for r := i; r < i+m; r++ {
		c := g.C[r*g.LDC+j:][:n]
		if g.Bias != nil {
			s.Add(c, c, g.Bias[j:j+n])
		}
		if activation != nil {
			activation(c, c)
		}
	}
}

// activation returns the set's function, nil for Linear.
func (s *Set) activation(a Activation) func(y, x []float32) {
	switch a {
	case Relu:
		return s.Relu
	case Sigmoid:
		return s.Sigmoid
	case Tanh:
		return s.Tanh
	case Linear:
	}
	return nil
}
