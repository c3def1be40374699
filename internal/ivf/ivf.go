package ivf

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	"recsys/graph/kernel"
	"recsys/internal/portable"
	"recsys/tensor"
)

const (
	// Slack bounds the longest list: it is at most Slack times the mean, rounded up.
	Slack = 1.25
	// rounds of k-means, and the items of a list that they look at: more hardly change the lists.
	rounds     = 20
	sampleRows = 256
	// spreadRows are those of a list from which the first centroids are drawn.
	spreadRows = 8
)

// Settings say how lists are made. The zero value is the default.
type Settings struct {
	// Lists is C, the number of lists; 0 is the square root of the number of items. It is clamped to the number of items.
	Lists int
	Seed  uint64
	// Threads is the number of goroutines that compute; 0 is 1.
	Threads int
	// Kernels is the set to compute with; nil is the fastest.
	Kernels *kernel.Set
}

// Index is a division of items into lists. It is plain data.
type Index struct {
	// Centroids is [C,D] float32.
	Centroids *tensor.Tensor
	// Lists hold item indices, ascending; every item is in one of them.
	Lists [][]int32
	// Moved is the number of items that are not in the list of their nearest centroid, which was full.
	Moved int
}

// Longest is the length of the longest list.
func (x *Index) Longest() int {
	longest := 0
	for _, l := range x.Lists {
		longest = max(longest, len(l))
	}
	return longest
}

// DefaultLists is the number of lists for a number of items where none is asked for.
func DefaultLists(items int) int { return max(1, int(math.Sqrt(float64(items)))) }

// Build divides the rows of items [V,D] float32 from first on.
func Build(ctx context.Context, items *tensor.Tensor, first int, s Settings) (*Index, error) {
	if items == nil || items.DType() != tensor.Float32 || items.Rank() != 2 || first < 0 || first >= items.Dim(0) {
		return nil, fmt.Errorf("inverted lists: items %v from %d on: want float32 [V,D] and an index among them", items, first)
	}
	if s.Lists < 0 {
		return nil, fmt.Errorf("inverted lists: %d lists: want 1 or more", s.Lists)
	}
	if s.Kernels == nil {
		s.Kernels = kernel.Best()
	}
	rows := items.Rows(first, items.Dim(0))
	if s.Lists == 0 {
		s.Lists = DefaultLists(rows.Dim(0))
	}
	s.Lists, s.Threads = min(s.Lists, rows.Dim(0)), max(s.Threads, 1)
	a, err := newAssigner(rows.Dim(1), s)
	if err != nil {
		return nil, err
	}
	centroids, err := cluster(ctx, a, rows, s)
	if err != nil {
		return nil, err
	}
	nearest, gain, err := a.nearest(ctx, rows, centroids)
	if err != nil {
		return nil, err
	}
	lists, moved, err := bound(ctx, a, rows, centroids, nearest, gain)
	if err != nil {
		return nil, err
	}
	for _, l := range lists {
		for i := range l {
			l[i] += int32(first)
		}
	}
	return &Index{Centroids: centroids, Lists: lists, Moved: moved}, nil
}

// cluster runs k-means over a sample of rows and returns the centroids [C,D].
func cluster(ctx context.Context, a *assigner, rows *tensor.Tensor, s Settings) (*tensor.Tensor, error) {
	n, d := rows.Dim(0), rows.Dim(1)
	rng := portable.New(s.Seed, "ivf")
	order := rng.Perm(n)
	sample := rows
	if most := s.Lists * sampleRows; n > most {
		sample = take(rows, order[:most])
	}
	centroids := spread(rng, take(rows, order[:min(n, s.Lists*spreadRows)]), s.Lists)
	for range rounds {
		nearest, gain, err := a.nearest(ctx, sample, centroids)
		if err != nil {
			return nil, err
		}
		next := means(sample, nearest, centroids)
		refill(sample, nearest, gain, next)
		if next.Equal(centroids) {
			break
		}
		centroids = next
	}
	if centroids.Dim(0) != s.Lists || centroids.Dim(1) != d {
		panic("ivf: the number of centroids has changed")
	}
	return centroids, nil
}

