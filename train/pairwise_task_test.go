package train_test

import (
	"testing"

	"recsys/loss"
	"recsys/model/modeltest"
	"recsys/sampler"
	"recsys/tensor"
	"recsys/train"
)

// TestPairwiseTakesItsLossAndSampler: a margin of 1000 is about the loss of first scores, which are near 0, and a sampler of
// one item draws that for everybody who does not have it.
func TestPairwiseTakesItsLossAndSampler(t *testing.T) {
	e := modeltest.Examples()
	counts := make([]int64, 27)
	counts[20] = 1
	one, err := sampler.NewPopularity(e.First, counts, 1)
	if err != nil {
		t.Fatal(err)
	}
	task := pairwise(t, train.Pairwise{Loss: loss.Hinge{Margin: 1000}, Sampler: one})
	ids := tensor.MustData[int64](inputs(t, task, rows(e))["item_item_id"])
	for i := range rows(e) {
		if ids[2*i+1] != 20 {
			t.Fatalf("row %d: negative %d, the sampler draws 20", i, ids[2*i+1])
		}
	}
	r, err := train.Fit(t.Context(), task, train.Options{Epochs: 1, BatchRows: e.Len()})
	if err != nil || r.Epochs[0].Loss < 990 || r.Epochs[0].Loss > 1010 {
		t.Errorf("%v, %v; want a loss near 1000", r, err)
	}
}
