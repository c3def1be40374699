package exec

import (
	"slices"
	"unsafe"

	"recsys/graph"
	"recsys/tensor"
)

// blockRows is how many rows of a table all queries go through before the next rows are read: the rows and their products
// stay in the second-level cache.
func blockRows(rowBytes int) int {
	const bytes, least, most = 64 << 10, 64, 1024
	return max(least, min(most, bytes/max(rowBytes, 1)/least*least))
}

// narrow is a product with a constant table [V,D] that stays as narrow as it is stored.
type narrow struct {
	rows, width int
	block       int // rows
	// scale multiplies all products, after dots, which computes z[i] for the rows of the table from row from on.
	scale float32
	dots  func(r *graph.Run, z, x []float32, from int)
}

// widens reports whether a node makes float32 of what may be a table in fewer bits. Folding it would give the table away.
func widens(n *graph.Node) bool {
	return n.Op.Domain == "" && (n.Op.Type == "DequantizeLinear" || n.Op.Type == "Cast" && n.Inputs[0].DType() == tensor.Float16)
}

// narrowProducts makes products with constant tables of int8 or half precision read these in place of float32, and
// products of integers with a constant.
func (p *program) narrowProducts() {
	makers := p.makers()
	for i, s := range p.steps {
		if s.node.Op.Domain != "" {
			continue
		}
		var by *step
		switch s.node.Op.Type {
		case "MatMul":
			by = p.narrowProduct(s, makers)
		case "MatMulInteger":
			by = p.integerProduct(s, makers)
		}
		if by != nil {
			p.steps[i] = by
		}
	}
}

// narrowProduct recognises a product with the transpose of a constant table, or with a table [D,V], that was widened.
func (p *program) narrowProduct(s *step, makers map[*graph.Value]*step) *step {
	v, turned := throughTransposes(s.in[1], makers)
	wide := makers[v]
	if wide == nil || !widens(wide.node) {
		return nil
	}
	table := p.consts[wide.in[0]]
	if table == nil || table.Rank() != 2 || s.in[0].Rank() < 2 {
		return nil
	}
	f := &narrow{rows: table.Dim(0), width: table.Dim(1), scale: 1}
	rowAxis := 0
	if !turned {
		f.rows, f.width = f.width, f.rows
		rowAxis = 1
	}
	switch data := table.Any().(type) {
	case []int8:
		scales, ok := p.rowScales(wide, rowAxis)
		if !ok {
			return nil
		}
		data = asRows(data, f.rows, f.width, turned)
		f.block = blockRows(f.width)
		if len(scales) == 1 {
			f.scale = scales[0]
			f.dots = func(r *graph.Run, z, x []float32, from int) { r.Kernels.DotsInt8(z, x, data[from*f.width:], nil) }
		} else {
			f.dots = func(r *graph.Run, z, x []float32, from int) {
				r.Kernels.DotsInt8(z, x, data[from*f.width:], scales[from:])
			}
		}
	case []tensor.F16:
		data = asRows(data, f.rows, f.width, turned)
		bits := unsafe.Slice((*uint16)(unsafe.SliceData(data)), len(data)) // F16 is a uint16: no second copy of the table
		f.block = blockRows(2 * f.width)
		f.dots = func(r *graph.Run, z, x []float32, from int) { r.Kernels.DotsHalf(z, x, bits[from*f.width:]) }
	default:
		return nil
	}
	return &step{
		node: s.node, in: s.in[:1], out: s.out, form: "MatMul(A, Bᵀ) of " + table.DType().String(), part: f.part, units: f.units,
		scores: f,
	}
}

// throughTransposes returns what v is after Transposes that exchange the last two axes, and whether they amount to one.
func throughTransposes(v *graph.Value, makers map[*graph.Value]*step) (from *graph.Value, turned bool) {
	for t := makers[v]; t != nil && swapsLast(t); t = makers[v] {
		v, turned = t.in[0], !turned
	}
	return v, turned
}

// rowScales returns the constant scales of a DequantizeLinear of int8 that has no zero point, or only zeros, and either
// one scale or one for each place of axis.
func (p *program) rowScales(s *step, axis int) (scale []float32, ok bool) {
	t := p.consts[s.in[1]]
	if t == nil {
		return nil, false
	}
	if len(s.in) > 2 && s.in[2] != nil {
		zero := p.consts[s.in[2]]
		if zero == nil || slices.ContainsFunc(tensor.MustData[int8](zero), func(v int8) bool { return v != 0 }) {
			return nil, false
		}
	}
	scale = tensor.MustData[float32](t)
	if len(scale) == 1 {
		return scale, true
	}
	at, err := graph.Axis(s.node.Attrs.Int("axis", 1), 2)
	return scale, err == nil && at == axis
}

// asRows returns a table as [rows,width]: itself with already, else the transpose of [width,rows].
func asRows[T any](data []T, rows, width int, already bool) []T {
	if already {
		return data
	}
	turned := make([]T, len(data))
	for k := range width {
		for i, v := range data[k*rows:][:rows] {
			turned[i*width+k] = v
		}
	}
	return turned
}

func (f *narrow) units(in, _ []*tensor.Tensor) (n, work int) {
	return (f.rows + f.block - 1) / f.block, min(f.rows, f.block) * (1 + in[0].Len()/multiplyAdds)
}

func (f *narrow) part(l *lane, in, out []*tensor.Tensor, from, to int) error {
	z := tensor.MustData[float32](out[0])
	if len(z) == 0 {
		return nil
	}
	for b := from; b < to; b++ {
		first := b * f.block
		f.columns(l, in, z[first:], f.rows, 0, len(z)/f.rows, first, min(first+f.block, f.rows))
	}
	return nil
}

func (f *narrow) cut() (block, together int) { return f.block, 1 }

func (f *narrow) depth([]*tensor.Tensor) int { return f.width }

func (f *narrow) columns(l *lane, in []*tensor.Tensor, z []float32, stride, row, n, first, end int) {
	x := tensor.MustData[float32](in[0])
	for i := range n {
		y := z[i*stride:][:end-first]
		f.dots(&l.Run, y, x[(row+i)*f.width:][:f.width], first)
		if f.scale != 1 {
			l.Kernels.Scale(y, f.scale, y)
		}
	}
}
