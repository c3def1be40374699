package model

import (
	"context"
	"fmt"
	"math"
	"runtime"
)

// ItemKNN are the settings of neighbours between items by cosine (Sarwar et al. 2001; the shrinkage is that of Bell and
// Koren 2007): with n[i] the users of item i and n[i,j] those of both, w[i,j] = n[i,j] / (√(n[i]·n[j]) + Shrink).
type ItemKNN struct {
	// Neighbors is for how many items i every item j keeps w[i,j]; 0 means 100.
	Neighbors int `json:"neighbors,omitempty"`
	// Shrink pulls weights that few users vouch for towards 0; 0 is the plain cosine.
	Shrink float64 `json:"shrink,omitempty"`
}

// Fit learns from the users' items, of which an item counts once for a user; items is V, those before first stand for
// none. It takes memory for Neighbors per item.
func (s ItemKNN) Fit(ctx context.Context, seen *UserItems, items, first int) (*ItemItem, error) {
	if s.Neighbors == 0 {
		s.Neighbors = 100
	}
	if s.Neighbors < 0 || !(s.Shrink >= 0) {
		return nil, fmt.Errorf(`model "item_knn": neighbors %d and shrink %v have to be positive`, s.Neighbors, s.Shrink)
	}
	sets := seen.sets(first, items)
	popularity := make([]float64, items)
	for _, item := range sets.items {
		popularity[item]++
	}
	nearest := newNearest(items, first, s.Neighbors)
	err := sets.together(ctx, runtime.GOMAXPROCS(0), items, func(i int, counts []int32) {
		row := make([]float32, items-first)
		for j, c := range counts[first:] {
			if c > 0 && j+first != i {
				row[j] = float32(float64(c) / (math.Sqrt(float64(popularity[i]*popularity[j+first])) + s.Shrink))
			}
		}
		nearest.keep(i, row)
	}, first)
	return nearest.model("item_knn"), err
}
