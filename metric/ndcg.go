package metric

import "math"

// NDCG is the normalised discounted cumulative gain of binary relevance (Järvelin, Kekäläinen 2002): the sum of
// 1/log2(rank+1) over the relevant items among the first K (0: in the list), over that of an ideal list.
type NDCG struct{ K int }

// Name returns "ndcg@K".
func (m NDCG) Name() string { return name("ndcg", m.K) }

// Score implements [Ranking].
func (m NDCG) Score(hits []bool, relevant int) float64 {
	gain, ideal := 0.0, 0.0
	for i, hit := range cut(hits, m.K) {
		if hit {
			gain += discount(i)
		}
	}
	for i := range limit(m.K, relevant) {
		ideal += discount(i)
	}
	return gain / ideal
}

func discount(i int) float64 { return 1 / math.Log2(float64(i+2)) }
