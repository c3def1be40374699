package pipeline

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"recsys/tensor"
)

// The test is inside the package: what a trainer makes of a block needs no data on disk then.

// TestTaskWeights trains with and without weights and reads what is wrong with some.
func TestTaskWeights(t *testing.T) {
	trained := func(weights string) ([]float32, error) {
		c, err := ParseConfig(fmt.Appendf(nil, "name: a\ndata: {interactions: {path: x.csv, user: u, item: i}}\nfeatures: [{categorify: {columns: [u, i]}}]\n"+
			"ranking:\n  logistic_regression: {tasks: [{name: like, binary: \"x > 1\"%s}, {name: share, binary: \"x > 2\"}], train: {epochs: 1}}\n", weights))
		if err != nil {
			t.Fatal(err)
		}
		trainer, err := Standard().ranking(c)
		if err != nil {
			return nil, err
		}
		j := pairwiseJob()
		j.Schema = j.Examples.Schema
		share := make([]float32, j.Examples.Len())
		for i := 0; i < len(share); i += 5 {
			share[i] = 1
		}
		j.Examples.Labels["share"] = share
		r, err := trainer.Train(t.Context(), j)
		if err != nil {
			t.Fatal(err)
		}
		var all []float32
		state := r.Graph.State()
		for _, path := range state.Names() {
			all = append(all, tensor.MustData[float32](state[path])...)
		}
		return all, nil
	}
	plain, err := trained("")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := trained(", weight: 9"); err != nil || slices.Equal(got, plain) {
		t.Errorf("a weight of 9 changes nothing (%v)", err)
	}
	if _, err := trained(", weight: -1"); err == nil || !strings.Contains(err.Error(), `task "like": the weight -1`) {
		t.Errorf("error %v, want one of the weight", err)
	}
}
