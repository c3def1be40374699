package ensemble_test

import (
	"context"
	"fmt"
	"os"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// One stage that answers everybody with the same two items.
func Example() {
	b := graph.NewBuilder("popular")
	user := b.Input("user_id", tensor.Int64, graph.Shape{graph.Sym(ensemble.BatchDim)})
	first := b.Unsqueeze(b.Mul(user, b.Int64(0)), []int64{1})
	ids := b.Add(first, b.Int64s(7, 5))
	b.Output("item_ids", ids)
	b.Output("scores", b.Cast(ids, tensor.Float32))
	g, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	e := ensemble.Ensemble{
		Name: "top", Outputs: []string{"item_ids", "scores"},
		Groups: []ensemble.Group{{Name: "popular", Stages: []ensemble.Stage{{Name: "popular", Graph: g}}}},
	}
	key := func(name string) schema.Column {
		return schema.Column{Name: name, DType: schema.DType{DType: tensor.Int64}}
	}
	m := ensemble.Manifest{
		UserKey: key("user_id"), ItemKey: key("item_id"), Inputs: schema.Schema{key("user_id")},
		Outputs: ensemble.ManifestOutputs{ItemIDs: "item_ids", Scores: "scores"},
		Limits:  ensemble.ManifestLimits{Candidates: 2, MaxResults: 2}, Items: ensemble.ManifestItems{First: 3, Count: 2},
	}
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // A temporary folder.
	x, err := ensemble.Write(context.Background(), dir, e, m, ensemble.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	findings, err := ensemble.Validate(dir)
	fmt.Println(x.Generation, x.Steps[0].Model, x.Served, findings, err)
	// Output: 1 top_popular true [] <nil>
}
