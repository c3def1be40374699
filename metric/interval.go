package metric

import "slices"

// Samples is how often [Interval] and [PairedTest] draw.
const Samples = 1000

// Source is a stream of random numbers, such as a *rand.Rand of math/rand/v2: IntN is uniform in [0,n).
type Source interface {
	IntN(n int) int
	Uint64() uint64
}

// Mean is the mean of values with weights, which are as many and not negative; 0 where the weights are.
func Mean(values, weights []float64) float64 {
	sum, weight := 0.0, 0.0
	for i, v := range values {
		sum += weights[i] * v
		weight += weights[i]
	}
	return ratio(sum, weight)
}

func ratio(sum, weight float64) float64 {
	if weight == 0 {
		return 0
	}
	return sum / weight
}

// Interval is the 95 % interval of [Mean] over users, each with a value and a weight, by the bootstrap: users are drawn
// with replacement [Samples] times, and the interval goes from the 2.5th to the 97.5th percentile of the means (Efron,
// Tibshirani 1993, An Introduction to the Bootstrap, section 13.3). The same stream gives the same interval.
func Interval(values, weights []float64, random Source) (low, high float64) {
	if len(values) == 0 {
		return 0, 0
	}
	means := make([]float64, Samples)
	for s := range means {
		sum, weight := 0.0, 0.0
		for range values {
			i := random.IntN(len(values))
			sum += weights[i] * values[i]
			weight += weights[i]
		}
		means[s] = ratio(sum, weight)
	}
	slices.Sort(means)
	const tail = Samples / 40 // 2.5 %
	return means[tail], means[Samples-1-tail]
}

// PairedTest is the two-sided p-value of the difference of two systems' [Mean], of whose values a and b those at i are of
// the same user: the share of relabellings, in each of which every user's two values change places by a coin, whose
// difference is at least as large as the one seen (Smucker, Allan, Carterette 2007, A Comparison of Statistical
// Significance Tests for Information Retrieval Evaluation, section 3.2). The relabelling that was seen counts as one of
// the [Samples]+1, so that p is never 0.
func PairedTest(a, b, weights []float64, random Source) float64 {
	differences := make([]float64, len(a))
	seen, size := 0.0, 0.0
	for i := range a {
		differences[i] = weights[i] * (a[i] - b[i])
		seen += differences[i]
		size += max(differences[i], -differences[i])
	}
	// Sums in another order may differ by their rounding: they count as equal.
	bound := max(seen, -seen) - 1e-12*size
	extreme := 1
	for range Samples {
		sum := 0.0
		for block := range slices.Chunk(differences, 64) {
			coins := random.Uint64()
			for i, d := range block {
				if coins>>i&1 == 1 {
					d = -d
				}
				sum += d
			}
		}
		if max(sum, -sum) >= bound {
			extreme++
		}
	}
	return float64(extreme) / (Samples + 1)
}
