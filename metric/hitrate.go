package metric

import "slices"

// HitRate is 1 if any relevant item is among the first K (0: in the list), else 0.
type HitRate struct{ K int }

// Name returns "hit_rate@K".
func (m HitRate) Name() string { return name("hit_rate", m.K) }

// Score implements [Ranking].
func (m HitRate) Score(hits []bool, _ int) float64 {
	if slices.Contains(cut(hits, m.K), true) {
		return 1
	}
	return 0
}
