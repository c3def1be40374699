package linear

import (
	"context"
	"fmt"

	"recsys/graph/kernel"
	"recsys/internal/parallel"
)

// block is the number of rows and columns that are eliminated at once: products of such a depth run at the kernels'
// full speed, and the inverse of a block costs little beside them.
const block = 128

// strip is the number of rows that a worker takes at once.
const strip = 256

// Invert replaces the symmetric positive definite matrix a, [n,n] row by row, by its inverse, by Gauss-Jordan
// elimination of blocks without pivots, which such matrices do not need. The result does not depend on workers. It
// returns an error where the matrix is not positive definite, or so nearly that float32 cannot tell, and when ctx ends;
// a is in no use then.
func Invert(ctx context.Context, k *kernel.Set, workers int, a []float32, n int) error {
	if len(a) != n*n {
		return fmt.Errorf("invert: %d numbers for a matrix of %d rows", len(a), n)
	}
	var e elimination
	for from := 0; from < n; from += block {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := e.step(k, workers, a, n, from, min(from+block, n)); err != nil {
			return err
		}
	}
	return nil
}

// elimination holds the memory of its steps.
type elimination struct {
	pivot   []float64
	inverse []float32 // D, the inverse of the block on the diagonal
	across  []float32 // -D·A[block,:], zero within the block
}

// step eliminates the block of rows and columns [from,to), with D its inverse: outside of it A -= A[:,block]·D·A[block,:],
// the rows of the block become D·A[block,:], the columns -A[:,block]·D, and the block D.
func (e *elimination) step(k *kernel.Set, workers int, a []float32, n, from, to int) error {
	m := to - from
	if err := e.invertPivot(a, n, from, m); err != nil {
		return err
	}
	e.across = grow(e.across, m*n)
	k.Gemm(kernel.Gemm{M: m, N: n, K: m, A: e.inverse, B: a[from*n:], C: e.across, LDA: m, LDB: n, LDC: n})
	for i := range m {
		copy(a[(from+i)*n:(from+i+1)*n], e.across[i*n:])
		copy(a[(from+i)*n+from:], e.inverse[i*m:(i+1)*m])
		row := e.across[i*n : (i+1)*n]
		k.Scale(row, -1, row)
		clear(row[from:to])
	}
	packed := k.Pack(kernel.Gemm{N: n, K: m, B: e.across, LDB: n})
	negative := make([]float32, m*m)
	k.Scale(negative, -1, e.inverse)
	strips := (n + strip - 1) / strip
	return parallel.Do(workers, strips, func(s int) error {
		for _, r := range [2][2]int{{s * strip, min((s+1)*strip, from)}, {max(s*strip, to), min((s+1)*strip, n)}} {
			rows := r[1] - r[0]
			if rows <= 0 {
				continue
			}
			column := make([]float32, rows*m)
			for i := range rows {
				copy(column[i*m:(i+1)*m], a[(r[0]+i)*n+from:])
			}
			k.Gemm(kernel.Gemm{M: rows, N: n, K: m, A: column, Packed: packed, C: a[r[0]*n:], LDA: m, LDC: n, Accumulate: true})
			k.Gemm(kernel.Gemm{M: rows, N: m, K: m, A: column, B: negative, C: a[r[0]*n+from:], LDA: m, LDB: m, LDC: n})
		}
		return nil
	})
}

// invertPivot writes the inverse of the block of m rows that begins at from, found in float64.
func (e *elimination) invertPivot(a []float32, n, from, m int) error {
	p := grow(e.pivot, m*m)
	e.pivot, e.inverse = p, grow(e.inverse, m*m)
	for i := range m {
		for j := range m {
			p[i*m+j] = float64(a[(from+i)*n+from+j])
		}
	}
	for k := range m {
		if !(p[k*m+k] > 0) {
			return fmt.Errorf("invert: the matrix is not positive definite at row %d of %d; more regularisation makes it so", from+k, n)
		}
		d := 1 / p[k*m+k]
		p[k*m+k] = 1
		for j := range m {
			p[k*m+j] *= d
		}
		for i := range m {
			if i == k {
				continue
			}
			f := p[i*m+k]
			p[i*m+k] = 0
			for j := range m {
				p[i*m+j] -= float64(f * p[k*m+j])
			}
		}
	}
	for i, v := range p {
		e.inverse[i] = float32(v)
	}
	return nil
}

// grow returns n elements, of s if it has as many.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
