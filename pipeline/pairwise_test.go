package pipeline

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/loss"
	"recsys/model/modeltest"
	"recsys/train"
)

// The tests are inside the package: what settings make of a task does not leave it.

func TestPairwiseLosses(t *testing.T) {
	for name, want := range map[string]train.PairwiseLoss{
		"": nil, "bpr": nil, "bpr_max": loss.BPRMax{}, "hinge": loss.Hinge{}, "top1": loss.TOP1{},
	} {
		task, err := PairwiseSettings{Loss: name}.task(pairwiseJob())
		if err != nil || task.Loss != want {
			t.Errorf("%q: %#v, %v; want %#v", name, task.Loss, err, want)
		}
	}
	task, err := PairwiseSettings{Loss: "hinge", Margin: 2, Negatives: 3}.task(pairwiseJob())
	if diff := cmp.Diff(train.Pairwise{Loss: loss.Hinge{Margin: 2}, Negatives: 3}, task); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	task, err = PairwiseSettings{Loss: "bpr_max", Regularization: 0.5}.task(pairwiseJob())
	if diff := cmp.Diff(train.Pairwise{Loss: loss.BPRMax{Regularization: 0.5}}, task); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func pairwiseJob() Job {
	e := modeltest.Examples()
	rows := make([]int32, e.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	return Job{Examples: e, Train: rows[:100]}
}

// TestPairwiseSamplers compares the chance of every item with the definition.
func TestPairwiseSamplers(t *testing.T) {
	j := pairwiseJob()
	counts := train.Counts(j.Examples, j.Train)
	first := j.Examples.First
	power := func(alpha float64) func(id int) float64 {
		return func(id int) float64 { return math.Pow(float64(counts[id]), alpha) }
	}
	tests := map[string]struct {
		settings PairwiseSettings
		weight   func(id int) float64
	}{
		"popularity": {PairwiseSettings{Sampler: "popularity"}, power(0.75)},
		"counts":     {PairwiseSettings{Sampler: "popularity", Exponent: 1}, power(1)},
		"log uniform": {PairwiseSettings{Sampler: "log_uniform"}, func(id int) float64 {
			return math.Log1p(1 / float64(id-first+1))
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			task, err := test.settings.task(j)
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for id := first; id < len(counts); id++ {
				sum += test.weight(id)
			}
			for id := first; id < len(counts); id++ {
				// float32 of a logarithm below 16 in magnitude.
				if got, want := float64(task.Sampler.LogProb(int64(id))), math.Log(test.weight(id)/sum); math.Abs(got-want) > 1e-5 {
					t.Errorf("item %d: log probability %g, want %g", id, got, want)
				}
			}
		})
	}
	if task, err := (PairwiseSettings{Sampler: "uniform"}).task(j); err != nil || task.Sampler != nil {
		t.Errorf("uniform: %v, %v; want the task's own", task.Sampler, err)
	}
}

func TestPairwiseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"loss: bprmax":                         `mf.loss: unknown "bprmax"`,
		"sampler: popular":                     `mf.sampler: unknown "popular"`,
		"margin: 2":                            "mf.margin is for loss: hinge",
		"loss: top1, regularization: 1":        "mf.regularization is for loss: bpr_max",
		"exponent: 1":                          "mf.exponent is for sampler: popularity",
		"negatives: -1":                        "mf.negatives is -1",
		"loss: hinge, margin: -1":              "mf.margin is -1",
		"sampler: popularity, exponent: -0.5":  "mf.exponent is -0.5",
		"loss: bpr_max, regularization: -0.25": "mf.regularization is -0.25",
	} {
		c, err := ParseConfig([]byte("name: a\ndata: {interactions: {path: x.csv, user: u, item: i}}\nfeatures: [{categorify: {columns: [u, i]}}]\n" +
			"retrieval:\n  - mf: {" + text + "}\n"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Standard().retrieval(c); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "line") {
			t.Errorf("%s: error %v, want one with %q and the line", text, err, want)
		}
	}
}
