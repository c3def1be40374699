package model

import (
	"context"
	"fmt"
	"runtime"

	"recsys/graph/kernel"
	"recsys/internal/parallel"
)

// SLIM are the settings of the sparse linear method (Ning and Karypis 2011, equation 4): with X the users' items as zeros
// and ones, the weights of item j minimise ½·|x_j - X·w|² + ½·L2·|w|² + L1·Σw over w ≥ 0 with w_j = 0, and most of them are
// zero. Each item's problem is solved by coordinate descent.
type SLIM struct {
	// L1 makes weights zero; 0 means 10. An item that fewer than so many users have together with j has no weight for it.
	L1 float64 `json:"l1,omitempty"`
	// L2 keeps weights small; 0 means 100.
	L2 float64 `json:"l2,omitempty"`
	// Neighbors is the number of weights, the greatest, that every item j keeps; 0 means 200.
	Neighbors int `json:"neighbors,omitempty"`
	// Sweeps bounds the passes over the weights of an item; 0 means 30. They end where no weight moves by 1e-4.
	Sweeps int `json:"sweeps,omitempty"`
}

// slimItems is the greatest number of items, whose counts with one another take 4 bytes a pair.
const slimItems = 40_000

// slimMove is the greatest move of a weight in a sweep that ends the descent.
const slimMove = 1e-4

func (s SLIM) withDefaults() (SLIM, error) {
	if s.L1 == 0 {
		s.L1 = 10
	}
	if s.L2 == 0 {
		s.L2 = 100
	}
	if s.Neighbors == 0 {
		s.Neighbors = 200
	}
	if s.Sweeps == 0 {
		s.Sweeps = 30
	}
	if !(s.L1 > 0) || !(s.L2 > 0) || s.Neighbors < 0 || s.Sweeps < 0 {
		return s, fmt.Errorf(`model "slim": l1 %v, l2 %v, neighbors %d and sweeps %d have to be positive`, s.L1, s.L2, s.Neighbors, s.Sweeps)
	}
	return s, nil
}

// Fit learns from the users' items, of which an item counts once for a user; items is V, those before first stand for
// none. Nil kernels are kernel.Best(). The result depends on the kernel set alone.
func (s SLIM) Fit(ctx context.Context, seen *UserItems, items, first int, kernels *kernel.Set) (*ItemItem, error) {
	s, err := s.withDefaults()
	if err != nil {
		return nil, err
	}
	n := items - first
	if n > slimItems {
		return nil, fmt.Errorf(`model "slim": %d items; the counts of more than %d do not fit: raise min_frequency of the item's key, or use item_knn`,
			n, slimItems)
	}
	if kernels == nil {
		kernels = kernel.Best()
	}
	workers := runtime.GOMAXPROCS(0)
	gram, err := seen.gram(ctx, workers, items, first)
	if err != nil {
		return nil, err
	}
	nearest := newNearest(items, first, s.Neighbors)
	const chunk = 32
	err = parallel.Do(workers, (n+chunk-1)/chunk, func(c int) error {
		d := slimDescent{k: kernels, gram: gram, n: n, l1: float32(s.L1), l2: float32(s.L2), rest: make([]float32, n), w: make([]float32, n)}
		for j := c * chunk; j < min((c+1)*chunk, n); j++ {
			if err := ctx.Err(); err != nil {
				return err
			}
			d.solve(j, s.Sweeps)
			nearest.keep(first+j, d.w)
		}
		return nil
	})
	return nearest.model("slim"), err
}

// slimDescent solves the problems of some items.
type slimDescent struct {
	k       *kernel.Set
	gram    []float32
	n       int
	l1, l2  float32
	rest, w []float32 // XᵀX's column j minus XᵀX·w, and w
	active  []int
}

// solve finds the weights w of item j.
func (d *slimDescent) solve(j, sweeps int) {
	clear(d.w)
	copy(d.rest, d.gram[j*d.n:(j+1)*d.n])
	d.active = d.active[:0]
	// Counts are not negative, so that rest only falls: what is not above l1 now never gets a weight.
	for i, r := range d.rest {
		if i != j && r > d.l1 {
			d.active = append(d.active, i)
		}
	}
	for range sweeps {
		moved := float32(0)
		for _, i := range d.active {
			row := d.gram[i*d.n : (i+1)*d.n]
			w := max(0, (d.rest[i]+row[i]*d.w[i]-d.l1)/(row[i]+d.l2))
			if move := w - d.w[i]; move != 0 {
				d.w[i] = w
				d.k.AddScaled(d.rest, -move, row)
				moved = max(moved, move, -move)
			}
		}
		if moved < slimMove {
			return
		}
	}
}
