package metric

// MAP is the average precision: the precision at the rank of each relevant item among the first K (0: in the list),
// summed, over the most relevant items that could be there, min(K, relevant).
type MAP struct{ K int }

// Name returns "map@K".
func (m MAP) Name() string { return name("map", m.K) }

// Score implements [Ranking].
func (m MAP) Score(hits []bool, relevant int) float64 {
	sum, found := 0.0, 0
	for i, hit := range cut(hits, m.K) {
		if hit {
			found++
			sum += float64(found) / float64(i+1)
		}
	}
	return sum / float64(limit(m.K, relevant))
}
