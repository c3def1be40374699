package verify

import (
	"fmt"
	"math"
)

// The tolerances, relative to max(1, |score|).
const (
	tieTolerance   = 1e-5
	scoreTolerance = 1e-4
	// swapShare is the share of users that may have swaps.
	swapShare = 0.005
)

// List is one user's recommendations, best first.
type List struct {
	IDs    []string
	Scores []float64
}

// Report counts users.
type Report struct {
	Users int `json:"users"`
	// Swapped users have items of nearly equal score in another order.
	Swapped int `json:"swapped"`
	// Different users have another answer; Example tells of the first one.
	Different int    `json:"different"`
	Example   string `json:"example,omitempty"`
	// MaxDifference is the greatest difference of scores, relative to max(1, |score|).
	MaxDifference float64 `json:"max_difference"`
}

// Agrees reports whether the engines count as the same.
func (r Report) Agrees() bool {
	return r.Users > 0 && r.Different == 0 && float64(r.Swapped) <= swapShare*float64(r.Users)
}

// Add compares one user's answer with the reference.
func (r *Report) Add(user string, reference, got List) {
	r.Users++
	swapped, worst, fault := compare(reference, got)
	r.MaxDifference = math.Max(r.MaxDifference, worst)
	switch {
	case fault != "":
		r.Different++
		if r.Example == "" {
			r.Example = fmt.Sprintf("user %s: %s", user, fault)
		}
	case swapped:
		r.Swapped++
	}
}

// compare returns whether items of nearly equal score stand in another order, the greatest difference of scores, and
// what else is different.
func compare(reference, got List) (swapped bool, worst float64, fault string) {
	if len(reference.IDs) != len(got.IDs) {
		return false, 0, fmt.Sprintf("%d items, the reference has %d", len(got.IDs), len(reference.IDs))
	}
	once := make(map[string]bool, len(got.IDs))
	for i, id := range got.IDs {
		if once[id] {
			return false, 0, fmt.Sprintf("place %d has item %s for a second time", i+1, id)
		}
		once[id] = true
	}
	place := make(map[string]int, len(reference.IDs))
	for i, id := range reference.IDs {
		place[id] = i
	}
	for i, id := range got.IDs {
		want := reference.Scores[i]
		d := math.Abs(want-got.Scores[i]) / scale(want)
		if !(d <= scoreTolerance) { // NaN is a difference
			return swapped, d, fmt.Sprintf("place %d has the score %g, the reference %g", i+1, got.Scores[i], want)
		}
		worst = math.Max(worst, d)
		if id == reference.IDs[i] {
			continue
		}
		swapped = true
		// Beyond the end of the reference list stands nothing better than its last score.
		other := reference.Scores[len(reference.Scores)-1]
		if j, ok := place[id]; ok {
			other = reference.Scores[j]
		}
		if math.Abs(other-want) > tieTolerance*scale(want) {
			return swapped, worst, fmt.Sprintf("place %d has item %s, the reference %s", i+1, id, reference.IDs[i])
		}
	}
	return swapped, worst, ""
}

func scale(s float64) float64 { return math.Max(1, math.Abs(s)) }
