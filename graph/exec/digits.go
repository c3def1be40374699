package exec

import (
	"recsys/graph"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// digits are scores [..,1,V] of queries that are written as P rows of bytes: the product of units [..,1,P] with float32 of the
// whole-number products [..,P,V] of the bytes with a table.
type digits struct {
	*integer
	count int // P
}

// digitsOf recognises the product MatMul(units, Cast(MatMulInteger)) and returns the inputs of the scores: units, bytes and, if
// there is one, their zero point.
func (f *topFuser) digitsOf(s *step) (d *digits, in []*graph.Value) {
	if s.product == nil || !s.product.plain() || s.product.TransA || s.product.TransB {
		return nil, nil
	}
	units, cast := s.in[0], f.makers[s.in[1]]
	if cast == nil || cast.kind != call || cast.node.Op.Type != "Cast" || cast.node.Op.Domain != "" || f.uses[s.in[1]] != 1 {
		return nil, nil
	}
	whole := f.makers[cast.in[0]]
	if whole == nil || whole.integer == nil || f.uses[cast.in[0]] != 1 {
		return nil, nil
	}
	lead := units.Rank() - 2
	shape := cast.in[0].Shape()
	if lead < 0 || len(shape) != lead+2 || !shape[:lead].Same(units.Shape()[:lead]) || !units.Shape()[lead].Is(1) || !shape[lead].IsFixed() {
		return nil, nil
	}
	return &digits{whole.integer, shape[lead].Size}, append([]*graph.Value{units}, whole.in...)
}

func (d *digits) cut() (block, together int) { return d.block, 1 }

func (d *digits) depth([]*tensor.Tensor) int { return d.count * (d.width + multiplyAdds) }

func (d *digits) columns(l *lane, in []*tensor.Tensor, z []float32, stride, row, n, first, end int) {
	w := end - first
	if cap(l.ints) < w {
		l.ints = make([]int32, d.block)
	}
	if cap(l.digits) < d.count*w {
		l.digits = make([]float32, d.count*d.block)
	}
	var room [shiftLimit]uint8
	ints, floats, units := l.ints[:w], l.digits[:d.count*w], tensor.MustData[float32](in[0])
	for i := row; i < row+n; i++ {
		for k := range d.count {
			query, at := d.query(in[1:], i*d.count+k, room[:])
			d.products(l, ints, query, at, first)
			y := floats[k*w:][:w]
			for j, v := range ints {
				y[j] = float32(v)
			}
		}
		l.Kernels.Gemm(kernel.Gemm{
			M: 1, N: w, K: d.count, A: units[i*d.count:][:d.count], B: floats, C: z[(i-row)*stride:], LDA: d.count, LDB: w, LDC: w,
		})
	}
}
