package stage

import (
	"fmt"
	"math"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/tensor"
)

// Retrieval is exact retrieval by inner product.
type Retrieval struct {
	// Items is the item matrix [V,D] float32. Nil means that the query is the scores of all items, [B,V].
	Items *tensor.Tensor
	// Count is V where Items is nil.
	Count int
	// First is the lowest item index that may be recommended: ids below it are padding, null and unknown items.
	First int
	// Candidates is K; it is clamped to the V-First items.
	Candidates int
}

// Retrieve makes a stage that returns each user's K items of the highest score, ties to the lower index. Items whose bit is set in
// blocked have the score -inf and come last.
func Retrieve(r Retrieval) (ensemble.Stage, error) {
	if err := r.validate(); err != nil {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", RetrieveName, err)
	}
	v := r.rows()
	b := graph.NewBuilder(RetrieveName)
	scores := r.scores(b, Query, "items")
	scores = b.Where(blockedItems(b, r.First, v), b.Float32(float32(math.Inf(-1))), scores)
	top, indices := b.TopK(scores, int64(min(r.Candidates, v-r.First)), 1)
	if r.First > 0 {
		indices = b.Add(indices, b.Int64(int64(r.First)))
	}
	b.Output(Candidates, indices)
	b.Output(CandidateScores, top)
	return build(RetrieveName, b)
}

// rows is V.
func (r Retrieval) rows() int {
	if r.Items == nil {
		return r.Count
	}
	return r.Items.Dim(0)
}

// scores declares the input query and returns the scores [B,V-First] of all items, from a constant of the given name if there is a matrix.
func (r Retrieval) scores(b *graph.Builder, query, items string) *graph.Value {
	v, d := r.rows(), r.Count
	if r.Items != nil {
		d = r.Items.Dim(1)
	}
	x := b.Input(query, tensor.Float32, graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(d)})
	if r.Items == nil {
		return b.SliceAxis(x, 1, int64(r.First), int64(v))
	}
	return b.MatMul(x, b.Const(items, transposed(r.Items.Rows(r.First, v))))
}

// blockedItems declares the input blocked and returns which of the items first to v it names, [B,v-first] bool.
func blockedItems(b *graph.Builder, first, v int) *graph.Value {
	blocked := b.Input(Blocked, tensor.Uint8, graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(BlockedBytes(v))})
	return b.SliceAxis(expand(b, blocked), 1, int64(first), int64(v))
}

func (r Retrieval) validate() error {
	if r.Items != nil && (r.Items.DType() != tensor.Float32 || r.Items.Rank() != 2) {
		return fmt.Errorf("item matrix is %v: want float32 [V,D]", r.Items)
	}
	if r.Items == nil && r.Count < 1 {
		return fmt.Errorf("item matrix is %v: want float32 [V,D], or a count of items", r.Items)
	}
	if r.First < 0 || r.First >= r.rows() {
		return fmt.Errorf("first item index %d: there are %d items", r.First, r.rows())
	}
	if r.Candidates < 1 {
		return fmt.Errorf("%d candidates: want 1 or more", r.Candidates)
	}
	return nil
}

// transposed returns [D,V] of [V,D], so that no run has to turn the matrix.
func transposed(t *tensor.Tensor) *tensor.Tensor {
	n, d := t.Dim(0), t.Dim(1)
	in := tensor.MustData[float32](t)
	out := make([]float32, len(in))
	for i := range n {
		for j := range d {
			out[j*n+i] = in[i*d+j]
		}
	}
	return tensor.Of(out, d, n)
}

// bits is a table [256,8]: the bits of every byte, lowest first.
func bits() *tensor.Tensor {
	table := make([]bool, 256*8)
	for i := range table {
		table[i] = i>>3>>(i&7)&1 == 1
	}
	return tensor.Of(table, 256, 8)
}

// expand turns a bitmap [B,W] into [B,8W] bool.
func expand(b *graph.Builder, bitmap *graph.Value) *graph.Value {
	rows := b.Gather(b.Const("bits", bits()), b.Cast(bitmap, tensor.Int32), 0) // [B,W,8]
	width := bitmap.Shape()[1].Size * 8
	return b.Reshape(rows, b.Int64s(0, int64(width)))
}
