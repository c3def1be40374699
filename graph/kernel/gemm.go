package kernel

import "fmt"

// Gemm is one row-major matrix product. A is [M,K], or [K,M] with TransA; B is [K,N], or [N,K] with TransB; C is
// [M,N]. LDA, LDB and LDC are the row strides in elements. C must not overlap A or B.
//
// Every element of C is computed from its row of A and its column of B in the same order whatever M, N and the
// other rows and columns are: a batch gives the same bits as its parts. (Best keeps the promise for N > 1 and N = 1
// apart.) With K = 0 the product is zero.
type Gemm struct {
	TransA, TransB bool
	M, N, K        int
	A, B, C        []float32
	LDA, LDB, LDC  int
	Accumulate     bool
}

// check panics when the matrices do not fit into their slices: the callers' shapes are broken then.
func (g *Gemm) check() {
	rowsA, colsA := g.M, g.K
	if g.TransA {
		rowsA, colsA = g.K, g.M
	}
	rowsB, colsB := g.K, g.N
	if g.TransB {
		rowsB, colsB = g.N, g.K
	}
	if g.M < 0 || g.N < 0 || g.K < 0 ||
		!fits(rowsA, colsA, g.LDA, len(g.A)) || !fits(rowsB, colsB, g.LDB, len(g.B)) || !fits(g.M, g.N, g.LDC, len(g.C)) {
		panic(fmt.Sprintf("kernel: gemm of M=%d N=%d K=%d with strides %d, %d, %d does not fit into %d, %d, %d elements",
			g.M, g.N, g.K, g.LDA, g.LDB, g.LDC, len(g.A), len(g.B), len(g.C)))
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
