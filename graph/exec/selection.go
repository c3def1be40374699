package exec

import "recsys/tensor"

// columns is a range of columns that a selection copies: n columns from column from on, or zeros where from is negative.
type columns struct{ from, n int }

// selection recognises a product x·P with a constant matrix P of zeros and ones that has at most one 1 in a column:
// column j of the result is a column of x, or 0. Layers pick columns this way (layer.DotInteraction), because every
// runtime and the gradient know MatMul. For finite x the bits are those of the product; a NaN or infinity in x does
// not reach the columns that do not pick it.
func (p *program) selection(s *step) *step {
	t := p.consts[s.in[1]]
	if t == nil || t.Rank() != 2 || s.product.TransA || s.in[0].Rank() < 2 {
		return nil
	}
	k, n := t.Dim(0), t.Dim(1)
	row, col := n, 1
	if s.product.TransB {
		k, n = n, k
		row, col = 1, k
	}
	picks := selected(tensor.MustData[float32](t), k, n, row, col)
	if picks == nil {
		return nil
	}
	return &step{
		node: s.node, in: s.in[:1], out: s.out, form: "Select",
		units: func(_, out []*tensor.Tensor) (rows, work int) { return out[0].Len() / n, 1 + len(picks) + n/elements },
		part: func(_ *lane, in, out []*tensor.Tensor, from, to int) error {
			x, y := tensor.MustData[float32](in[0])[from*k:to*k], tensor.MustData[float32](out[0])[from*n:to*n]
			for ; len(y) > 0; x, y = x[k:], y[n:] {
				at := 0
				for _, c := range picks {
					to := y[at : at+c.n]
					if c.from < 0 {
						clear(to)
					} else {
						copy(to, x[c.from:])
					}
					at += c.n
				}
			}
			return nil
		},
	}
}

// selected returns the columns that a [k,n] matrix picks, nil when it is no selection. Element (i,j) is at
// i·row + j·col.
func selected(m []float32, k, n, row, col int) []columns {
	if n == 0 || k == 0 {
		return nil
	}
	var picks []columns
	for j := range n {
		from := -1
		for i := range k {
			switch v := m[i*row+j*col]; {
			case v == 0:
			case v == 1 && from < 0:
				from = i
			default:
				return nil
			}
		}
		last := len(picks) - 1
		if last >= 0 && (from < 0 && picks[last].from < 0 || from >= 0 && picks[last].from >= 0 && from == picks[last].from+picks[last].n) {
			picks[last].n++
			continue
		}
		picks = append(picks, columns{from, 1})
	}
	return picks
}
