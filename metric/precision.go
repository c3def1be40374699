package metric

// Precision is the part of the first K items that is relevant. It is over K also where the list is shorter, and over
// the list's length for K = 0.
type Precision struct{ K int }

// Name returns "precision@K".
func (m Precision) Name() string { return name("precision", m.K) }

// Score implements [Ranking].
func (m Precision) Score(hits []bool, _ int) float64 {
	k := m.K
	if k <= 0 {
		k = max(1, len(hits))
	}
	return float64(count(cut(hits, m.K))) / float64(k)
}
