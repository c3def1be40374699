//go:build amd64 || arm64

package kernel

// pack lays B out as blocks of k, each with all its panels; a column as it is.
func (f *panels) pack(g Gemm) *Packed {
	if g.N == 1 {
		return packColumn(g, f.name)
	}
	p := g.newPacked(f.name, g.K*ceil(g.N, tileCols)*tileCols)
	w := panelWork{Gemm: g, panels: f}
	for w.k = 0; w.k < g.K; w.k += blockK {
		w.kc = min(blockK, g.K-w.k)
		w.packColumns(p.data[w.k*ceil(g.N, tileCols)*tileCols:], 0, g.N)
	}
	return p
}

// packColumns writes n columns of B from column j on as panels.
func (w *panelWork) packColumns(dst []float32, j, n int) {
	p := 0
	if whole := n / tileCols; !w.TransB && whole > 0 {
		for k := range w.kc {
			w.deal(whole, &dst[k*tileCols], 4*tileCols*w.kc, &w.B[(w.k+k)*w.LDB+j])
		}
		p = whole * tileCols
	}
	for ; p < n; p += tileCols {
		w.packPanel(dst[p*w.kc:], j+p, min(tileCols, n-p))
	}
}

// packPanel writes columns j to j+width of B as [kc][8 or 16]. What stands beyond the width is never used.
func (w *panelWork) packPanel(dst []float32, j, width int) {
	cols := panelCols(width)
	switch {
	case w.TransB:
		w.packTransposed(dst, j, width, cols)
	case width == tileCols/2:
		w.copy8(w.kc, &dst[0], &w.B[w.k*w.LDB+j], 4*w.LDB)
	default:
		for k := range w.kc {
			copy(dst[k*cols:], w.B[(w.k+k)*w.LDB+j:][:width])
		}
	}
}

// packTransposed is packPanel for B stored as [N,K].
func (w *panelWork) packTransposed(dst []float32, j, width, cols int) {
	if width < 8 {
		for c := range width {
			for k, v := range w.B[(j+c)*w.LDB+w.k:][:w.kc] {
				dst[k*cols+c] = v
			}
		}
		return
	}
	for c := 0; ; c += 8 {
		c = min(c, width-8) // the last eight may overlap the ones before
		src := w.B[(j+c)*w.LDB+w.k:]
		whole := w.kc / 8
		if whole > 0 {
			w.turn(whole, &dst[c], 4*cols, &src[0], 4*w.LDB)
		}
		for k := 8 * whole; k < w.kc; k++ {
			for x := range 8 {
				dst[k*cols+c+x] = src[x*w.LDB+k]
			}
		}
		if c+8 == width {
			return
		}
	}
}

// packBlock writes m rows of the transposed A from row i on as panels of [kc][height].
func (w *panelWork) packBlock(i, m int) {
	for r := 0; r < m; {
		h := height(m - r)
		dst := w.packA[r*w.kc : (r+h)*w.kc]
		if h == tileRows {
			w.copy6(w.kc, &dst[0], &w.A[w.k*w.LDA+i+r], 4*w.LDA)
		} else {
			for k := range w.kc {
				copy(dst[k*h:(k+1)*h], w.A[(w.k+k)*w.LDA+i+r:])
			}
		}
		r += h
	}
}
