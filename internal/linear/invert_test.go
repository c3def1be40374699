package linear_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"recsys/graph/kernel"
	"recsys/internal/linear"
	"recsys/internal/portable"
)

// gram returns the co-occurrences of n items that popularity after Zipf decides, with ridge on the diagonal.
func gram(n int, ridge float32) []float32 {
	rng := portable.New(1, "gram")
	a := make([]float32, n*n)
	for range 300 {
		var items []int
		for i := range n {
			if rng.IntN(2+i/3) == 0 {
				items = append(items, i)
			}
		}
		for _, i := range items {
			for _, j := range items {
				a[i*n+j]++
			}
		}
	}
	for i := range n {
		a[i*n+i] += ridge
	}
	return a
}

func TestInvert(t *testing.T) {
	for _, set := range kernel.Sets() {
		for _, n := range []int{1, 5, 127, 128, 129, 300, 600} {
			a := gram(n, 10)
			var inverses [][]float32
			for _, workers := range []int{1, 3} {
				x := slices.Clone(a)
				if err := linear.Invert(t.Context(), set, workers, x, n); err != nil {
					t.Fatal(err)
				}
				inverses = append(inverses, x)
			}
			if !slices.Equal(inverses[0], inverses[1]) {
				t.Errorf("%s, n=%d: one worker and three differ", set.Name, n)
			}
			// The rows of A·A⁻¹, summed in float64. Numbers of the product are of size 1, the condition below a thousand.
			worst := 0.0
			for i := range n {
				for j := range n {
					sum := 0.0
					for k := range n {
						sum += float64(a[i*n+k]) * float64(inverses[0][k*n+j])
					}
					if i == j {
						sum--
					}
					worst = max(worst, math.Abs(sum))
				}
			}
			if !(worst < 2e-4) {
				t.Errorf("%s, n=%d: A times its inverse is off the identity by %g", set.Name, n, worst)
			}
		}
	}
}

func TestInvertRefuses(t *testing.T) {
	singular := gram(200, 0)
	for i := range 200 { // two equal rows and columns
		singular[i*200+150] = singular[i*200+149]
	}
	copy(singular[150*200:151*200], singular[149*200:150*200])
	err := linear.Invert(t.Context(), kernel.Portable(), 2, singular, 200)
	if err == nil || !strings.Contains(err.Error(), "not positive definite at row") {
		t.Errorf("a singular matrix: got %v", err)
	}
	if err := linear.Invert(t.Context(), kernel.Portable(), 2, make([]float32, 7), 3); err == nil {
		t.Error("7 numbers for a matrix of 3 rows: no error")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := linear.Invert(ctx, kernel.Portable(), 2, gram(10, 1), 10); err == nil {
		t.Error("a cancelled context: no error")
	}
}

func BenchmarkInvert(b *testing.B) {
	const n = 3400
	rng := portable.New(1, "bench")
	a := make([]float32, n*n)
	for i := range a {
		a[i] = rng.Float32()
	}
	for i := range n {
		for j := range i {
			a[i*n+j] = a[j*n+i]
		}
		a[i*n+i] += n
	}
	x := make([]float32, len(a))
	for b.Loop() {
		copy(x, a)
		if err := linear.Invert(b.Context(), kernel.Best(), 2, x, n); err != nil {
			b.Fatal(err)
		}
	}
}
