package layer

import (
	"errors"
	"fmt"
	"strconv"

	"recsys/graph"
)

// CompressedInteraction multiplies fields with one another vector by vector (the compressed interaction network of
// xDeepFM, Lian et al. 2018, equations 6 and 8): from X⁰ = x on, row h of X^l is Σ_ij W^l_hij·(X^{l-1}_i ⊙ X⁰_j), whose degree
// in x grows by one per layer, and every row is summed over the width of the vectors.
type CompressedInteraction struct {
	// Name makes the parameter paths "NAME/I/weight" [H·F,Maps[I]], H being the rows of the layer before.
	Name string
	// Maps are the numbers of rows of the layers, first to last; at least one.
	Maps []int
}

// Apply maps fields x [...,F,D] float32, whose F and D have to be fixed, to the sums of all rows of all layers,
// [...,ΣMaps].
func (c CompressedInteraction) Apply(b *graph.Builder, x *graph.Value) *graph.Value {
	f, d, err := fieldSizes(b, x)
	if err == nil && len(c.Maps) == 0 {
		err = errors.New("has no layers")
	}
	if err != nil {
		return b.Fail(fmt.Errorf("compressed interaction %q: %w", c.Name, err))
	}
	first := swapLast(b, x) // [...,D,F]
	rows, height := first, f
	shape := make([]int64, x.Rank()) // zeros keep the leading axes
	shape[x.Rank()-2] = int64(d)
	sums := make([]*graph.Value, len(c.Maps))
	for i, maps := range c.Maps {
		products := b.Mul(b.Unsqueeze(rows, []int64{-1}), b.Unsqueeze(first, []int64{-2})) // [...,D,H,F]
		shape[x.Rank()-1] = int64(height * f)
		weight := b.Param(c.Name+"/"+strconv.Itoa(i)+"/weight", graph.Dims(height*f, maps), graph.GlorotUniform())
		rows, height = b.MatMul(b.Reshape(products, b.Int64s(shape...)), weight), maps // [...,D,maps]
		sums[i] = b.ReduceSum(rows, []int64{-2}, false)
	}
	return Concat{}.Apply(b, sums...)
}

// fieldSizes returns F and D of fields [...,F,D].
func fieldSizes(b *graph.Builder, x *graph.Value) (f, d int, err error) {
	if d, err = width(b, x); err != nil {
		return 0, 0, err
	}
	if x.Rank() < 2 || !x.Shape()[x.Rank()-2].IsFixed() {
		return 0, 0, fmt.Errorf("input %s has no fixed number of fields; it has to be [...,F,D]", x)
	}
	return x.Shape()[x.Rank()-2].Size, d, nil
}
