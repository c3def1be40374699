package kernel_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"recsys/graph/kernel"
)

func TestExpSum(t *testing.T) {
	for _, set := range kernel.Sets() {
		rng := rand.New(rand.NewPCG(1, 30))
		for _, n := range lengths() {
			x, _ := guarded(t, rng, n)
			for i := range x {
				x[i] *= 20
			}
			if n > 3 {
				x[n/2] = float32(math.Inf(-1))
			}
			y, check := guarded(t, rng, n)
			sum := set.ExpSum(y, x, 7.3)
			check()
			want := 0.0
			for i, v := range x {
				exact := math.Exp(float64(v - 7.3))
				if e := ulps(y[i], exact); e > 1.5 { // as Exp
					t.Fatalf("%s: length %d: exp(%v-7.3) is %v, want %v", set.Name, n, v, y[i], exact)
				}
				want += float64(y[i])
			}
			// n roundings of partial sums of positive numbers.
			if math.Abs(float64(sum)-want) > float64(n)*0x1p-24*want {
				t.Errorf("%s: the sum of %d is %v, want %v", set.Name, n, sum, want)
			}
			if again := set.ExpSum(x, x, 7.3); again != sum || firstDifference(x, y) >= 0 {
				t.Errorf("%s: %d in place: the sum is %v, apart %v", set.Name, n, again, sum)
			}
			if n == 0 {
				continue
			}
			x[rng.IntN(n)] = float32(math.NaN())
			if sum := set.ExpSum(y, x, 0); sum == sum {
				t.Errorf("%s: the sum of %d with NaN is %v", set.Name, n, sum)
			}
		}
	}
}

func TestShift(t *testing.T) {
	for _, set := range kernel.Sets() {
		rng := rand.New(rand.NewPCG(1, 31))
		for _, n := range lengths() {
			x, _ := guarded(t, rng, n)
			y, check := guarded(t, rng, n)
			set.Shift(y, 0.3, x)
			check()
			set.Shift(x, 0.3, x)
			for i := range y {
				if want := x[i]; y[i] != want {
					t.Fatalf("%s: %d: element %d is %v, in place %v", set.Name, n, i, y[i], want)
				}
			}
			for i := range x {
				x[i] = float32(i)
			}
			set.Shift(y, 0.5, x)
			for i := range y {
				if want := float32(i) + 0.5; y[i] != want {
					t.Fatalf("%s: %d: element %d is %v, want %v", set.Name, n, i, y[i], want)
				}
			}
		}
	}
}

func TestNormalize(t *testing.T) {
	for _, set := range kernel.Sets() {
		rng := rand.New(rand.NewPCG(1, 32))
		for _, n := range lengths() {
			if n == 0 {
				set.Normalize(nil, nil, nil, nil, 0.1)
				continue
			}
			x, _ := guarded(t, rng, n)
			scale, _ := guarded(t, rng, n)
			bias, _ := guarded(t, rng, n)
			for i := range x {
				x[i] += 1000 // float32 would lose the variance
			}
			for _, b := range [][]float32{nil, bias} {
				y, check := guarded(t, rng, n)
				set.Normalize(y, x, scale, b, 1e-3)
				check()
				mean, variance := 0.0, 0.0
				for _, v := range x {
					mean += float64(v) / float64(n)
				}
				for _, v := range x {
					variance += (float64(v) - mean) * (float64(v) - mean) / float64(n)
				}
				for i, v := range x {
					z := (float64(v) - mean) / math.Sqrt(variance+1e-3)
					want, add := z*float64(scale[i]), 0.0
					if b != nil {
						add = float64(b[i])
					}
					// The quotient, the product and the sum are rounded to float32 once each.
					bound := 0x1p-24 * (2.1*math.Abs(want) + math.Abs(want+add) + 1e-5)
					if math.Abs(float64(y[i])-(want+add)) > bound {
						t.Fatalf("%s: %d: element %d is %v, want %v", set.Name, n, i, y[i], want+add)
					}
				}
				in := append([]float32{}, x...)
				set.Normalize(in, in, scale, b, 1e-3)
				if at := firstDifference(in, y); at >= 0 {
					t.Fatalf("%s: %d in place: element %d is %v, apart %v", set.Name, n, at, in[at], y[at])
				}
			}
			x[rng.IntN(n)] = float32(math.NaN())
			set.Normalize(x, x, scale, bias, 1e-3)
			for i, v := range x {
				if v == v {
					t.Fatalf("%s: %d with NaN: element %d is %v", set.Name, n, i, v)
				}
			}
		}
	}
}
