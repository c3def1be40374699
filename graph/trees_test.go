package graph_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// stump asks whether the first column is at most 0.5 and votes yes or no; NaN counts as yes.
func stump(yes, no float32) graph.TreeEnsemble {
	return graph.TreeEnsemble{
		Nodes: []graph.TreeNode{
			{ID: 0, Mode: "BRANCH_LEQ", Value: 0.5, True: 1, False: 2, MissingTrue: true},
			{ID: 1, Mode: "LEAF"},
			{ID: 2, Mode: "LEAF"},
		},
		Votes: []graph.TreeVote{{Node: 1, Weight: yes}, {Node: 2, Weight: no}},
		Base:  []float32{1},
	}
}

func TestTreeEnsembleMethods(t *testing.T) {
	b := graph.NewBuilder("trees")
	x := b.Input("x", tensor.Float32, graph.Dims(2, 1))
	b.Output("score", b.TreeEnsembleRegressor(x, stump(2, 4), 1, "AVERAGE"))
	logistic := stump(-3, 0)
	logistic.Transform = "LOGISTIC"
	label, scores := b.TreeEnsembleClassifier(x, logistic, tensor.Of([]string{"no", "yes"}, 2))
	b.Output("label", label)
	b.Output("scores", scores)
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	out, err := graphtest.Run(g, tensor.Map{"x": tensor.Of([]float32{0.5, 1}, 2, 1)}, kernel.Portable())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float32{3, 5}, tensor.MustData[float32](out["score"])); diff != "" {
		t.Errorf("scores of the regressor (-want +got):\n%s", diff)
	}
	// The sums are -2 and 1.
	if diff := cmp.Diff([]string{"no", "yes"}, tensor.MustData[string](out["label"])); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	want := tensor.Of([]float32{0.880797, 0.119203, 0.268941, 0.731059}, 2, 2) // the sigmoids of 2, -2, -1 and 1
	if err := graphtest.Compare(out["scores"], want, 1e-6); err != nil {
		t.Errorf("scores of the classifier: %v", err)
	}
}

func TestTreeEnsembleClassifierRefusesLabels(t *testing.T) {
	b := graph.NewBuilder("trees")
	b.TreeEnsembleClassifier(b.Input("x", tensor.Float32, graph.Dims(2, 1)), stump(0, 1), tensor.Of([]float32{0, 1}, 2))
	if err := b.Err(); err == nil || !strings.Contains(err.Error(), "use int64 or string") {
		t.Errorf("got error %v, want one that names the types of labels", err)
	}
}
