package profile

import (
	"math"
	"slices"
	"sort"

	"recsys/internal/portable"
)

// Drift says how far the values of a column have moved from one set of rows to another.
type Drift struct {
	Column string `json:"column"`
	// PSI is the population stability index, the sum over bins of (q-p)*ln(q/p), p and q the bin's shares of the two: Lewis, An
	// introduction to credit scoring, 1994. Bins are the 30 most frequent values of the first, all others, and null; for numbers
	// the first's tenths, and null. A half is added to each count.
	PSI float64 `json:"psi"`
	// Noise is what PSI stays below where nothing has moved, but for one time in some hundred. With n and m rows it is about
	// (1/n+1/m) times a chi-square of bins-1 degrees of freedom (Yurdakul, Statistical properties of population stability index,
	// 2018, section 3); Noise is the mean of that and three standard deviations.
	Noise float64 `json:"noise"`
	// KS is the greatest distance of the two cumulative distributions (Kolmogorov, Smirnov), in [0,1]; nil for categories.
	KS *float64 `json:"ks,omitempty"`
}

// Shifted says that the values have moved beyond what chance does: PSI exceeds Noise by 0.1, from which on practice speaks of a
// shift (Siddiqi, Credit risk scorecards, 2006).
func (d Drift) Shifted() bool { return d.PSI-d.Noise > 0.1 }

// Compare compares columns of one name and type; false where one of them has no values.
func Compare(before, after *Column) (Drift, bool) {
	if before.Values == 0 || after.Values == 0 {
		return Drift{}, false
	}
	d := Drift{Column: before.Name}
	var p, q []int
	if before.few() {
		p, q = categories(before, after)
	} else {
		p, q = tenths(before, after)
		ks := distance(before.sample, after.sample)
		d.KS = &ks
	}
	n, m := 0, 0
	for i := range p {
		n, m = n+p[i], m+q[i]
	}
	half := float64(len(p)) / 2
	for i := range p {
		a, b := (float64(p[i])+0.5)/(float64(n)+half), (float64(q[i])+0.5)/(float64(m)+half)
		d.PSI += float64((b - a) * (portable.Log(b) - portable.Log(a)))
	}
	const deviations = 3
	freedom := float64(len(p) - 1)
	d.Noise = float64((freedom + float64(deviations*math.Sqrt(2*freedom))) * (1/float64(n) + 1/float64(m)))
	return d, true
}

// categoryBins is the number of values that have bins of their own.
const categoryBins = 30

// categories counts the frequent values of the first, the others and nulls.
func categories(before, after *Column) (p, q []int) {
	counts := make(map[string]int, len(after.every))
	for _, v := range after.every {
		counts[v.Value] = v.Count
	}
	restP, restQ := before.Values, after.Values
	for _, v := range before.every[:min(categoryBins, len(before.every))] {
		p, q = append(p, v.Count), append(q, counts[v.Value])
		restP, restQ = restP-v.Count, restQ-counts[v.Value]
	}
	return withRest(p, q, [2]int{restP, restQ}, [2]int{before.Nulls, after.Nulls})
}

// tenths counts values between the first's tenths, and nulls.
func tenths(before, after *Column) (p, q []int) {
	const parts = 10
	var edges []float64
	for i := 1; i < parts; i++ {
		edges = append(edges, before.sample[i*len(before.sample)/parts])
	}
	edges = slices.Compact(edges)
	p, q = make([]int, len(edges)+1), make([]int, len(edges)+1)
	for _, side := range []struct {
		sample []float64
		counts []int
	}{{before.sample, p}, {after.sample, q}} {
		for _, x := range side.sample {
			side.counts[sort.Search(len(edges), func(i int) bool { return edges[i] > x })]++
		}
	}
	// Nulls in the sample's scale.
	scaled := func(c *Column) int { return c.Nulls * len(c.sample) / c.Values }
	return withRest(p, q, [2]int{scaled(before), scaled(after)})
}

// withRest appends bins that are not empty in both.
func withRest(p, q []int, bins ...[2]int) (withP, withQ []int) {
	for _, b := range bins {
		if b[0] > 0 || b[1] > 0 {
			p, q = append(p, b[0]), append(q, b[1])
		}
	}
	return p, q
}

// distance is the greatest one of the cumulative distributions of sorted numbers.
func distance(a, b []float64) float64 {
	greatest, i, j := 0.0, 0, 0
	for i < len(a) && j < len(b) {
		x := min(a[i], b[j])
		for i < len(a) && a[i] == x {
			i++
		}
		for j < len(b) && b[j] == x {
			j++
		}
		d := float64(i)/float64(len(a)) - float64(j)/float64(len(b))
		greatest = max(greatest, d, -d)
	}
	return greatest
}
