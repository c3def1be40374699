package graph

import (
	"slices"

	"recsys/graph/kernel"
	"recsys/tensor"
)

// Product is MatMul with what graph/exec joins with it. The zero value is MatMul alone.
type Product struct {
	// TransA and TransB exchange the last two axes of the factors.
	TransA, TransB bool
	// Bias tells that input 2 holds a vector of N elements, which is added to every row.
	Bias       bool
	Activation kernel.Activation
	// Packed is input 1 laid out by the run's kernel set, where that is one matrix; nil means that it is not.
	Packed *kernel.Packed
	// ByRow keeps a product of one right-hand side from being cut along its columns: Packed is in one piece. Units and Run have to
	// be told alike.
	ByRow bool
}

// productColumns is the number of columns of one unit of a product with few rows: the parts of a wide row are as long as
// what a kernel reads in one go.
const productColumns = 2048

// fewRows is the number of rows up to which a product of one right-hand side is cut along its columns.
const fewRows = 16

// productCut is how a product falls into units that can be computed side by side.
type productCut uint8

const (
	byMatrix productCut = iota
	byRow
	byColumn
)

// cut returns how the product is cut and into how many units.
func (p *Product) cut(in, out []*tensor.Tensor) (productCut, int) {
	m, n := out[0].Dim(-2), out[0].Dim(-1)
	total := out[0].Len()
	if total == 0 {
		return byMatrix, 0
	}
	one := in[1].Len() == in[1].Dim(-1)*in[1].Dim(-2)
	rows := total / n
	if !one || p.TransA && rows != m {
		return byMatrix, total / (m * n)
	}
	if rows > fewRows || n < 2*productColumns || p.TransB || p.ByRow {
		return byRow, rows
	}
	return byColumn, (n + productColumns - 1) / productColumns
}

// Units returns the number of units that Run can compute apart from one another, and the multiply-adds of one.
func (p *Product) Units(in, out []*tensor.Tensor) (n, work int) {
	_, n = p.cut(in, out)
	if n == 0 {
		return 0, 0
	}
	k := in[0].Dim(-1)
	if p.TransA {
		k = in[0].Dim(-2)
	}
	return n, out[0].Len() * k / n
}

// Run computes units [from,to) of the product of in[0] and in[1]. The bits of an element depend neither on the range nor
// on the number of rows.
func (p *Product) Run(r *Run, in, out []*tensor.Tensor, from, to int) {
	how, _ := p.cut(in, out)
	if from == to {
		return
	}
	x, y, z := tensor.MustData[float32](in[0]), tensor.MustData[float32](in[1]), tensor.MustData[float32](out[0])
	g := kernel.Gemm{
		TransA: p.TransA, TransB: p.TransB, M: out[0].Dim(-2), N: out[0].Dim(-1), K: in[0].Dim(-1),
		LDA: in[0].Dim(-1), LDB: in[1].Dim(-1), LDC: out[0].Dim(-1), Activation: p.Activation,
	}
	if p.TransA {
		g.K = in[0].Dim(-2)
	}
	if p.Bias {
		g.Bias = tensor.MustData[float32](in[2])
	}
	switch how {
	case byRow:
		g.M, g.A, g.B, g.Packed = to-from, x, y, p.Packed
		if g.TransA {
			g.A = x[min(from, len(x)):]
		} else {
			g.A = x[from*g.K : to*g.K]
		}
		g.C = z[from*g.N : to*g.N]
		r.Kernels.Gemm(g)
	case byColumn:
		first := from * productColumns
		p.Columns(r, in, z[first:], g.N, 0, len(z)/g.N, first, min(to*productColumns, g.N))
	case byMatrix:
		lead := out[0].Shape()[:out[0].Rank()-2]
		for i := from; i < to; i++ {
			xi, yi := matrixAt(lead, in[0].Shape(), i), matrixAt(lead, in[1].Shape(), i)
			g.A, g.B = x[xi*g.M*g.K:(xi+1)*g.M*g.K], y[yi*g.K*g.N:(yi+1)*g.K*g.N]
			g.C = z[i*g.M*g.N : (i+1)*g.M*g.N]
			r.Kernels.Gemm(g)
		}
	}
}

// Columns computes the columns [first,end) of n rows, from row on, of a product of one right-hand side with TransA and TransB false,
// to z, whose rows are stride apart. The bits are those of Run.
func (p *Product) Columns(r *Run, in []*tensor.Tensor, z []float32, stride, row, n, first, end int) {
	x, y, k := tensor.MustData[float32](in[0]), tensor.MustData[float32](in[1]), in[0].Dim(-1)
	g := kernel.Gemm{
		M: n, N: end - first, K: k, A: x[row*k:], B: y[min(first, len(y)):], C: z, LDA: k, LDB: in[1].Dim(-1), LDC: stride,
		Activation: p.Activation,
	}
	if p.Bias {
		g.Bias = tensor.MustData[float32](in[2])[first:end]
	}
	r.Kernels.Gemm(g)
}

// BroadcastIndex returns which entry of an array with the axes own, broadcast to the axes lead, meets entry i of the whole.
func BroadcastIndex(lead, own []int, i int) int {
	at, stride := 0, 1
	for a, size := range slices.Backward(lead) {
		index := i % size
		i /= size
		if k := a - len(lead) + len(own); k >= 0 {
			if own[k] != 1 {
				at += index * stride
			}
			stride *= own[k]
		}
	}
	return at
}

// matrixAt returns which of the matrices in a tensor of the given shape meets matrix i of a result with the leading axes
// lead.
func matrixAt(lead, shape []int, i int) int { return BroadcastIndex(lead, shape[:len(shape)-2], i) }
