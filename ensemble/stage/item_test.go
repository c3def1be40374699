package stage_test

import (
	"strings"
	"testing"

	"recsys/ensemble/stage"
	"recsys/graph"
	"recsys/tensor"
)

func TestItemKeys(t *testing.T) {
	s, err := stage.ItemKeys(tensor.Of([]string{"", "", "c", "d"}, 4), "sku", 3)
	if err != nil {
		t.Fatal(err)
	}
	out := run(t, s, tensor.Map{stage.Candidates: tensor.Of([]int64{3, 0, 2, 2, 2, 3}, 2, 3)})
	same(t, "keys", tensor.Of([]string{"d", "", "c", "c", "c", "d"}, 2, 3), out["raw_item_sku"])
}

// TestItemFeatures encodes candidates of two users as a table of six rows would be: a label and a list of labels by a
// vocabulary, and the sum of a list of numbers, which no row may take from another.
func TestItemFeatures(t *testing.T) {
	rows := graph.Sym("B")
	b := graph.NewBuilder("workflow")
	keys, ids := tensor.Of([]string{"x", "y"}, 2), tensor.Of([]int64{3, 4}, 2)
	encode := func(v *graph.Value) *graph.Value { return b.LabelEncoder(v, keys, ids, tensor.Of([]int64{2}, 1)) }
	b.Output("label", encode(b.Input("label", tensor.String, graph.Shape{rows})))
	b.Output("tags", encode(b.Input("tags", tensor.String, graph.Shape{rows, graph.Fixed(2)})))
	b.Output("size", b.ReduceSum(b.Input("sizes", tensor.Float32, graph.Shape{rows, graph.Fixed(2)}), []int64{1}, false))
	workflow, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	s, err := stage.ItemFeatures(workflow, "sku", 3)
	if err != nil {
		t.Fatal(err)
	}
	candidates := tensor.Of([]int64{5, 6, 7, 7, 6, 0}, 2, 3)
	out := run(t, s, tensor.Map{
		stage.Candidates: candidates,
		"raw_item_label": tensor.Of([]string{"x", "y", "z", "z", "y", ""}, 2, 3),
		"raw_item_tags":  tensor.Of([]string{"x", "y", "", "", "y", "x", "y", "x", "z", "z", "x", "x"}, 2, 3, 2),
		"raw_item_sizes": tensor.Of([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2, 3, 2),
	})
	same(t, "item_sku", candidates, out["item_sku"])
	same(t, "item_label", tensor.Of([]int64{3, 4, 2, 2, 4, 2}, 2, 3), out["item_label"])
	same(t, "item_tags", tensor.Of([]int64{3, 4, 2, 2, 4, 3, 4, 3, 2, 2, 3, 3}, 2, 3, 2), out["item_tags"])
	same(t, "item_size", tensor.Of([]float32{3, 7, 11, 15, 19, 23}, 2, 3), out["item_size"])
}

func TestItemStageErrors(t *testing.T) {
	_, empty := stage.ItemFeatures(nil, "", 3)
	_, none := stage.ItemFeatures(nil, "sku", 0)
	_, keys := stage.ItemKeys(tensor.Of([]float32{1}, 1), "sku", 3)
	for want, err := range map[string]error{
		`stage "item_features": want at least one column and one candidate`: empty,
		`stage "item_features": want at least one column`:                   none,
		`stage "item_keys": keys`:                                           keys,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
