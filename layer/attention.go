package layer

import (
	"errors"
	"fmt"
	"math"

	"recsys/graph"
	"recsys/tensor"
)

// MultiHeadAttention is scaled dot-product attention in several heads (Vaswani et al. 2017, section 3.2):
// softmax(QKᵀ/√d + mask)·V in each head of width d, with linear maps with biases before and behind it.
type MultiHeadAttention struct {
	// Name makes the parameter paths "NAME/query", "NAME/key", "NAME/value" and "NAME/out", each with "/weight" [D,D] and
	// "/bias" [D].
	Name string
	// Heads divide D; 0 means 1.
	Heads int
	// Causal lets place i of the queries see the places 0 to i of the keys alone.
	Causal bool
}

// masked is added to the scores of what is not seen: its exponential is 0 beside that of any score. Where nothing at all
// is seen, all places weigh alike.
const masked = -1e9

// Apply lets queries [B,L,D] float32 attend to keys [B,M,D], which are the values too, and returns [B,L,D]. L, M and D
// have to be fixed. Present [B,M] bool tells which keys count; nil means all.
func (a MultiHeadAttention) Apply(b *graph.Builder, queries, keys, present *graph.Value) *graph.Value {
	heads := max(a.Heads, 1)
	d, err := a.check(b, heads, queries, keys)
	if err != nil {
		return b.Fail(fmt.Errorf("attention %q: %w", a.Name, err))
	}
	l, m := queries.Shape()[1].Size, keys.Shape()[1].Size
	project := func(name string, x *graph.Value, places int) *graph.Value {
		y := Dense{Name: a.Name + "/" + name, Units: d, Activation: Linear}.Apply(b, x)
		return split(b, y, heads, places, d)
	}
	q, k, v := project("query", queries, l), project("key", keys, m), project("value", keys, m)
	scores := b.MatMul(b.Mul(q, b.Float32(1/float32(math.Sqrt(float64(d/heads))))), swapLast(b, k)) // [B,(H,)L,M]
	if a.Causal {
		scores = b.Add(scores, b.Const("causal", causal(l, m)))
	}
	if present != nil {
		axes := []int64{1}
		if heads > 1 {
			axes = []int64{1, 2}
		}
		scores = b.Add(scores, b.Unsqueeze(b.Where(present, b.Float32(0), b.Float32(masked)), axes))
	}
	y := b.MatMul(b.Softmax(scores, -1), v)
	if heads > 1 {
		y = b.Reshape(b.Transpose(y, []int64{0, 2, 1, 3}), b.Int64s(-1, int64(l), int64(d)))
	}
	return Dense{Name: a.Name + "/out", Units: d, Activation: Linear}.Apply(b, y)
}

// check returns D.
func (a MultiHeadAttention) check(b *graph.Builder, heads int, queries, keys *graph.Value) (int, error) {
	if err := b.Err(); err != nil {
		return 0, err
	}
	for _, x := range []*graph.Value{queries, keys} {
		if s := x.Shape(); x.Rank() != 3 || !s[1].IsFixed() || !s[2].IsFixed() {
			return 0, fmt.Errorf("of %s; queries and keys have to be [B,L,D] with fixed L and D", x)
		}
	}
	d := queries.Shape()[2].Size
	if keys.Shape()[2].Size != d {
		return 0, fmt.Errorf("queries %s and keys %s differ in width", queries, keys)
	}
	if d%heads != 0 || d == 0 {
		return 0, errors.New("the number of heads has to divide the width")
	}
	return d, nil
}

// split makes [B,H,L,d] of [B,L,D]; a single head stays as it is.
func split(b *graph.Builder, x *graph.Value, heads, places, d int) *graph.Value {
	if heads == 1 {
		return x
	}
	x = b.Reshape(x, b.Int64s(-1, int64(places), int64(heads), int64(d/heads)))
	return b.Transpose(x, []int64{0, 2, 1, 3})
}

// swapLast exchanges the last two axes of x.
func swapLast(b *graph.Builder, x *graph.Value) *graph.Value {
	if b.Err() != nil {
		return b.Fail(nil)
	}
	perm := make([]int64, x.Rank())
	for i := range perm {
		perm[i] = int64(i)
	}
	last := len(perm) - 1
	perm[last], perm[last-1] = perm[last-1], perm[last]
	return b.Transpose(x, perm)
}

// causal returns [L,M] with 0 where place j of the keys is not behind place i of the queries.
func causal(l, m int) *tensor.Tensor {
	data := make([]float32, l*m)
	for i := range l {
		for j := i + 1; j < m; j++ {
			data[i*m+j] = masked
		}
	}
	return tensor.Of(data, l, m)
}
