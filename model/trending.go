package model

import (
	"fmt"

	"recsys/internal/portable"
	"recsys/schema"
)

// TrendingName is the name of the trending model.
const TrendingName = "trending"

// Trending are the settings of popularity with decay: an interaction counts 2^(-age/HalfLife).
type Trending struct {
	// HalfLife is the age in seconds at which an interaction counts half; 0 means a week.
	HalfLife float64 `json:"half_life,omitempty"`
}

// Fit counts interactions by their item indices, of V items, and times in seconds; the newest has age 0. Items before
// first are ignored. See [Popularity] for the model that comes of it.
func (t Trending) Fit(s schema.Schema, items []int32, times []int64, v, first int) (*Retrieval, error) {
	if t.HalfLife == 0 {
		t.HalfLife = 7 * 24 * 3600
	}
	if !(t.HalfLife > 0) {
		return nil, fmt.Errorf("model %q: half_life %v has to be positive", TrendingName, t.HalfLife)
	}
	if len(items) != len(times) {
		return nil, fmt.Errorf("model %q: %d items with %d times", TrendingName, len(items), len(times))
	}
	var newest int64
	for i, at := range times {
		if i == 0 || at > newest {
			newest = at
		}
	}
	counts := make([]float64, v)
	for i, item := range items {
		if item >= 0 && int(item) < v {
			counts[item] += portable.Pow(2, -float64(newest-times[i])/t.HalfLife)
		}
	}
	return constant(s, TrendingName, counts, first)
}
