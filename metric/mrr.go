package metric

import "slices"

// MRR is one over the rank of the first relevant item, 0 if there is none among the first K (0: in the list).
type MRR struct{ K int }

// Name returns "mrr@K".
func (m MRR) Name() string { return name("mrr", m.K) }

// Score implements [Ranking].
func (m MRR) Score(hits []bool, _ int) float64 {
	if i := slices.Index(cut(hits, m.K), true); i >= 0 {
		return 1 / float64(i+1)
	}
	return 0
}
