package kernel

import (
	"math/bits"
	"unsafe"
)

const (
	tileRows512  = 14 // with two vectors of columns: 28 accumulators of 32 registers
	tileCols512  = 32
	blockK512    = 256              // a panel of B, 256x32 floats, fills two thirds of a first-level cache of 48 KiB
	blockRows512 = 24 * tileRows512 // a block of A, 336x256 floats, stays in a second-level cache of 1 MiB
	blockCols512 = 1024             // packed columns of B: 1 MiB at most
	// few512 is the number of rows up to which B is read in place: packing it would cost too much of the product.
	few512 = 2 * tileRows512
	// row512Cols is the width from which one row times a B that is not packed goes row by row of B, as many columns
	// of C at a time: they stay in the first-level cache.
	row512Cols = 2048
	// rowsTransposed512 is the number of rows up to which a transposed B is turned in registers.
	rowsTransposed512 = 8
)

// avx512Tile says what a tile computes: C = A·B for kc > 0. Element (i,k) of A is at a + i*ars + k*aks bytes; the
// columns of row k of B are at b + k*bks, those from 32 on a panel further for each 32.
type avx512Tile struct {
	kc       int
	a        *float32
	ars, aks int
	b        *float32
	bks      int
	panel    int
	c        *float32
	ldc      int      // bytes
	mask     int      // the columns of the last vector
	add      int      // 1: C is added
	bias     *float32 // added when not nil
	relu     int      // 1: the result is max(0, x)
}

// avx512Gemm computes every element of C as one chain of fused multiply-adds over k, broken only between blocks of
// blockK512, whose results are added in order: the same bits whatever the tile that the element falls into.
func avx512Gemm(s *Set, g Gemm) {
	g.check("avx512")
	switch {
	case g.M == 0 || g.N == 0:
	case g.K == 0:
		g.clearC()
		g.finish(s, 0, g.M, 0, g.N)
	case g.oneColumn():
		column(s, g, avx512Column)
		g.finish(s, 0, g.M, 0, 1)
	case g.M == 1 && g.N >= row512Cols && g.Packed == nil && !g.TransB && (g.LDA == 1 || !g.TransA):
		avx512Row(s, g)
		g.finish(s, 0, 1, 0, g.N)
	case g.TransB && g.Packed == nil && g.M <= rowsTransposed512 && g.N >= 2*tileCols512 && (!g.TransA || g.M == 1 && g.LDA == 1):
		avx512RowsTransposed(s, g)
	default:
		avx512Blocks(s, g)
	}
}

// avx512Work is one product under way.
type avx512Work struct {
	Gemm
	set          *Set
	direct       bool // B is read in place
	packB, packA []float32
	k, kc        int // the block of k
	tile         avx512Tile
}

func avx512Blocks(s *Set, g Gemm) {
	w := avx512Work{Gemm: g, set: s, direct: !g.TransB && g.M <= few512 && g.Packed == nil}
	sizeB, sizeA := 0, 0
	if !w.direct && g.Packed == nil {
		sizeB = min(blockK512, g.K) * min(blockCols512, panels512(g.N))
	}
	if w.packsA() {
		sizeA = min(blockK512, g.K) * 16 * ceil(min(blockRows512, g.M), tileRows512)
	}
	buf := s.buffers.get(sizeB + sizeA)
	w.packB, w.packA = buf.data[:sizeB], buf.data[sizeB:sizeB+sizeA]
	for ; w.k < g.K; w.k += blockK512 {
		w.kc = min(blockK512, g.K-w.k)
		for j := 0; j < g.N; j += blockCols512 {
			w.columns(j, min(blockCols512, g.N-j))
		}
	}
	s.buffers.put(buf)
}

// packsA tells whether A is laid out anew: a transposed one that is read several times, and one whose rows would
// displace each other from the first-level cache.
func (w *avx512Work) packsA() bool {
	if w.TransA {
		return w.N > 2*tileCols512 && w.M > 2
	}
	return w.LDA%1024 == 0 && w.N > 2*tileCols512 && w.M > 8
}

// panels512 is the number of columns that n take packed: whole panels, the last of them half where that is enough.
func panels512(n int) int { return ceil(n, tileCols512/2) * (tileCols512 / 2) }

