package sampler_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"recsys/model"
	"recsys/model/modeltest"
	"recsys/sampler/samplertest"
	"recsys/tensor"
	"recsys/train"
)

// ByGroup is the sampler of the how-to page: it draws a group of items, such as a category, and then one of its items, both
// uniformly, so that a small group is a negative as often as a large one.
type ByGroup struct {
	members [][]int64 // ids by group
	logProb []float32 // by id
}

// NewByGroup draws from the ids first to len(group)-1, with the groups indexed by id.
func NewByGroup(first int, group []int64) (*ByGroup, error) {
	if first < 0 || first >= len(group) {
		return nil, fmt.Errorf("sampler by group of ids %d to %d: there is none", first, len(group)-1)
	}
	s := &ByGroup{logProb: make([]float32, len(group))}
	at := map[int64]int{} // places in members, in the order of ids: the same for the same groups
	for id := first; id < len(group); id++ {
		if _, ok := at[group[id]]; !ok {
			at[group[id]] = len(s.members)
			s.members = append(s.members, nil)
		}
		s.members[at[group[id]]] = append(s.members[at[group[id]]], int64(id))
	}
	for id := range group {
		s.logProb[id] = float32(math.Inf(-1))
		if id >= first {
			s.logProb[id] = float32(-math.Log(float64(len(s.members) * len(s.members[at[group[id]]]))))
		}
	}
	return s, nil
}

// Sample implements sampler.Sampler.
func (s *ByGroup) Sample(src rand.Source, ids []int64) {
	r := rand.New(src)
	for i := range ids {
		group := s.members[r.IntN(len(s.members))]
		ids[i] = group[r.IntN(len(group))]
	}
}

// LogProb implements sampler.Sampler.
func (s *ByGroup) LogProb(id int64) float32 {
	if id < 0 || id >= int64(len(s.logProb)) {
		return float32(math.Inf(-1))
	}
	return s.logProb[id]
}

func TestByGroup(t *testing.T) {
	group := make([]int64, 1000) // ids 0 to 2 are none of items
	for id := range group {
		group[id] = int64(math.Sqrt(float64(id))) // of 1 to 63 items
	}
	if err := samplertest.Check(must(NewByGroup(3, group)), len(group)); err != nil {
		t.Error(err)
	}
}

// TestByGroupLogProb: half of the draws are of each group, here of 1 and of 3 items.
func TestByGroupLogProb(t *testing.T) {
	s := must(NewByGroup(1, []int64{7, 7, 9, 9, 9}))
	for id, want := range []float64{0, 1.0 / 2, 1.0 / 6, 1.0 / 6, 1.0 / 6, 0} {
		if got := math.Exp(float64(s.LogProb(int64(id)))); math.Abs(got-want) > 1e-7 { // float32
			t.Errorf("the probability of id %d is %v, want %v", id, got, want)
		}
	}
	for _, first := range []int{-1, 5} {
		if _, err := NewByGroup(first, make([]int64, 5)); err == nil {
			t.Errorf("no error for ids from %d on of 5", first)
		}
	}
}

// TestByGroupInTask: the negatives of a retriever's task are those of the sampler, which has only half of the items here.
func TestByGroupInTask(t *testing.T) {
	e := modeltest.Examples()
	m, err := model.NewMatrixFactorization(e.Schema, model.MatrixFactorization{Dim: 4})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]int32, e.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	categories := tensor.MustData[int64](e.Items["category"])
	half := len(categories) / 2
	s, err := NewByGroup(half, categories)
	if err != nil {
		t.Fatal(err)
	}
	task, err := train.NewPairwiseTask(m, e, rows, train.Pairwise{Negatives: 4, Sampler: s})
	if err != nil {
		t.Fatal(err)
	}
	in, err := task.Inputs(rows, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, id := range tensor.MustData[int64](in[model.ItemInput("item_id")]) {
		if negative := i%5 > 0; negative && id < int64(half) {
			t.Fatalf("row %d has the negative %d, which the sampler never draws", i/5, id)
		}
	}
}
