package exec

import (
	"slices"
	"unsafe"

	"recsys/graph"
	"recsys/tensor"
)

// blockRows is how many rows of a narrow table all queries go through before the next rows are read: the rows stay in
// the second-level cache.
const blockRows = 256

// narrow is a product with a constant table [V,D] that stays as narrow as it is stored.
type narrow struct {
	rows, width int
	// scale is what the rows of V are multiplied with: one number for all, one for each, or none.
	scale []float32
	// dots computes z[i] for the rows of the table from row from on.
	dots func(r *graph.Run, z, x []float32, from int)
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
	f := &narrow{rows: table.Dim(0), width: table.Dim(1)}
	rowAxis := 0
	if !turned {
		f.rows, f.width = f.width, f.rows
		rowAxis = 1
	}
	switch data := table.Any().(type) {
	case []int8:
		var ok bool
		if f.scale, ok = p.rowScales(wide, rowAxis); !ok {
			return nil
		}
		data = asRows(data, f.rows, f.width, turned)
		f.dots = func(r *graph.Run, z, x []float32, from int) { r.Kernels.DotsInt8(z, x, data[from*f.width:]) }
	case []tensor.F16:
		data = asRows(data, f.rows, f.width, turned)
		bits := unsafe.Slice((*uint16)(unsafe.SliceData(data)), len(data)) // F16 is a uint16: no second copy of the table
		f.dots = func(r *graph.Run, z, x []float32, from int) { r.Kernels.DotsHalf(z, x, bits[from*f.width:]) }
	default:
		return nil
	}
	return &step{
		node: s.node, in: s.in[:1], out: s.out, form: "MatMul(A, Bᵀ) of " + table.DType().String(), part: f.part, units: f.units,
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
	return (f.rows + blockRows - 1) / blockRows, min(f.rows, blockRows) * in[0].Len()
}

func (f *narrow) part(l *lane, in, out []*tensor.Tensor, from, to int) error {
	x, z := tensor.MustData[float32](in[0]), tensor.MustData[float32](out[0])
	if len(z) == 0 {
		return nil
	}
	for b := from; b < to; b++ {
		first, end := b*blockRows, min((b+1)*blockRows, f.rows)
		for m := range len(z) / f.rows {
			row := z[m*f.rows+first : m*f.rows+end]
			f.dots(&l.Run, row, x[m*f.width:(m+1)*f.width], first)
			switch len(f.scale) {
			case 0:
			case 1:
				l.Kernels.Scale(row, f.scale[0], row)
			default:
				l.Kernels.Mul(row, row, f.scale[first:end])
			}
		}
	}
	return nil
}
