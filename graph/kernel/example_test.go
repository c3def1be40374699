package kernel_test

import (
	"fmt"

	"recsys/graph/kernel"
)

func Example() {
	k := kernel.Portable()
	a, b, c := []float32{1, 2, 3, 4}, []float32{1, 1, 1, 0}, make([]float32, 4)
	k.Gemm(kernel.Gemm{M: 2, N: 2, K: 2, A: a, B: b, C: c, LDA: 2, LDB: 2, LDC: 2})
	fmt.Println(c, k.Sum(c))
	// Output: [3 1 7 3] 14
}
