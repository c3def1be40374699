package metric

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// TopK returns the indices of the k highest scores, best first, ties in favour of the lower index. Scores of -Inf and
// blocked indices are left out, so that the result may be shorter. Bit i of byte j in blocked stands for index 8j+i,
// as in the serving graph; nil blocks nothing, and indices beyond its end are not blocked. The result is appended to
// dst[:0]. A NaN among scores that are not blocked is an error.
func TopK(scores []float32, blocked []uint8, k int, dst []int) ([]int, error) {
	if k < 0 {
		return nil, fmt.Errorf("top-k of k = %d: it cannot be negative", k)
	}
	heap := slices.Grow(dst[:0], min(k, len(scores)))
	// Whatever is not above least cannot enter: among equal scores the earlier one is there already.
	least := float32(math.Inf(-1))
	for i, s := range scores {
		if s <= least {
			continue
		}
		if i>>3 < len(blocked) && blocked[i>>3]>>(i&7)&1 == 1 {
			continue
		}
		if s != s {
			return nil, fmt.Errorf("top-k: the score of index %d is NaN", i)
		}
		switch {
		case len(heap) < k:
			heap = append(heap, i)
			up(heap, scores)
		case k > 0:
			heap[0] = i
			down(heap, scores)
		}
		if len(heap) == k && k > 0 {
			least = scores[heap[0]]
		}
	}
	slices.SortFunc(heap, func(a, b int) int { return cmp.Or(cmp.Compare(scores[b], scores[a]), a-b) })
	return heap, nil
}

// worse reports whether index a ranks below index b.
func worse(scores []float32, a, b int) bool {
	return scores[a] < scores[b] || scores[a] == scores[b] && a > b
}

// up moves the last element of a heap, whose root is its worst, to its place.
func up(heap []int, scores []float32) {
	for i := len(heap) - 1; i > 0; {
		parent := (i - 1) / 2
		if !worse(scores, heap[i], heap[parent]) {
			return
		}
		heap[i], heap[parent] = heap[parent], heap[i]
		i = parent
	}
}

// down moves the root of a heap to its place.
func down(heap []int, scores []float32) {
	for i := 0; ; {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && worse(scores, heap[child+1], heap[child]) {
			child++
		}
		if !worse(scores, heap[child], heap[i]) {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}
