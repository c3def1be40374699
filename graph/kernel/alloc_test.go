//go:build !race

package kernel_test

import (
	"math/rand/v2"
	"testing"

	"recsys/graph/kernel"
)

// The race detector makes pools forget, so allocations are counted without it.

func TestGemmAllocatesNothing(t *testing.T) {
	for _, set := range kernel.Sets() {
		for _, flags := range []int{0, 1, 2, 3} {
			n := 50
			if flags == 3 {
				n = 1
			}
			p := newProblem(rand.New(rand.NewPCG(1, 1)), flags == 1, flags == 2, false, 50, n, 50)
			p.g.Bias, p.g.Activation = random(n), kernel.Sigmoid
			if flags == 2 {
				p.g.Packed = set.Pack(p.g)
			}
			set.Gemm(p.g)
			// A collection of garbage may empty the pool of buffers: less than one allocation a run on average.
			if n := testing.AllocsPerRun(100, func() { set.Gemm(p.g) }); n >= 1 {
				t.Errorf("%s: %v allocations", set.Name, n)
			}
		}
	}
}
