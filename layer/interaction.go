package layer

import (
	"fmt"

	"recsys/graph"
	"recsys/tensor"
)

// DotInteraction is the feature interaction of DLRM (Naumov et al. 2019, section 2.1.3): the dot products of all pairs
// of F vectors, without the vectors' products with themselves.
type DotInteraction struct{}

// Apply takes F >= 2 vectors [...,D] and returns the products [...,F(F-1)/2] in the order (1,0), (2,0), (2,1), (3,0) ...
func (DotInteraction) Apply(b *graph.Builder, vectors ...*graph.Value) *graph.Value {
	f := len(vectors)
	if f < 2 {
		return b.Fail(fmt.Errorf("dot interaction of %d vectors; at least 2 are needed", f))
	}
	rows := make([]*graph.Value, f)
	for i, v := range vectors {
		rows[i] = b.Unsqueeze(v, []int64{-2})
	}
	x := b.Concat(-2, rows...) // [...,F,D]
	if b.Err() != nil {
		return b.Fail(nil)
	}
	last := x.Rank() - 1
	products := b.MatMul(x, swapLast(b, x)) // [...,F,F]
	shape := make([]int64, last)            // zeros keep the leading axes
	shape[last-1] = int64(f * f)
	flat := b.Reshape(products, b.Int64s(shape...))
	return b.MatMul(flat, b.Const("pairs", lowerTriangle(f)))
}

// lowerTriangle returns the matrix [F*F,F(F-1)/2] of zeros and ones whose product with a flattened [F,F] matrix is the
// part below its diagonal: exact, differentiable, and a plain MatMul for every runtime.
func lowerTriangle(f int) *tensor.Tensor {
	pairs := f * (f - 1) / 2
	data := make([]float32, f*f*pairs)
	column := 0
	for i := range f {
		for j := range i {
			data[(i*f+j)*pairs+column] = 1
			column++
		}
	}
	return tensor.Of(data, f*f, pairs)
}
