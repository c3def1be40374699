package ensemble_test

import (
	"testing"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/graph"
	"recsys/internal/portable"
	"recsys/schema"
	"recsys/tensor"
)

// The little shop's sizes: V item indices of which 3 stand for no item, K candidates, N returned.
const (
	shopV, shopFirst, shopK, shopN, shopD = 12, 3, 6, 4, 4
)

func floats(seed uint64, name string, shape ...int) *tensor.Tensor {
	rng, t := portable.New(seed, name), tensor.Zeros(tensor.Float32, shape...)
	for i := range tensor.MustData[float32](t) {
		tensor.MustData[float32](t)[i] = rng.Float32() - 0.5
	}
	return t
}

// shopEnsemble is a whole recommender of seven stages with weights from a seed.
func shopEnsemble(tb testing.TB, seed uint64) ensemble.Ensemble {
	tb.Helper()
	must := func(s ensemble.Stage, err error) ensemble.Stage {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return s
	}
	build := func(name string, b *graph.Builder) ensemble.Stage {
		tb.Helper()
		g, err := b.Build()
		if err != nil {
			tb.Fatal(err)
		}
		return ensemble.Stage{Name: name, Graph: g}
	}
	batch := graph.Sym("B")

	w := graph.NewBuilder("workflow")
	user := w.Input("user_id", tensor.Int64, graph.Shape{batch})
	w.Output("user_id", w.LabelEncoder(user, tensor.Of([]int64{100, 101}, 2), tensor.Of([]int64{3, 4}, 2), tensor.Of([]int64{2}, 1)))
	w.Output("likes", w.Identity(w.Input("likes", tensor.Int64, graph.Shape{batch, graph.Fixed(3)})))
	g, err := w.Build()
	if err != nil {
		tb.Fatal(err)
	}

	q := graph.NewBuilder("query")
	vectors := q.Gather(q.Const("users", floats(seed, "users", 5, shopD)), q.Input("encoded_user_id", tensor.Int64, graph.Shape{batch}), 0)
	q.Output(stage.Query, vectors)

	r := graph.NewBuilder("rank")
	k := graph.Sym("K")
	prices := r.Input("item_price", tensor.Float32, graph.Shape{batch, k})
	users := r.Gather(r.Const("taste", floats(seed, "taste", 5, 1)), r.Input("encoded_user_id", tensor.Int64, graph.Shape{batch}), 0)
	r.Output("like", r.Sigmoid(r.Mul(prices, users)))

	keys := []string{"", "", "", "c", "d", "e", "f", "g", "h", "i", "j", "k"}
	return ensemble.Ensemble{
		Name: "shop", Outputs: []string{stage.ItemIDs, stage.Scores},
		Groups: []ensemble.Group{
			{Name: "prep", Stages: []ensemble.Stage{must(stage.Features(g)), build("query", q)}},
			{Name: "recall", Stages: []ensemble.Stage{
				must(stage.Retrieve(stage.Retrieval{Items: floats(seed, "items", shopV, shopD), First: shopFirst, Candidates: shopK})),
				must(stage.Filter(shopV, shopK)),
			}},
			{Name: "score", Stages: []ensemble.Stage{
				must(stage.Lookup(tensor.Map{"price": floats(7, "price", shopV)}, shopK)), build("rank", r),
				must(stage.Order(stage.Ordering{Keys: tensor.Of(keys, shopV), Task: "like", Candidates: shopK, Return: shopN})),
			}},
		},
	}
}

// shopManifest fits shopEnsemble; the column age is one that no stage reads.
func shopManifest() ensemble.Manifest {
	return ensemble.Manifest{
		UserKey: column("user_id", tensor.Int64, 0, schema.User, schema.ID),
		ItemKey: column("item_id", tensor.String, 0, schema.Item, schema.ID),
		Inputs: schema.Schema{
			column("likes", tensor.Int64, 3, schema.User),
			column("age", tensor.Float32, 0, schema.User),
			column("user_id", tensor.Int64, 0, schema.User, schema.ID),
		},
		Defaults: map[string]any{"age": 30.0},
		Blocked:  ensemble.ManifestBlocked{Input: "blocked", Bytes: 2},
		Outputs:  ensemble.ManifestOutputs{ItemIDs: "item_ids", Scores: "scores"},
		Limits:   ensemble.ManifestLimits{Candidates: shopK, MaxResults: shopN},
		Items:    ensemble.ManifestItems{First: shopFirst, Count: shopV - shopFirst},
	}
}
