package metric

// Recall is the part of the relevant items that is among the first K (0: in the list). With more relevant items than
// K it cannot reach 1.
type Recall struct{ K int }

// Name returns "recall@K".
func (m Recall) Name() string { return name("recall", m.K) }

// Score implements [Ranking].
func (m Recall) Score(hits []bool, relevant int) float64 {
	return float64(count(cut(hits, m.K))) / float64(relevant)
}