// spread draws rows as the first centroids, each with a probability in proportion to its squared distance from those before (Arthur and
// Vassilvitskii 2007, section 2.2): two in one cloud would leave another without.
func spread(rng *portable.Rand, rows *tensor.Tensor, lists int) *tensor.Tensor {
	n, d := rows.Dim(0), rows.Dim(1)
	x := tensor.MustData[float32](rows)
	far := make([]float64, n)
	for i := range far {
		far[i] = math.Inf(1)
	}
	chosen := []int{rng.IntN(n)}
	for len(chosen) < lists {
		at := x[chosen[len(chosen)-1]*d:][:d]
		total := 0.0
		for i := range far {
			sum := float32(0)
			for j, v := range x[i*d : (i+1)*d] {
				sum += float32((v - at[j]) * (v - at[j]))
			}
			far[i] = min(far[i], float64(sum))
			total += far[i]
		}
		left := total * rng.Float64()
		next := 0
		for next < n-1 && left >= far[next] { // with rows that are all chosen or equal it is the last
			left -= far[next]
			next++
		}
		chosen = append(chosen, next)
	}
	return take(rows, chosen)
}

func take(rows *tensor.Tensor, which []int) *tensor.Tensor {
	d := rows.Dim(1)
	from, out := tensor.MustData[float32](rows), make([]float32, 0, len(which)*d)
	for _, i := range which {
		out = append(out, from[i*d:(i+1)*d]...)
	}
	return tensor.Of(out, len(which), d)
}

// means returns the mean of each centroid's rows; a centroid without rows stays where it is.
func means(rows *tensor.Tensor, nearest []int32, old *tensor.Tensor) *tensor.Tensor {
	c, d := old.Dim(0), old.Dim(1)
	x := tensor.MustData[float32](rows)
	sums, counts := make([]float64, c*d), make([]int, c)
	for i, l := range nearest { // in one order, so that the sums are the same with any number of threads
		counts[l]++
		sum := sums[int(l)*d : (int(l)+1)*d]
		for j, v := range x[i*d : (i+1)*d] {
			sum[j] += float64(v)
		}
	}
	out := old.Clone()
	data := tensor.MustData[float32](out)
	for l, n := range counts {
		for j := range d {
			if n > 0 {
				data[l*d+j] = float32(sums[l*d+j] / float64(n))
			}
		}
	}
	return out
}

// refill puts centroids without rows onto the rows that are farthest from theirs.
func refill(rows *tensor.Tensor, nearest []int32, gain []float32, centroids *tensor.Tensor) {
	c, d := centroids.Dim(0), centroids.Dim(1)
	counts := make([]int, c)
	for _, l := range nearest {
		counts[l]++
	}
	var empty []int
	for l, n := range counts {
		if n == 0 {
			empty = append(empty, l)
		}
	}
	if len(empty) == 0 {
		return
	}
	x, data := tensor.MustData[float32](rows), tensor.MustData[float32](centroids)
	far := distances(x, gain, d)
	order := byDistance(far)
	for i, l := range empty {
		at := order[len(order)-1-i]
		copy(data[l*d:(l+1)*d], x[at*d:(at+1)*d])
	}
}

// distances returns each row's squared distance from its centroid c, of which gain is x·c - |c|²/2.
func distances(x, gain []float32, d int) []float32 {
	out := make([]float32, len(gain))
	for i, g := range gain {
		norm := float32(0)
		for _, v := range x[i*d : (i+1)*d] {
			norm += float32(v * v)
		}
		out[i] = norm - 2*g
	}
	return out
}

// byDistance orders rows by distance, equal ones by index.
func byDistance(distance []float32) []int {
	order := make([]int, len(distance))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(distance[a], distance[b]) })
	return order
}

// bound makes lists of the nearest centroids' rows. The nearest rows of a list that is full stay; the others go, the nearest first, to the nearest
// centroid whose list has room.
func bound(
	ctx context.Context, a *assigner, rows, centroids *tensor.Tensor, nearest []int32, gain []float32,
) (lists [][]int32, moved int, err error) {
	c, d := centroids.Dim(0), centroids.Dim(1)
	room := int(math.Ceil(Slack * float64(len(nearest)) / float64(c)))
	lists = make([][]int32, c)
	var rest []int
	for _, i := range byDistance(distances(tensor.MustData[float32](rows), gain, d)) {
		if l := nearest[i]; len(lists[l]) < room {
			lists[l] = append(lists[l], int32(i))
		} else {
			rest = append(rest, i)
		}
	}
	for block := range slices.Chunk(rest, blockRows) {
		gains, err := a.gains(ctx, take(rows, block), centroids)
		if err != nil {
			return nil, 0, err
		}
		for i, row := range block {
			best := -1
			for l, g := range gains[i*c : (i+1)*c] {
				if len(lists[l]) < room && (best < 0 || g > gains[i*c+best]) {
					best = l
				}
			}
			lists[best] = append(lists[best], int32(row)) // there is one: the lists have room for more than all rows
		}
	}
	for _, l := range lists {
		slices.Sort(l)
	}
	return lists, len(rest), nil
}
