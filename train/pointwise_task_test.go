package train_test

import (
	"math"
	"strings"
	"testing"

	"recsys/model"
	"recsys/model/modeltest"
	"recsys/tensor"
	"recsys/train"
)

// withShare gives every fifth interaction the label 1 of a task share.
func withShare(e *train.Examples) *train.Examples {
	e.Labels["share"] = make([]float32, e.Len())
	for i := 0; i < e.Len(); i += 5 {
		e.Labels["share"][i] = 1
	}
	return e
}

// TestTaskWeights: the weighted mean of the tasks' losses, which weights of 1e9 to 1 leave one of.
func TestTaskWeights(t *testing.T) {
	e := withShare(modeltest.Examples())
	m, err := model.NewDLRM(e.Schema, model.DLRM{Dim: 8, Bottom: []int{8}, Top: []int{8}, Tasks: []string{"like", "share"}})
	if err != nil {
		t.Fatal(err)
	}
	loss := func(weights ...float32) float64 {
		t.Helper()
		task, err := train.NewPointwiseTask(m, e, rows(e), weights...)
		if err != nil {
			t.Fatal(err)
		}
		if err := task.Graph.InitParams(1); err != nil {
			t.Fatal(err)
		}
		for path, p := range task.Graph.State() {
			if strings.HasSuffix(path, "bias") { // Logits far from 0 make the loss depend on the share of label 1.
				for i := range p.Len() {
					tensor.MustData[float32](p)[i] = 2
				}
			}
		}
		// One step: the loss is that of the initial parameters.
		r, err := train.Fit(t.Context(), task, train.Options{Epochs: 1, BatchRows: e.Len()})
		if err != nil {
			t.Fatal(err)
		}
		return r.Epochs[0].Loss
	}
	like, share := loss(1e9, 1), loss(1, 1e9)
	for _, test := range []struct {
		weights []float32
		want    float64
	}{{nil, (like + share) / 2}, {[]float32{2, 2}, (like + share) / 2}, {[]float32{3, 1}, (3*like + share) / 4}, {[]float32{1, 7}, (like + 7*share) / 8}} {
		if got := loss(test.weights...); math.Abs(got-test.want) > 1e-5 { // float32 sums of 480 terms below 1
			t.Errorf("weights %v: loss %g, want %g", test.weights, got, test.want)
		}
	}
	if math.Abs(like-share) < 1e-3 { // a hundred times what is allowed above
		t.Errorf("the tasks have the losses %g and %g, which tell no weights apart", like, share)
	}
	for _, weights := range [][]float32{{1}, {1, 0}, {1, -1}, {float32(math.NaN()), 1}, {1, float32(math.Inf(1))}} {
		if _, err := train.NewPointwiseTask(m, e, rows(e), weights...); err == nil || !strings.Contains(err.Error(), "weight") {
			t.Errorf("weights %v: error %v", weights, err)
		}
	}
}
