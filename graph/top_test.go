package graph

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"recsys/graph/kernel"
)

// TestTopKRowAgreesWithHeap compares the two ways of selecting, which no caller can choose between: hence from inside.
// Few different values make many ties, and rows that rise or fall make every element beat the threshold or none.
func TestTopKRowAgreesWithHeap(t *testing.T) {
	for _, set := range kernel.Sets() {
		t.Run(set.Name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				n := rapid.OneOf(rapid.IntRange(1, 200), rapid.IntRange(2000, 9000)).Draw(t, "n")
				k := rapid.OneOf(rapid.IntRange(1, min(n, 20)), rapid.IntRange(1, n)).Draw(t, "k")
				largest := rapid.Bool().Draw(t, "largest")
				x := topKInput(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1)), n, rapid.IntRange(0, 4).Draw(t, "shape"))
				values, ids := make([]float32, k), make([]int64, k)
				if err := topKRow(&Run{Kernels: set}, values, ids, x, largest); err != nil {
					t.Fatal(err)
				}
				heap := selection[float32]{values: make([]float32, k), ids: make([]int64, k), stride: 1, k: k, largest: largest}
				if err := heap.take(x, n); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(ids, heap.ids) {
					t.Fatalf("ids are %v, the heap's are %v", ids, heap.ids)
				}
				for i, v := range values {
					if math.Float32bits(v) != math.Float32bits(heap.values[i]) {
						t.Fatalf("value %d is %v, the heap's is %v", i, v, heap.values[i])
					}
				}
			})
		})
	}
}

// topKInput draws a row: any values, few different ones, rising, falling, masked with infinities.
func topKInput(rng *rand.Rand, n, shape int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = 2*rng.Float32() - 1
		if shape == 1 {
			x[i] = float32(rng.IntN(5)-2) * float32(math.Copysign(1, float64(x[i]))) // zeros of both signs
		}
	}
	switch shape {
	case 2:
		slices.Sort(x)
	case 3:
		slices.Sort(x)
		slices.Reverse(x)
	case 4:
		for i := range x {
			if rng.IntN(10) > 0 {
				x[i] = float32(math.Inf(rng.IntN(2)*2 - 1))
			}
		}
	}
	return x
}

// TestTopKRowRefusesNaN puts one anywhere: where the row begins, in a block of the kernel's, in its tail.
func TestTopKRowRefusesNaN(t *testing.T) {
	const n = topSpare + 2*8 + 3*64 + 5
	for _, set := range kernel.Sets() {
		for at := range n {
			x := make([]float32, n)
			x[at] = float32(math.NaN())
			for _, largest := range []bool{true, false} {
				if err := topKRow(&Run{Kernels: set}, make([]float32, 8), make([]int64, 8), x, largest); err == nil {
					t.Errorf("%s: NaN at %d of %d went through", set.Name, at, n)
				}
			}
		}
	}
}

// TestSelectKeys allows no rounds, which is the sort alone, some, and as many as it takes.
func TestSelectKeys(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, rounds := range []int{0, 1, 3, 100} {
		for _, k := range []int{1, 7, 500, 999, 1000} {
			keys := make([]uint64, 1000)
			for i, v := range rng.Perm(len(keys)) {
				keys[i] = uint64(v)
			}
			selectKeys(keys, k, rounds)
			if got, want := keys[k-1], uint64(len(keys)-k); got != want {
				t.Errorf("%d rounds: key %d is %d, want %d", rounds, k-1, got, want)
			}
			if got, want := slices.Min(keys[:k]), uint64(len(keys)-k); got != want {
				t.Errorf("%d rounds: the least of the first %d keys is %d, want %d", rounds, k, got, want)
			}
		}
	}
}
