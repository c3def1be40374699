package kernel

// portableGemm adds the products of an element of C in ascending order of k, whatever the shapes: blocking changes
// the order in which elements are visited, never the bits.
func portableGemm(s *Set, g Gemm) {
	g.check("portable")
	if g.M == 0 || g.N == 0 {
		return
	}
	g.clearC()
	switch {
	case g.K == 0:
	case g.M < 4 && g.Packed == nil:
		portableFewRows(g)
	default:
		portableRows(&s.buffers, g)
	}
	g.finish(s, 0, g.M, 0, g.N)
}

// portableRows goes through a packed B two rows of A at a time.
func portableRows(buffers *pool, g Gemm) {
	size := g.K * ceil(g.N, 4) * 4
	if g.Packed != nil {
		size = 0
	}
	buf := buffers.get(2*g.K + size)
	pair, packed := buf.data[:2*g.K], buf.data[2*g.K:2*g.K+size]
	if g.Packed != nil {
		packed = g.Packed.data[g.Packed.first*g.K:]
	} else {
		packB4(packed, &g)
	}
	for i := 0; i < g.M; i += 2 {
		packA2(pair, g, i)
		for j := 0; j < g.N; j += 4 {
			portableTile(g, i, j, pair, packed[j*g.K:(j+4)*g.K])
		}
	}
	buffers.put(buf)
}

func portablePack(g Gemm) *Packed {
	p := g.newPacked("portable", g.K*ceil(g.N, 4)*4)
	packB4(p.data, &g)
	return p
}

func ceil(a, b int) int { return (a + b - 1) / b }

// packB4 writes B as panels of four columns, [N/4][K][4], with zeros beyond N.
func packB4(dst []float32, g *Gemm) {
	for j := 0; j < g.N; j += 4 {
		panel := dst[j*g.K : (j+4)*g.K]
		w := min(4, g.N-j)
		for k := range g.K {
			d := panel[4*k : 4*k+4]
			for c := range 4 {
				switch {
				case c >= w:
					d[c] = 0
				case g.TransB:
					d[c] = g.B[(j+c)*g.LDB+k]
				default:
					d[c] = g.B[k*g.LDB+j+c]
				}
			}
		}
	}
}

// packA2 writes rows i and i+1 of A as [K][2], zeros beyond M.
func packA2(dst []float32, g Gemm, i int) {
	step, next := 1, g.LDA
	at := i * g.LDA
	if g.TransA {
		step, next, at = g.LDA, 1, i
	}
	two := i+1 < g.M
	for k := range g.K {
		dst[2*k] = g.A[at]
		if two {
			dst[2*k+1] = g.A[at+next]
		} else {
			dst[2*k+1] = 0
		}
		at += step
	}
}

// portableTile computes two rows by four columns of C.
func portableTile(g Gemm, i, j int, a, b []float32) {
	var tile [8]float32
	w, h := min(4, g.N-j), min(2, g.M-i)
	for r := range h {
		copy(tile[4*r:4*r+w], g.C[(i+r)*g.LDC+j:])
	}
	c00, c01, c02, c03 := tile[0], tile[1], tile[2], tile[3]
	c10, c11, c12, c13 := tile[4], tile[5], tile[6], tile[7]
	for len(a) >= 2 && len(b) >= 4 {
		a0, a1 := a[0], a[1]
		b0, b1, b2, b3 := b[0], b[1], b[2], b[3]
		c00 += float32(a0 * b0)
		c01 += float32(a0 * b1)
		c02 += float32(a0 * b2)
		c03 += float32(a0 * b3)
		c10 += float32(a1 * b0)
		c11 += float32(a1 * b1)
		c12 += float32(a1 * b2)
		c13 += float32(a1 * b3)
		a, b = a[2:], b[4:]
	}
	tile = [8]float32{c00, c01, c02, c03, c10, c11, c12, c13}
	for r := range h {
		copy(g.C[(i+r)*g.LDC+j:(i+r)*g.LDC+j+w], tile[4*r:])
	}
}

// portableFewRows reads B in place: packing it would cost as much as the product.
func portableFewRows(g Gemm) {
	for i := range g.M {
		at, step := i*g.LDA, 1
		if g.TransA {
			at, step = i, g.LDA
		}
		c := g.C[i*g.LDC : i*g.LDC+g.N]
		if g.TransB {
			rowTimesTransposed(c, g.A[at:], step, g)
			continue
		}
		for k := range g.K {
			portableAddScaled(c, g.A[at+k*step], g.B[k*g.LDB:k*g.LDB+g.N])
		}
	}
}

// rowTimesTransposed adds a·Bᵀ to c, four rows of B at a time.
func rowTimesTransposed(c, a []float32, step int, g Gemm) {
	j := 0
	for ; j+4 <= g.N; j += 4 {
		b0, b1 := g.B[j*g.LDB:][:g.K], g.B[(j+1)*g.LDB:][:g.K]
		b2, b3 := g.B[(j+2)*g.LDB:][:g.K], g.B[(j+3)*g.LDB:][:g.K]
		s0, s1, s2, s3 := c[j], c[j+1], c[j+2], c[j+3]
		for k := range g.K {
			v := a[k*step]
			s0 += float32(v * b0[k])
			s1 += float32(v * b1[k])
			s2 += float32(v * b2[k])
			s3 += float32(v * b3[k])
		}
		c[j], c[j+1], c[j+2], c[j+3] = s0, s1, s2, s3
	}
	for ; j < g.N; j++ {
		s := c[j]
		for k := range g.K {
			s += float32(a[k*step] * g.B[j*g.LDB+k])
		}
		c[j] = s
	}
}
