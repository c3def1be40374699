//go:build amd64 || arm64

package kernel

import "unsafe"

const (
	tileRows  = 6
	tileCols  = 16
	blockK    = 256 // a panel of B, 256x16 floats, fills half of a first-level cache of 32 KiB
	blockRows = 120 // a block of A, 120x256 floats, stays in the second-level cache
	blockCols = 512 // packed columns of B: 512 KiB at most
	// streamCols is the width from which a product with one row reads B row by row, as many columns at a time.
	streamCols = 2048
)

// tile computes C = A·B, or C += A·B with add, for its rows and columns and kc > 0; strides are in bytes. Element (i,k) of A
// is at a + i*ars + k*aks bytes.
type tile func(kc int, a *float32, ars, aks int, b *float32, bks int, c *float32, ldc int, add bool)

// wideTile is a tile of several panels of B.
type wideTile func(kc int, a *float32, ars, aks int, b *float32, bks, panel int, c *float32, ldc int, add bool)

// panels is what a set has for products by tiles of up to 6 rows and 16 columns, from panels of 16 columns of B, the last
// of 8 where that is enough.
type panels struct {
	name string
	// tiles are of 1 to 6 rows, by 8 and by 16 columns.
	tiles [2][tileRows]tile
	// wide are the tiles of one row and 64 columns, and of two rows and 32; 16 of them each are panel bytes after the 16 before.
	wide [2]wideTile
	// copy8 and copy6 copy n > 0 rows of so many floats, stride bytes apart, into adjacent memory.
	copy8, copy6 func(n int, dst, src *float32, stride int)
	// deal copies 16 floats each to places step bytes apart, for panels > 0.
	deal func(panels int, dst *float32, step int, src *float32)
	// turn writes 8 rows of 8n floats, n > 0, stride bytes apart, as 8n rows of 8 floats, step bytes apart.
	turn func(n int, dst *float32, step int, src *float32, stride int)
	// row4 and row1 add a·b to c for so many rows of b, ldb bytes apart, in order, and 8n columns, n > 0.
	row4, row1 func(n int, c, a, b *float32, ldb int)
	column     columnRows
}

// install makes the products of s those of f.
func (f *panels) install(s *Set) {
	s.Name, s.Pack = f.name, f.pack
	s.Gemm = func(g Gemm) { f.gemm(s, g) }
}

// gemm computes every element of C as one chain of fused multiply-adds over k, broken only between blocks of
// blockK, whose results are added in order: the same bits whatever the tile that the element falls into.
func (f *panels) gemm(s *Set, g Gemm) {
	g.check(f.name)
	if g.M == 0 || g.N == 0 {
		return
	}
	if g.K > 0 && !g.oneColumn() && !wideRow(&g) {
		f.blocks(s, g)
		return
	}
	f.product(s, g)
	g.finish(s, 0, g.M, 0, g.N)
}

// product computes a product without bias and activation.
func (f *panels) product(s *Set, g Gemm) {
	switch {
	case g.K == 0:
		g.clearC()
	case g.oneColumn():
		g.Bias, g.Activation = nil, Linear
		column(s, g, f.column)
	case wideRow(&g):
		f.row(s, g)
	default:
		g.Bias, g.Activation = nil, Linear
		f.blocks(s, g)
	}
}

// wideRow tells the products that read B row by row.
func wideRow(g *Gemm) bool {
	return g.M == 1 && g.N >= streamCols && g.Packed == nil && !g.TransB && (g.LDA == 1 || !g.TransA)
}

// blocks computes C block by block. B is read in place when it is so few times that packing does not pay.
func (f *panels) blocks(s *Set, g Gemm) {
	direct := !g.TransB && g.M <= 2*tileRows && g.Packed == nil
	sizeB := blockK * tileCols
	if !direct {
		sizeB = min(blockK, g.K) * min(blockCols, ceil(g.N, tileCols)*tileCols)
	}
	sizeA := 0
	if g.TransA && g.N > 2*tileCols {
		sizeA = min(blockK, g.K) * min(blockRows, ceil(g.M, tileRows)*tileRows)
	}
	buf := s.buffers.get(sizeB + sizeA + tileRows*tileCols)
	w := panelWork{Gemm: g, panels: f, set: s, direct: direct, packB: buf.data[:sizeB], packA: buf.data[sizeB : sizeB+sizeA]}
	w.scratch = (*[tileRows * tileCols]float32)(buf.data[sizeB+sizeA:])
	for k := 0; k < g.K; k += blockK {
		w.k, w.kc, w.add = k, min(blockK, g.K-k), g.Accumulate || k > 0
		for j := 0; j < g.N; j += blockCols {
			w.columns(j, min(blockCols, g.N-j))
		}
	}
	s.buffers.put(buf)
}

// panelWork is one product under way: the block of k that is being added.
type panelWork struct {
	Gemm
	*panels
	set          *Set
	direct       bool
	packB, packA []float32
	scratch      *[tileRows * tileCols]float32
	k, kc        int
	add          bool
}

