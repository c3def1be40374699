//go:build amd64 || arm64

package kernel

import "unsafe"

// columnRows computes c = a·y, or c += a·y with add, for m > 0 rows a of n floats; strides are in bytes.
type columnRows func(m int, c *float32, ldc int, a *float32, lda int, y *float32, n int, add bool)

// oneColumn tells whether the right-hand side has one column, and so has not been laid out as panels.
func (g *Gemm) oneColumn() bool { return g.N == 1 && (g.Packed == nil || g.Packed.all == 1) }

// column computes a product with one column, packed or not: rows of A times a vector in the order of s.Dot, or
// its rows added up when A is transposed.
func column(s *Set, g Gemm, rows columnRows) {
	if g.Packed != nil {
		g.B, g.LDB, g.TransB, g.Packed = g.Packed.data, 1, false, nil
	}
	if g.TransA && g.M > 1 {
		columnOfRows(s, g)
		return
	}
	buf := s.buffers.get(2 * g.K)
	y := g.B
	if !g.TransB && g.LDB > 1 {
		y = strided(buf.data[:g.K], g.B, g.LDB)
	}
	if g.TransA && g.LDA > 1 {
		g.A = strided(buf.data[g.K:2*g.K], g.A, g.LDA)
	}
	rows(g.M, &g.C[0], 4*g.LDC, &g.A[0], 4*g.LDA, &y[0], g.K, g.Accumulate)
	s.buffers.put(buf)
}

// columnOf calls dot for each row.
func columnOf(dot func(n int, x, y *float32) float32) columnRows {
	return func(m int, c *float32, ldc int, a *float32, lda int, y *float32, n int, add bool) {
		for i := range m {
			to := (*float32)(unsafe.Add(unsafe.Pointer(c), i*ldc))
			v := dot(n, (*float32)(unsafe.Add(unsafe.Pointer(a), i*lda)), y)
			if add {
				v += *to
			}
			*to = v
		}
	}
}

// strided copies every step-th element of src.
func strided(dst, src []float32, step int) []float32 {
	for k := range dst {
		dst[k] = src[k*step]
	}
	return dst
}

// columnOfRows computes the column C = Aᵀ·B as the row Cᵀ = Bᵀ·A.
func columnOfRows(s *Set, g Gemm) {
	buf := s.buffers.get(g.M)
	row := Gemm{
		TransA: !g.TransB, M: 1, N: g.M, K: g.K,
		A: g.B, LDA: g.LDB, B: g.A, LDB: g.LDA, C: buf.data[:g.M], LDC: g.M,
	}
	s.Gemm(row)
	for i, v := range row.C {
		if g.Accumulate {
			v += g.C[i*g.LDC]
		}
		g.C[i*g.LDC] = v
	}
	s.buffers.put(buf)
}

// packColumn lays a right-hand side of one column out as it is.
func packColumn(g Gemm, layout string) *Packed {
	p := g.newPacked(layout, g.K)
	if g.TransB {
		copy(p.data, g.B)
	} else {
		strided(p.data, g.B, g.LDB)
	}
	return p
}