// columns computes n columns of C from column j on.
func (w *avx512Work) columns(j, n int) {
	switch {
	case w.Packed != nil:
		w.packB = w.Packed.data[w.k*panels512(w.Packed.all)+(w.Packed.first+j)*w.kc:]
	case !w.direct:
		avx512PackColumns(w.packB, &w.Gemm, w.k, w.kc, j, n)
	}
	for i := 0; i < w.M; i += blockRows512 {
		w.block(i, min(blockRows512, w.M-i), j, n)
	}
}

// block computes m rows by n columns of C from (i,j) on.
func (w *avx512Work) block(i, m, j, n int) {
	if len(w.packA) > 0 {
		w.packBlock(i, m)
	}
	t := &w.tile
	t.kc, t.ldc, t.add, t.relu = w.kc, 4*w.LDC, 0, 0
	if w.Accumulate || w.k > 0 {
		t.add = 1
	}
	last := w.k+w.kc == w.K
	if last && w.Activation == Relu {
		t.relu = 1
	}
	for p := 0; p < n; {
		width := wide512(m, n-p)
		size := bits.Len(uint(width-1) / 16)
		t.mask = 1<<((width-1)%16+1) - 1
		if w.direct {
			t.b, t.bks, t.panel = &w.B[w.k*w.LDB+j+p], 4*w.LDB, 4*tileCols512
		} else {
			t.b, t.bks, t.panel = &w.packB[p*w.kc], 4*min(tileCols512, panels512(n-p)), 4*tileCols512*w.kc
		}
		if last && w.Bias != nil {
			t.bias = &w.Bias[j+p]
		}
		w.rows(i, m, j+p, size)
		p += width
	}
	if last && w.Activation > Relu {
		activation := w.set.activation(w.Activation)
		for r := i; r < i+m; r++ {
			c := w.C[r*w.LDC+j:][:n]
			activation(c, c)
		}
	}
}

// wide512 is the width of the next tile where n columns are left: few rows need more columns to keep the processor's
// multipliers busy.
func wide512(m, n int) int {
	if m <= 3 && n >= 4*tileCols512 {
		return 4 * tileCols512
	}
	if m <= 6 && n >= 2*tileCols512 {
		return 2 * tileCols512
	}
	return min(n, tileCols512)
}

// rows computes m rows of C from row i on, at column j, by tiles of 16<<size columns.
func (w *avx512Work) rows(i, m, j, size int) {
	t := &w.tile
	for r, panel := 0, 0; r < m; panel++ {
		h := height512(m - r)
		switch {
		case len(w.packA) > 0:
			t.a, t.ars, t.aks = &w.packA[panel*16*w.kc], 4, 64
		case w.TransA:
			t.a, t.ars, t.aks = &w.A[w.k*w.LDA+i+r], 4, 4*w.LDA
		default:
			t.a, t.ars, t.aks = &w.A[(i+r)*w.LDA+w.k], 4*w.LDA, 4
		}
		t.c = &w.C[(i+r)*w.LDC+j]
		avx512Multiply(h, size, t)
		r += h
	}
}

// height512 cuts rows into tiles: the last two of about the same height.
func height512(rest int) int {
	if rest > tileRows512 && rest < 2*tileRows512 {
		return (rest + 1) / 2
	}
	return min(rest, tileRows512)
}

// packBlock writes m rows of A from row i on as panels of [kc][16], as high as their tiles.
func (w *avx512Work) packBlock(i, m int) {
	for r, panel := 0, 0; r < m; panel++ {
		h := height512(m - r)
		dst := w.packA[panel*16*w.kc : (panel+1)*16*w.kc]
		if w.TransA {
			avx512Copy(w.kc, &dst[0], 64, &w.A[w.k*w.LDA+i+r], 4*w.LDA, h)
		} else {
			avx512PackTransposed(dst, 16, w.A[(i+r)*w.LDA+w.k:], w.LDA, h, w.kc)
		}
		r += h
	}
}

// avx512Pack lays B out as blocks of k, each with all its panels; a column as it is.
func avx512Pack(g Gemm) *Packed {
	if g.N == 1 {
		return packColumn(g, "avx512")
	}
	p := g.newPacked("avx512", g.K*panels512(g.N))
	for k := 0; k < g.K; k += blockK512 {
		avx512PackColumns(p.data[k*panels512(g.N):], &g, k, min(blockK512, g.K-k), 0, g.N)
	}
	return p
}

