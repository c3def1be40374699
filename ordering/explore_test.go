package ordering_test

import (
	"math"
	"testing"

	"recsys/ordering"
)

// draws counts the answers of two items out of four by many seeds, and checks that each has the propensities that want gives it.
func draws(t *testing.T, p ordering.Policy, want func(first, second int) [2]float64) {
	t.Helper()
	const n = 40_000
	rules, q := compiled(t, p), request(t)
	q.Candidates, q.Results = q.Candidates[:4], 2
	counts := map[[2]int]int{}
	for seed := range uint64(n) {
		q.Seed = seed
		picks := order(t, rules, q)
		key := [2]int{picks[0].Item, picks[1].Item}
		counts[key]++
		for i, p := range want(key[0], key[1]) {
			if math.Abs(picks[i].Propensity-p) > 1e-9 { // float64, summed in another order
				t.Fatalf("answer %v: place %d has the propensity %v, want %v", key, i+1, picks[i].Propensity, p)
			}
		}
	}
	statistic := 0.0
	for first := range 4 {
		for second := range 4 {
			if first == second {
				continue
			}
			ps := want(first, second)
			expected := n * ps[0] * ps[1]
			statistic += math.Pow(float64(counts[[2]int{first, second}])-expected, 2) / expected
		}
	}
	// Chi-squared with 11 degrees of freedom is above 31.3 once in a thousand times; the seeds are fixed.
	if statistic > 31.3 {
		t.Errorf("chi-squared of the answers is %.1f, want at most 31.3: %v", statistic, counts)
	}
}

// Softmax sampling without replacement is the distribution of Plackett 1975: exp(s/T) over the sum of those that are left.
func TestSoftmaxIsExact(t *testing.T) {
	weight := func(item int) float64 { return math.Exp(float64(float32(10-item)/10) / 0.2) }
	all := weight(0) + weight(1) + weight(2) + weight(3)
	draws(t, ordering.Policy{Temperature: 0.2}, func(first, second int) [2]float64 {
		return [2]float64{weight(first) / all, weight(second) / (all - weight(first))}
	})
}

func TestEpsilonIsExact(t *testing.T) {
	const epsilon = 0.4
	draws(t, ordering.Policy{Epsilon: epsilon}, func(first, second int) [2]float64 {
		p := [2]float64{epsilon / 4, epsilon / 3}
		if first == 0 {
			p[0] += 1 - epsilon
		}
		best := 0
		if first == 0 {
			best = 1
		}
		if second == best {
			p[1] += 1 - epsilon
		}
		return p
	})
}

// A temperature far below the differences of scores is no chance at all, also when only the weights of worse items are left.
func TestSoftmaxOfALowTemperature(t *testing.T) {
	q := request(t)
	q.Results = 10
	for i, p := range order(t, compiled(t, ordering.Policy{Temperature: 1e-6}), q) {
		if p.Item != i || p.Propensity != 1 {
			t.Errorf("place %d has item %d with propensity %v, want item %d with 1", i+1, p.Item, p.Propensity, i)
		}
	}
}