// columns computes n columns of C from column j on.
func (w *panelWork) columns(j, n int) {
	rest := n % tileCols
	switch {
	case w.Packed != nil:
		w.packB = w.Packed.data[w.k*ceil(w.Packed.all, tileCols)*tileCols+(w.Packed.first+j)*w.kc:]
	case !w.direct:
		w.packColumns(w.packB, j, n)
	case rest > 0:
		w.packPanel(w.packB, j+n-rest, rest)
	}
	for i := 0; i < w.M; i += blockRows {
		w.block(i, min(blockRows, w.M-i), j, n)
	}
}

// block computes m rows by n columns of C from (i,j) on.
func (w *panelWork) block(i, m, j, n int) {
	if len(w.packA) > 0 {
		w.packBlock(i, m)
	}
	for p := 0; p < n; {
		width := min(tileCols, n-p)
		b, bks := unsafe.SliceData(w.packB[p*w.kc*b2i(!w.direct):]), 4*panelCols(width)
		if w.direct && width == tileCols {
			b, bks = &w.B[w.k*w.LDB+j+p], 4*w.LDB
		}
		if wide := wideCols(m); m <= 2 && n-p >= wide {
			width = wide
		}
		for r := 0; r < m; {
			h := height(m - r)
			w.tile(i+r, h, r, j+p, width, b, bks)
			r += h
		}
		p += width
	}
	if w.k+w.kc == w.K {
		w.finish(w.set, i, m, j, n)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// wideCols is the width of the tile for one or two rows.
func wideCols(m int) int { return 64 / m }

// panelCols is the width of the tile that covers width columns.
func panelCols(width int) int {
	if width <= tileCols/2 {
		return tileCols / 2
	}
	return max(width, tileCols)
}

// height cuts rows into tiles: the last two of about the same height.
func height(rest int) int {
	if rest > tileRows && rest < 2*tileRows {
		return (rest + 1) / 2
	}
	return min(rest, tileRows)
}

// tile computes h rows by width columns of C at (i,j). The block's packed rows begin at packed row r.
func (w *panelWork) tile(i, h, r, j, width int, b *float32, bks int) {
	var a *float32
	var ars, aks int
	switch {
	case len(w.packA) > 0:
		a, ars, aks = &w.packA[r*w.kc], 4, 4*h
	case w.TransA:
		a, ars, aks = &w.A[w.k*w.LDA+i], 4, 4*w.LDA
	default:
		a, ars, aks = &w.A[i*w.LDA+w.k], 4*w.LDA, 4
	}
	if width > tileCols {
		panel := 4 * tileCols
		if !w.direct {
			panel *= w.kc
		}
		w.wide[h-1](w.kc, a, ars, aks, b, bks, panel, &w.C[i*w.LDC+j], 4*w.LDC, w.add)
		return
	}
	cols := panelCols(width)
	f := w.tiles[cols/8-1][h-1]
	if width == cols {
		f(w.kc, a, ars, aks, b, bks, &w.C[i*w.LDC+j], 4*w.LDC, w.add)
		return
	}
	f(w.kc, a, ars, aks, b, bks, &w.scratch[0], 4*cols, false)
	for x := range h {
		from, to := w.scratch[x*cols:x*cols+width], w.C[(i+x)*w.LDC+j:][:width]
		if !w.add {
			copy(to, from)
			continue
		}
		for c, v := range from {
			to[c] += v
		}
	}
}

// row computes a wide row of C from few rows of B at a time. The last columns go the general way.
func (f *panels) row(s *Set, g Gemm) {
	last := (g.N - 8) / 8 * 8
	buf := s.buffers.get(streamCols)
	for k := 0; k < g.K; k += blockK {
		a := g.A[k : k+min(blockK, g.K-k)]
		for j := 0; j < last; j += streamCols {
			c := g.C[j:min(j+streamCols, last)]
			sum := c
			if g.Accumulate || k > 0 {
				sum = buf.data[:len(c)]
			}
			clear(sum)
			f.rowBlock(sum, a, g.B[k*g.LDB+j:], g.LDB)
			if g.Accumulate || k > 0 {
				s.Add(c, c, sum)
			}
		}
	}
	s.buffers.put(buf)
	g.N, g.B, g.C = g.N-last, g.B[last:], g.C[last:]
	f.product(s, g)
}

// rowBlock adds a·b to c, for each element in ascending order of k by fused multiply-add.
func (f *panels) rowBlock(c, a, b []float32, ldb int) {
	k := 0
	for ; k+4 <= len(a); k += 4 {
		f.row4(len(c)/8, &c[0], &a[k], &b[k*ldb], 4*ldb)
	}
	for ; k < len(a); k++ {
		f.row1(len(c)/8, &c[0], &a[k], &b[k*ldb], 4*ldb)
	}
}
