package exec

import (
	"recsys/graph"
	"recsys/tensor"
)

// integer is MatMulInteger with a constant right-hand side, as products of uint8 and int8: a type's other half is 128
// away, and so is its zero point then.
type integer struct {
	rows, width int
	block       int     // rows
	table       []int8  // [rows,width]
	sums        []int32 // of the rows of table
	zero        []int32 // of table, by row
}

// shiftLimit bounds the width of int8 left-hand sides, which a run moves to uint8 on its stack.
const shiftLimit = 1024

// integerProduct recognises a MatMulInteger whose right-hand side, a matrix, and its zero points are constants.
func (p *program) integerProduct(s *step, makers map[*graph.Value]*step) *step {
	v, turned := throughTransposes(s.in[1], makers)
	table := p.consts[v]
	if table == nil || table.Rank() != 2 || s.in[0].Rank() < 2 {
		return nil
	}
	f := &integer{rows: table.Dim(0), width: table.Dim(1)}
	if !turned {
		f.rows, f.width = f.width, f.rows
	}
	if s.in[0].DType() == tensor.Int8 && f.width > shiftLimit {
		return nil
	}
	shift := int32(0)
	switch data := table.Any().(type) {
	case []int8:
		f.table = asRows(data, f.rows, f.width, turned)
	case []uint8:
		shift = 128
		f.table = make([]int8, len(data))
		for i, b := range asRows(data, f.rows, f.width, turned) {
			f.table[i] = int8(b ^ 0x80)
		}
	}
	f.block = blockRows(f.width)
	f.sums, f.zero = make([]int32, f.rows), make([]int32, f.rows)
	for i := range f.sums {
		for _, w := range f.table[i*f.width:][:f.width] {
			f.sums[i] += int32(w)
		}
		f.zero[i] = -shift
	}
	if len(s.in) > 3 && s.in[3] != nil {
		zero := p.consts[s.in[3]]
		if zero == nil {
			return nil
		}
		for i := range f.zero {
			f.zero[i] += integerAt(zero, i%zero.Len())
		}
	}
	in := s.in[:1:1]
	if len(s.in) > 2 && s.in[2] != nil {
		in = append(in, s.in[2])
	}
	return &step{node: s.node, in: in, out: s.out, form: "MatMulInteger(A, Bᵀ)", integer: f, part: f.part, units: f.units}
}

// integerAt returns element i of a tensor of int8 or uint8.
func integerAt(t *tensor.Tensor, i int) int32 {
	if data, ok := t.Any().([]int8); ok {
		return int32(data[i])
	}
	return int32(tensor.MustData[uint8](t)[i])
}

func (f *integer) units(in, _ []*tensor.Tensor) (n, work int) {
	return (f.rows + f.block - 1) / f.block, min(f.rows, f.block) * (1 + in[0].Len()/multiplyAdds)
}

func (f *integer) part(l *lane, in, out []*tensor.Tensor, from, to int) error {
	z := tensor.MustData[int32](out[0])
	if len(z) == 0 {
		return nil
	}
	var room [shiftLimit]uint8
	for b := from; b < to; b++ {
		first, end := b*f.block, min((b+1)*f.block, f.rows)
		for m := range len(z) / f.rows {
			query, at := f.query(in, m, room[:])
			f.products(l, z[m*f.rows+first:m*f.rows+end], query, at, first)
		}
	}
	return nil
}

// query returns row m of the left-hand side as uint8, in room if it is int8, and its zero point.
func (f *integer) query(in []*tensor.Tensor, m int, room []uint8) (query []uint8, at int32) {
	if len(in) > 1 {
		at = integerAt(in[1], 0)
	}
	if x, ok := in[0].Any().([]uint8); ok {
		return x[m*f.width:][:f.width], at
	}
	query = room[:f.width]
	for k, v := range tensor.MustData[int8](in[0])[m*f.width:][:f.width] {
		query[k] = uint8(v) ^ 0x80
	}
	return query, at + 128
}

// products computes z of rows from first on: the sum of (x-at)·(w-zero), multiplied out, because the table's sums are known.
func (f *integer) products(l *lane, z []int32, x []uint8, at int32, first int) {
	l.Kernels.DotsInteger(z, x, f.table[first*f.width:][:len(z)*f.width])
	sum := -int32(f.width) * at
	for _, v := range x {
		sum += int32(v)
	}
	sums, zero := f.sums[first:][:len(z)], f.zero[first:][:len(z)]
	for i := range z {
		z[i] -= at*sums[i] + zero[i]*sum
	}
}
