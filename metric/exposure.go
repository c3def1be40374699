package metric

import (
	"cmp"
	"math"
	"slices"
)

// HeadShare is the part of all interactions that the head of the catalogue has.
const HeadShare = 0.8

// Exposure measures which items lists show, over all lists together. Make one with [NewExposure].
type Exposure struct {
	k, first    int
	information []float64 // -log2 of an item's share of the interactions
	tail        []bool
	shown       []int
}

// NewExposure measures the first k items of lists. popularity counts the interactions of each item index, of which those from
// first on are the catalogue; it is not kept.
func NewExposure(k int, popularity []int64, first int) *Exposure {
	x := &Exposure{
		k: k, first: first, information: make([]float64, len(popularity)), tail: Tail(popularity, first, HeadShare),
		shown: make([]int, len(popularity)),
	}
	total := int64(0)
	for _, n := range popularity[min(first, len(popularity)):] {
		total += n
	}
	for i, n := range popularity {
		x.information[i] = math.Log2(float64(max(total, 1)) / float64(max(n, 1)))
	}
	return x
}

// Tail tells of every item index whether it is in the catalogue and beyond its head: the most popular items, as few as
// have the share of the interactions. Of equally popular items the lower index comes first.
func Tail(popularity []int64, first int, share float64) []bool {
	var order []int
	total := int64(0)
	for i := first; i < len(popularity); i++ {
		order, total = append(order, i), total+popularity[i]
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(popularity[b], popularity[a]), a-b) })
	tail := make([]bool, len(popularity))
	before := int64(0)
	for _, i := range order {
		tail[i] = float64(before) >= share*float64(total)
		before += popularity[i]
	}
	return tail
}

// Add takes the next list, item indices of the catalogue, best first.
func (x *Exposure) Add(ranked []int) {
	for _, item := range ranked[:min(x.k, len(ranked))] {
		x.shown[item]++
	}
}

// Values returns, by name with "@K" behind it,
//
//   - "coverage": the share of the catalogue that is in any list (Herlocker et al. 2004, section 4.2),
//   - "gini": the Gini coefficient of how often items are shown, 0 where all are equally often (Gunawardana, Shani 2009,
//     section 4.3),
//   - "novelty": the mean self-information of the items shown, -log2 of an item's share of all interactions, in bits; an item
//     without any counts as one that has one (Vargas, Castells 2011, section 3.2, as expected free discovery),
//   - "tail_share": the share of what is shown that is beyond the head, which has [HeadShare] of all interactions.
//
// There is none where nothing is shown.
func (x *Exposure) Values() map[string]float64 {
	catalogue := slices.Clone(x.shown[min(x.first, len(x.shown)):])
	slices.Sort(catalogue)
	n := len(catalogue)
	covered, total, ranks := 0, 0, 0.0
	for i, shown := range catalogue {
		if shown > 0 {
			covered++
		}
		total += shown
		ranks += float64(2*(i+1)-n-1) * float64(shown)
	}
	if total == 0 {
		return nil
	}
	information, tail := 0.0, 0
	for i, shown := range x.shown {
		information += float64(shown) * x.information[i]
		if x.tail[i] {
			tail += shown
		}
	}
	return map[string]float64{
		name("coverage", x.k):   float64(covered) / float64(n),
		name("gini", x.k):       ranks / (float64(n) * float64(total)),
		name("novelty", x.k):    information / float64(total),
		name("tail_share", x.k): float64(tail) / float64(total),
	}
}
