package ordering

import (
	"math"
	"slices"

	"recsys/internal/expression"
)

// diversity values entries by what an answer has already.
type diversity interface {
	value(at int) float64
	take(at int)
}

func newDiversity(p Policy, all []entry, items *expression.Table) diversity {
	by := p.by()
	if by == nil {
		return nil
	}
	s := similarity{tokens: make([][][]uint64, len(all))}
	for i := range all {
		for _, name := range by {
			tokens := items.Tokens(name, all[i].Item)
			slices.Sort(tokens)
			s.tokens[i] = append(s.tokens[i], slices.Compact(tokens))
		}
	}
	if m := p.Diversity.MMR; m != nil {
		return &marginal{lambda: m.Lambda, all: all, similarity: s, nearest: make([]float64, len(all))}
	}
	d := &determinant{tradeOff: p.Diversity.DPP.TradeOff, all: all, similarity: s, rows: make([][]float64, len(all)), rest: make([]float64, len(all))}
	for i := range d.rest {
		d.rest[i] = 1
	}
	return d
}

// similarity has the values of each entry's attributes, sorted.
type similarity struct{ tokens [][][]uint64 }

// of returns the mean Jaccard index of two entries' attributes, in [0,1]; without values an attribute is similar to none. The index is a
// positive semidefinite kernel (Bouchard, Jousselme and Doré 2013), and so is the mean of several.
func (s similarity) of(a, b int) float64 {
	sum := 0.0
	for i, x := range s.tokens[a] {
		y := s.tokens[b][i]
		both := common(x, y)
		if either := len(x) + len(y) - both; either > 0 {
			sum += float64(both) / float64(either)
		}
	}
	return sum / float64(len(s.tokens[a]))
}

// common counts the elements that two sorted lists share.
func common(x, y []uint64) int {
	n := 0
	for i, j := 0, 0; i < len(x) && j < len(y); {
		switch {
		case x[i] < y[j]:
			i++
		case x[i] > y[j]:
			j++
		default:
			n, i, j = n+1, i+1, j+1
		}
	}
	return n
}

// marginal is MMR.
type marginal struct {
	similarity

	lambda  float64
	all     []entry
	nearest []float64 // greatest similarity to an entry that is taken
}

func (m *marginal) value(at int) float64 {
	return m.lambda*m.all[at].relevance - (1-m.lambda)*m.nearest[at]
}

func (m *marginal) take(at int) {
	for i := range m.all {
		if !m.all[i].taken {
			m.nearest[i] = max(m.nearest[i], m.of(i, at))
		}
	}
}

// ridge is what different items are less similar than their attributes say.
const ridge = 0.01

// determinant is DPP: rows are those of the Cholesky factor, rest the squares d² of its diagonal to be (Chen, Zhang and Zhou 2018, algorithm
// 1 and equations 8 to 10). The logarithm of an entry's d² is that by which it raises the logarithm of the determinant.
type determinant struct {
	similarity

	tradeOff float64
	all      []entry
	rows     [][]float64
	rest     []float64
}

func (d *determinant) value(at int) float64 {
	return d.tradeOff*d.all[at].relevance + (1-d.tradeOff)*math.Log(d.rest[at])
}

func (d *determinant) take(at int) {
	root := math.Sqrt(d.rest[at])
	for i := range d.all {
		if d.all[i].taken {
			continue
		}
		e := (1 - ridge) * d.of(i, at)
		for k, x := range d.rows[at] {
			e -= x * d.rows[i][k]
		}
		e /= root
		d.rows[i] = append(d.rows[i], e)
		// The ridge is the least that is left of an item, but for rounding.
		d.rest[i] = max(d.rest[i]-e*e, ridge)
	}
}
