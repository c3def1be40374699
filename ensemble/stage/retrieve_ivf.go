package stage

import (
	"errors"
	"fmt"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/tensor"
)

// Lists are inverted lists of items by which [RetrieveIVF] finds candidates.
type Lists struct {
	// Centroids is [C,D] float32.
	Centroids *tensor.Tensor
	// Items are the item indices of each list; every item that may be recommended is in one.
	Items [][]int32
	// Probes is the number of lists that a query looks at.
	Probes int
}

// RetrieveIVF makes a stage that does what [Retrieve] does, but looks at the items of a few lists alone: those whose centroids have the greatest product with the
// query (Jégou, Douze and Schmid 2011, section IV). The scores are the exact ones; an item in no list that was looked at is missed. Slots without an
// item, and items whose bit is set in blocked, have the score -inf.
//
// The lists are padded to the length S of the longest, and the probed ones have to hold K slots: P·S is at least K.
func RetrieveIVF(r Retrieval, l Lists) (ensemble.Stage, error) {
	fail := func(format string, args ...any) (ensemble.Stage, error) {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", RetrieveName, fmt.Errorf(format, args...))
	}
	if err := r.validate(); err != nil {
		return fail("%w", err)
	}
	if err := l.validate(r); err != nil {
		return fail("%w", err)
	}
	v, d, c, longest := r.Items.Dim(0), r.Items.Dim(1), len(l.Items), 0
	for _, list := range l.Items {
		longest = max(longest, len(list))
	}
	k := min(r.Candidates, v-r.First)
	slots := l.Probes * longest
	if slots < k {
		return fail("%d probed lists of %d items cannot hold %d candidates: probe more lists or make fewer", l.Probes, longest, k)
	}
	vectors, ids := l.padded(r.Items, longest)

	b := graph.NewBuilder(RetrieveName)
	batch := graph.Sym(ensemble.BatchDim)
	query := b.Input(Query, tensor.Float32, graph.Shape{batch, graph.Fixed(d)})
	blocked := b.Input(Blocked, tensor.Uint8, graph.Shape{batch, graph.Fixed(BlockedBytes(v))})

	_, probed := b.TopK(b.MatMul(query, b.Const("centroids", transposed(l.Centroids))), int64(l.Probes), 1) // [B,P]
	items := b.Reshape(b.Gather(b.Const("lists", tensor.Of(ids, c, longest)), probed, 0), b.Int64s(0, int64(slots)))
	// [B,P,D,S]: the lists lie so that a product with them runs over neighbours.
	near := b.Gather(b.Const("vectors", tensor.Of(vectors, c, d, longest)), probed, 0)
	row := b.Reshape(query, b.Int64s(0, 1, 1, int64(d)))
	scores := b.Reshape(b.MatMul(row, near), b.Int64s(0, int64(slots))) // [B,P·S]

	out := b.Or(bitOf(b, blocked, items), b.Less(items, b.Int64(int64(r.First))))
	top, at := b.TopK(b.Where(out, lowest(b), scores), int64(k), 1)
	// A slot of the padding has the item index 0.
	b.Output(Candidates, b.GatherElements(items, at, 1))
	b.Output(CandidateScores, top)
	return build(RetrieveName, b)
}

func (l Lists) validate(r Retrieval) error {
	if r.Items == nil {
		return errors.New("no item matrix: there are no vectors to look at")
	}
	if l.Centroids == nil || l.Centroids.DType() != tensor.Float32 || l.Centroids.Rank() != 2 ||
		l.Centroids.Dim(0) != len(l.Items) || l.Centroids.Dim(1) != r.Items.Dim(1) {
		return fmt.Errorf("%d lists with the centroids %v: want float32 [C,%d], one for each", len(l.Items), l.Centroids, r.Items.Dim(1))
	}
	if l.Probes < 1 || l.Probes > len(l.Items) {
		return fmt.Errorf("%d of %d lists probed: want 1 or more of them", l.Probes, len(l.Items))
	}
	seen := make([]bool, r.Items.Dim(0))
	n := 0
	for _, list := range l.Items {
		for _, i := range list {
			if int(i) < r.First || int(i) >= len(seen) || seen[i] {
				return fmt.Errorf("item index %d is in two lists, or none of %d to %d", i, r.First, len(seen)-1)
			}
			seen[i] = true
			n++
		}
	}
	if n != len(seen)-r.First {
		return fmt.Errorf("the lists hold %d of %d items", n, len(seen)-r.First)
	}
	return nil
}

// padded returns the lists' vectors [C,D,S], zero in the padding, and item indices [C,S], 0 there.
func (l Lists) padded(items *tensor.Tensor, longest int) (vectors []float32, ids []int64) {
	c, d := len(l.Items), items.Dim(1)
	data := tensor.MustData[float32](items)
	vectors, ids = make([]float32, c*d*longest), make([]int64, c*longest)
	for list, members := range l.Items {
		for slot, i := range members {
			ids[list*longest+slot] = int64(i)
			for j, x := range data[int(i)*d : (int(i)+1)*d] {
				vectors[(list*d+j)*longest+slot] = x
			}
		}
	}
	return vectors, ids
}
