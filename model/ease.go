package model

import (
	"context"
	"fmt"
	"runtime"

	"recsys/graph/kernel"
	"recsys/internal/linear"
	"recsys/internal/parallel"
	"recsys/tensor"
)

// EASE are the settings of the linear item-item model with a closed form (Steck 2019, "Embarrassingly shallow
// autoencoders for sparse data", equation 8): with X the users' items as zeros and ones and P = (XᵀX + L2·I)⁻¹, the
// weights are B = I - P·diag(P)⁻¹, whose diagonal is 0.
type EASE struct {
	// L2 is the weight of the squared weights; 0 means 400. The more interactions an item has, the more it bears.
	L2 float64 `json:"l2,omitempty"`
	// Neighbors keeps for every item j the weights w[i,j] of so many items i, the greatest by size, which makes the model
	// small and a little worse; 0 keeps all.
	Neighbors int `json:"neighbors,omitempty"`
}

// The greatest number of items: their matrix takes 6.4 GB while it is inverted, and 1 GB where it is served.
const (
	easeItems  = 40_000
	easeServed = 16_384
)

// Fit learns from the users' items, of which an item counts once for a user; items is V, those before first stand for
// none. Nil kernels are kernel.Best(). The result depends on the kernel set alone.
func (s EASE) Fit(ctx context.Context, seen *UserItems, items, first int, kernels *kernel.Set) (*ItemItem, error) {
	if s.L2 == 0 {
		s.L2 = 400
	}
	if s.L2 < 0 || s.Neighbors < 0 {
		return nil, fmt.Errorf(`model "ease": l2 %v and neighbors %d have to be positive`, s.L2, s.Neighbors)
	}
	n := items - first
	if n > easeItems {
		return nil, fmt.Errorf(`model "ease": %d items; the matrix of more than %d does not fit: raise min_frequency of the item's key, or use item_knn`,
			n, easeItems)
	}
	if n > easeServed && s.Neighbors == 0 {
		return nil, fmt.Errorf(`model "ease": all weights between %d items are a table of %.1f GB, more than %d items may have; keep the greatest with neighbors: 500`,
			n, float64(n)*float64(n)*4/1e9, easeServed)
	}
	if kernels == nil {
		kernels = kernel.Best()
	}
	workers := runtime.GOMAXPROCS(0)
	p, err := seen.gram(ctx, workers, items, first)
	if err != nil {
		return nil, err
	}
	for i := range n {
		p[i*n+i] += float32(s.L2)
	}
	if err := linear.Invert(ctx, kernels, workers, p, n); err != nil {
		return nil, fmt.Errorf(`model "ease": %w`, err)
	}
	inverse := make([]float32, n) // -1 / the diagonal
	for i := range n {
		inverse[i] = -1 / p[i*n+i]
	}
	if s.Neighbors > 0 {
		nearest := newNearest(items, first, s.Neighbors)
		err := parallel.Do(workers, n, func(j int) error {
			column := p[j*n : (j+1)*n] // P is symmetric
			kernels.Scale(column, inverse[j], column)
			column[j] = 0
			nearest.keep(first+j, column)
			return nil
		})
		return nearest.model("ease"), err
	}
	m := &ItemItem{Name: "ease", Weights: tensor.Zeros(tensor.Float32, items, items), First: first}
	return m, parallel.Do(workers, n, func(i int) error {
		row := p[i*n : (i+1)*n]
		kernels.Mul(row, row, inverse)
		row[i] = 0
		copy(tensor.MustData[float32](m.Weights)[(first+i)*items+first:], row)
		return nil
	})
}

// gram returns XᵀX of the items from first on, [n,n]: in how many sets two items are together.
func (s *UserItems) gram(ctx context.Context, workers, items, first int) ([]float32, error) {
	n := items - first
	g := make([]float32, n*n)
	return g, s.sets(first, items).together(ctx, workers, items, func(i int, counts []int32) {
		row := g[(i-first)*n : (i-first+1)*n]
		for j, c := range counts[first:] {
			row[j] = float32(c)
		}
	}, first)
}

// together counts, for every item from first on, how many users have it together with each other item, and itself how
// often, and calls f with the counts by item index, which are f's until it returns. Calls come from several goroutines.
func (s *UserItems) together(ctx context.Context, workers, items int, f func(item int, counts []int32), first int) error {
	users := s.inverted(items)
	const chunk = 64
	return parallel.Do(workers, (items-first+chunk-1)/chunk, func(c int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		counts := make([]int32, items)
		for i := first + c*chunk; i < min(first+(c+1)*chunk, items); i++ {
			clear(counts)
			for _, u := range users.Of(int32(i)) {
				for _, j := range s.Of(u) {
					counts[j]++
				}
			}
			f(i, counts)
		}
		return nil
	})
}
