package metric

import (
	"slices"
	"strconv"
)

// Ranking measures one ranked list. Implementations are values without state.
type Ranking interface {
	// Name is unique among the metrics of an evaluation, such as "recall@10".
	Name() string
	// Score measures a list, best first: hits[i] tells whether the item at rank i+1 is relevant, relevant > 0 is the
	// number of items that are. A list may be shorter than K: what is missing is no hit.
	Score(hits []bool, relevant int) float64
}

// Rankings averages metrics over lists. Make one with [NewRankings].
type Rankings struct {
	metrics []Ranking
	sums    []float64
	lists   int
	hits    []bool
	values  []float64
}

// NewRankings averages the given metrics.
func NewRankings(metrics ...Ranking) *Rankings {
	return &Rankings{metrics: metrics, sums: make([]float64, len(metrics)), values: make([]float64, len(metrics))}
}

// Add takes the next list: the items ranked, best first, and those that are relevant, in any order, without
// repetition. A list for which nothing is relevant says nothing and is left out. It returns the list's values in the order
// of the metrics, which stay until the next call; nil for a list that is left out.
func (r *Rankings) Add(ranked, relevant []int) []float64 {
	if len(relevant) == 0 {
		return nil
	}
	r.lists++
	r.hits = r.hits[:0]
	for _, item := range ranked {
		r.hits = append(r.hits, slices.Contains(relevant, item))
	}
	for i, m := range r.metrics {
		r.values[i] = m.Score(r.hits, len(relevant))
		r.sums[i] += r.values[i]
	}
	return r.values
}

// Lists returns how many lists the averages are taken over.
func (r *Rankings) Lists() int { return r.lists }

// Values returns the averages by name; 0 where there was no list.
func (r *Rankings) Values() map[string]float64 {
	values := make(map[string]float64, len(r.metrics))
	for i, m := range r.metrics {
		values[m.Name()] = r.sums[i] / float64(max(r.lists, 1))
	}
	return values
}

// name writes "recall@10", or "recall" where k is the whole list.
func name(metric string, k int) string {
	if k <= 0 {
		return metric
	}
	return metric + "@" + strconv.Itoa(k)
}

// cut returns the first k hits, all of them for k <= 0.
func cut(hits []bool, k int) []bool {
	if k <= 0 || k > len(hits) {
		return hits
	}
	return hits[:k]
}

func count(hits []bool) int {
	n := 0
	for _, hit := range hits {
		if hit {
			n++
		}
	}
	return n
}

// limit returns how many of the relevant items can be among the first k.
func limit(k, relevant int) int {
	if k <= 0 {
		return relevant
	}
	return min(k, relevant)
}
