package train

import (
	"fmt"

	"recsys/graph"
	"recsys/loss"
	"recsys/model"
	"recsys/sampler"
)

// PairwiseLoss is a loss of scores [B,K] float32 whose column 0 is the positive and whose others are negatives; it returns
// the loss of every row, [B]. [loss.BPR], [loss.BPRMax], [loss.TOP1] and [loss.Hinge] are some.
type PairwiseLoss interface {
	Apply(b *graph.Builder, scores *graph.Value) *graph.Value
}

// Pairwise are the settings of a pairwise task.
type Pairwise struct {
	// Loss compares the scores; nil means loss.BPR.
	Loss PairwiseLoss
	// Negatives is the number of items that each positive is compared with; 0 means 1.
	Negatives int
	// Sampler draws the negatives; nil means uniformly from all items. Draws that the row's user has among the rows are
	// made again.
	Sampler sampler.Sampler
	// L2 is the weight of the squared length of the vectors of query, positive and negatives; 0 means none. Rendle et
	// al. 2009 have a weight each; here one serves.
	L2 float32
}

// NewPairwiseTask trains a retriever to score each row's item above drawn items that its user does not have among rows
// (by default as in Rendle et al. 2009).
func NewPairwiseTask(m model.Retriever, e *Examples, rows []int32, s Pairwise) (*Task, error) {
	if s.Negatives == 0 {
		s.Negatives = 1
	}
	if s.Negatives < 0 {
		return nil, fmt.Errorf("train %q: %d negatives; at least 1 is needed", m.Name(), s.Negatives)
	}
	if s.Loss == nil {
		s.Loss = loss.BPR{}
	}
	b := graph.NewBuilder(m.Name() + "_pairwise")
	b.Train()
	k := graph.Fixed(1 + s.Negatives)
	query := m.Query(b, model.QueryInputs(b, m.Schema()))
	items := m.Items(b, model.ItemInputs(b, m.Schema(), graph.Sym("B"), k))
	// [B,1,D]·[B,K,D] -> [B,K]
	scores := b.ReduceSum(b.Mul(b.Unsqueeze(query, []int64{1}), items), []int64{-1}, false)
	losses := s.Loss.Apply(b, scores)
	if s.L2 > 0 {
		length := b.Add(squaredLength(b, query), b.ReduceSum(squaredLength(b, items), []int64{-1}, false))
		losses = b.Add(losses, b.Mul(length, b.Float32(s.L2)))
	}
	g, err := finish(b, losses)
	if err != nil {
		return nil, fmt.Errorf("train %q: %w", m.Name(), err)
	}
	t, err := newTask(m.Name(), g, e, rows, 1+s.Negatives, nil)
	if err != nil {
		return nil, err
	}
	if s.Sampler == nil {
		if s.Sampler, err = sampler.NewUniform(e.First, tableRows(e.Items)); err != nil {
			return nil, fmt.Errorf("train %q: negatives: %w", m.Name(), err)
		}
	}
	n := negatives{sampler: s.Sampler, seen: NewUserItems(e, rows), user: e.User, k: 1 + s.Negatives}
	t.negatives = n.draw
	return t, nil
}

// tries bounds the draws for one negative: a user who has every item gets one of them.
const tries = 20

// negatives draws items 1 to k-1 of every row of a shard.
type negatives struct {
	sampler sampler.Sampler
	seen    *model.UserItems
	user    []int32
	k       int
}

func (n negatives) draw(d *draw) {
	one := make([]int64, 1)
	for i, r := range d.rows {
		for j := 1; j < n.k; j++ {
			for range tries {
				n.sampler.Sample(d.rng, one)
				if !n.seen.Has(n.user[r], int32(one[0])) {
					break
				}
			}
			d.items[i*n.k+j] = int32(one[0])
		}
	}
}

// NewUserItems collects the items that each user has among rows.
func NewUserItems(e *Examples, rows []int32) *model.UserItems {
	return model.NewUserItems(max(0, tableRows(e.Users)), e.User, e.Item, rows)
}