// avx512PackColumns writes n columns of op(B) from column j and kc rows from row k on as panels of [kc][32], the last
// one of [kc][16] where that is enough, with zeros behind the columns.
func avx512PackColumns(dst []float32, g *Gemm, k, kc, j, n int) {
	if g.TransB {
		for c := 0; c < n; c += 16 {
			panel := c / tileCols512 * tileCols512
			cols := min(tileCols512, panels512(n-panel))
			avx512PackTransposed(dst[panel*kc+c-panel:], cols, g.B[(j+c)*g.LDB+k:], g.LDB, min(16, n-c), kc)
		}
		return
	}
	for p := 0; p < n; p += tileCols512 {
		cols := min(tileCols512, panels512(n-p))
		avx512Copy(kc, &dst[p*kc], 4*cols, &g.B[k*g.LDB+j+p], 4*g.LDB, min(cols, n-p))
	}
}

// avx512PackTransposed writes up to 16 rows of n floats as n rows of 16, step apart, zeros behind the given.
func avx512PackTransposed(dst []float32, step int, src []float32, stride, rows, n int) {
	c := 0
	if whole := n / 16; rows == 16 && whole > 0 {
		avx512Transpose16(whole, &dst[0], 4*step, &src[0], 4*stride)
		c = 16 * whole
	}
	for ; c < n; c += 16 {
		avx512TransposeEdge(rows, min(16, n-c), 16, &dst[c*step], 4*step, &src[c], 4*stride)
	}
}

// avx512Row computes a wide row of C from eight rows of B at a time.
func avx512Row(s *Set, g Gemm) {
	buf := s.buffers.get(row512Cols)
	for k := 0; k < g.K; k += blockK512 {
		a := g.A[k : k+min(blockK512, g.K-k)]
		for j := 0; j < g.N; j += row512Cols {
			c := g.C[j:min(j+row512Cols, g.N)]
			sum := c
			if g.Accumulate || k > 0 {
				sum = buf.data[:len(c)]
			}
			clear(sum)
			avx512RowBlock(sum, a, g.B[k*g.LDB+j:], g.LDB)
			if g.Accumulate || k > 0 {
				s.Add(c, c, sum)
			}
		}
	}
	s.buffers.put(buf)
}

// avx512RowBlock adds a·b to c, for each element in ascending order of k by fused multiply-add.
func avx512RowBlock(c, a, b []float32, ldb int) {
	k := 0
	for ; k+8 <= len(a); k += 8 {
		avx512Row8(len(c), unsafe.SliceData(c), &a[k], &b[k*ldb], 4*ldb)
	}
	for ; k < len(a); k++ {
		avx512Row1(len(c), unsafe.SliceData(c), &a[k], &b[k*ldb], 4*ldb)
	}
}

// avx512RowsTransposed computes few rows of C by sixteen rows of B each time. The last columns go the general way.
func avx512RowsTransposed(s *Set, g Gemm) {
	last := g.N / 16 * 16
	size := 0
	if g.Accumulate || g.K > blockK512 {
		size = g.M * last
	}
	buf := s.buffers.get(size)
	for k := 0; k < g.K; k += blockK512 {
		kc := min(blockK512, g.K-k)
		if !g.Accumulate && k == 0 {
			avx512Columns(last/16, kc, g.M, &g.C[0], 4*g.LDC, &g.A[k], 4*g.LDA, &g.B[k], 4*g.LDB)
			continue
		}
		avx512Columns(last/16, kc, g.M, &buf.data[0], 4*last, &g.A[k], 4*g.LDA, &g.B[k], 4*g.LDB)
		for i := range g.M {
			c := g.C[i*g.LDC:][:last]
			s.Add(c, c, buf.data[i*last:][:last])
		}
	}
	s.buffers.put(buf)
	if last < g.N {
		rest := g
		rest.N, rest.B, rest.C, rest.Bias, rest.Activation = g.N-last, g.B[last*g.LDB:], g.C[last:], nil, Linear
		avx512Blocks(s, rest)
	}
	g.finish(s, 0, g.M, 0, g.N)
}
