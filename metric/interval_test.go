package metric_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"recsys/metric"
)

func stream(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// noisy are n pairs, b better by about gain.
func noisy(n int, gain float64) (a, b, weights []float64) {
	random := stream(7)
	for range n {
		x := random.Float64()
		a, b = append(a, x), append(b, x+gain+0.2*(random.Float64()-0.5))
		weights = append(weights, float64(1+random.IntN(3)))
	}
	return a, b, weights
}

func TestInterval(t *testing.T) {
	values, weights := make([]float64, 400), make([]float64, 400)
	for i := range values {
		weights[i] = 1
		if i < 100 {
			values[i] = 1
		}
	}
	low, high := metric.Interval(values, weights, stream(1))
	// The normal approximation of a share of 0.25 of 400; a percentile of 1000 means strays by a tenth of the width.
	half := 1.96 * math.Sqrt(0.25*0.75/400)
	if math.Abs(low-(0.25-half)) > half/5 || math.Abs(high-(0.25+half)) > half/5 {
		t.Errorf("interval %v to %v, want about %v to %v", low, high, 0.25-half, 0.25+half)
	}
	// With all the weight, of 2 each, on equal values nothing varies.
	for i := range weights {
		weights[i] = 2 * values[i]
	}
	for i := range values {
		values[i] = 1 - values[i]/2
	}
	if low, high := metric.Interval(values, weights, stream(1)); low != 0.5 || high != 0.5 {
		t.Errorf("interval %v to %v of halves alone, want 0.5 to 0.5", low, high)
	}
	if low, high := metric.Interval(nil, nil, stream(1)); low != 0 || high != 0 {
		t.Errorf("interval %v to %v of nobody, want 0 to 0", low, high)
	}
}

func TestIntervalIsSeeded(t *testing.T) {
	a, _, weights := noisy(50, 0)
	low, high := metric.Interval(a, weights, stream(1))
	if l, h := metric.Interval(a, weights, stream(1)); l != low || h != high {
		t.Errorf("interval %v to %v and %v to %v from one seed", low, high, l, h)
	}
	if l, h := metric.Interval(a, weights, stream(2)); l == low && h == high {
		t.Error("another seed gives the same interval")
	}
}

// TestPairedTestEqualsEnumeration compares with all relabellings, one by one.
func TestPairedTestEqualsEnumeration(t *testing.T) {
	for _, gain := range []float64{0, 0.03, 0.06, 0.2} {
		a, b, weights := noisy(10, gain)
		seen, extreme := 0.0, 0
		for i := range a {
			seen += weights[i] * (a[i] - b[i])
		}
		for labels := range 1 << len(a) {
			sum := 0.0
			for i := range a {
				d := weights[i] * (a[i] - b[i])
				if labels>>i&1 == 1 {
					d = -d
				}
				sum += d
			}
			if math.Abs(sum) >= math.Abs(seen)-1e-12 {
				extreme++
			}
		}
		want := float64(extreme) / float64(int(1)<<len(a))
		got := metric.PairedTest(a, b, weights, stream(1))
		// Four standard deviations of a share of 1000, and the one that is counted on top.
		if tolerance := 4*math.Sqrt(want*(1-want)/metric.Samples) + 1.0/metric.Samples; math.Abs(got-want) > tolerance {
			t.Errorf("gain %v: p = %v, want %v ± %v", gain, got, want, tolerance)
		}
	}
}

// TestPairedTestIsPaired has a small gain that every user sees, below the noise between users.
func TestPairedTestIsPaired(t *testing.T) {
	a, b, weights := noisy(100, 0.1)
	if p := metric.PairedTest(a, b, weights, stream(1)); p > 0.01 {
		t.Errorf("p = %v of a gain that all users have, want below 0.01", p)
	}
	unpaired := slices.Concat(b[37:], b[:37])
	if p := metric.PairedTest(a, unpaired, weights, stream(1)); p < 0.01 {
		t.Errorf("p = %v where other users' values stand beside, want more", p)
	}
	if p := metric.PairedTest(a, a, weights, stream(1)); p != 1 {
		t.Errorf("p = %v of a system and itself, want 1", p)
	}
}
