package ensembletest

import (
	"fmt"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/graph"
	"recsys/internal/portable"
	"recsys/schema"
	"recsys/tensor"
)

// The sizes of the shop: V item indices of which the first three stand for no item, K candidates, N returned, width D.
const (
	ShopItems      = 12
	ShopFirst      = 3
	ShopCandidates = 6
	ShopReturn     = 4
	shopWidth      = 4
)

func floats(seed uint64, name string, shape ...int) *tensor.Tensor {
	rng, t := portable.New(seed, name), tensor.Zeros(tensor.Float32, shape...)
	for i := range tensor.MustData[float32](t) {
		tensor.MustData[float32](t)[i] = rng.Float32() - 0.5
	}
	return t
}

// Shop returns a small recommender, complete with its manifest, for tests of what serves ensembles: two known users (100 and 101, int64), nine items
// (c to k, strings), seven stages in three groups, weights from the seed. The manifest has a column, age, that no stage reads.
func Shop(seed uint64) (ensemble.Ensemble, ensemble.Manifest, error) {
	var s shop
	features := s.features()
	query := s.query(seed)
	retrieve := s.take(stage.Retrieve(stage.Retrieval{
		Items: floats(seed, "items", ShopItems, shopWidth), First: ShopFirst, Candidates: ShopCandidates,
	}))
	filter := s.take(stage.Filter(ShopItems, ShopCandidates))
	lookup := s.take(stage.Lookup(tensor.Map{"price": Prices()}, nil, ShopCandidates))
	rank := s.rank(seed)
	order := s.take(stage.Order(stage.Ordering{
		Keys: shopKeys(), Blend: []stage.Term{{Tensor: "like", Weight: 1}}, Candidates: ShopCandidates, Return: ShopReturn,
	}))
	return ensemble.Ensemble{
		Name: "shop", Outputs: []string{stage.ItemIDs, stage.Scores},
		Explain: []string{stage.Query, stage.Candidates, stage.CandidateScores, stage.MaskedScores, "like"},
		Groups: []ensemble.Group{
			{Name: "prep", Stages: []ensemble.Stage{features, query}},
			{Name: "recall", Stages: []ensemble.Stage{retrieve, filter}},
			{Name: "score", Stages: []ensemble.Stage{lookup, rank, order}},
		},
	}, shopManifest(), s.err
}

// DenseShop is [Shop] with a ranker that multiplies with matrices: what TensorRT is for.
func DenseShop(seed uint64) (ensemble.Ensemble, ensemble.Manifest, error) {
	e, m, err := Shop(seed)
	if err != nil {
		return e, m, err
	}
	s := &shop{}
	for i, st := range e.Groups[2].Stages {
		if st.Name == stage.RankName {
			e.Groups[2].Stages[i] = s.denseRank(seed)
		}
	}
	return e, m, s.err
}

// SplitShop is [Shop] as two ensembles: callers bring the prices of the candidates, which [Prices] has, for the ranking. The item rows have
// a column, brand, that no stage reads.
func SplitShop(seed uint64) (ensemble.Ensemble, ensemble.Manifest, error) {
	e, m, err := Shop(seed)
	if err != nil {
		return e, m, err
	}
	s := &shop{}
	b := graph.NewBuilder("workflow")
	price := b.Input("price", tensor.Float32, graph.Shape{graph.Sym("rows")})
	b.Output("price", b.Where(b.IsNaN(price), b.Float32(0), price))
	workflow, err := b.Build()
	if err != nil {
		return e, m, err
	}
	recall, score := &e.Groups[1], &e.Groups[2]
	recall.Stages = append(recall.Stages, s.take(stage.ItemKeys(shopKeys(), "item_id", ShopCandidates)))
	score.Stages[0] = s.take(stage.ItemFeatures(workflow, "", ShopCandidates))
	score.Ranking, e.Keys = true, stage.RawItem("item_id")
	row := schema.Schema{column("price", tensor.Float32, 0, schema.Item), column("brand", tensor.String, 0, schema.Item)}
	m.Ranking = &ensemble.ManifestRanking{
		Columns: row, Row: row, RowHash: "9df53e8f", Defaults: map[string]any{"price": 0.125, "brand": "none"},
	}
	return e, m, s.err
}

// Prices are those of the items, by item index, [V] float32.
func Prices() *tensor.Tensor { return floats(7, "price", ShopItems) }

func shopKeys() *tensor.Tensor {
	return tensor.Of([]string{"", "", "", "c", "d", "e", "f", "g", "h", "i", "j", "k"}, ShopItems)
}

// shop collects the first error of its stages.
type shop struct{ err error }

func (s *shop) take(st ensemble.Stage, err error) ensemble.Stage {
	if s.err == nil && err != nil {
		s.err = fmt.Errorf("shop: %w", err)
	}
	return st
}

func (s *shop) build(name string, b *graph.Builder) ensemble.Stage {
	g, err := b.Build()
	return s.take(ensemble.Stage{Name: name, Graph: g}, err)
}

func (s *shop) features() ensemble.Stage {
	b := graph.NewBuilder("workflow")
	batch := graph.Sym(ensemble.BatchDim)
	user := b.Input("user_id", tensor.Int64, graph.Shape{batch})
	b.Output("user_id", b.LabelEncoder(user, tensor.Of([]int64{100, 101}, 2), tensor.Of([]int64{3, 4}, 2), tensor.Of([]int64{2}, 1)))
	b.Output("likes", b.Identity(b.Input("likes", tensor.Int64, graph.Shape{batch, graph.Fixed(3)})))
	g, err := b.Build()
	if err != nil {
		return s.take(ensemble.Stage{}, err)
	}
	return s.take(stage.Features(g))
}

func (s *shop) query(seed uint64) ensemble.Stage {
	b := graph.NewBuilder(stage.QueryName)
	user := b.Input(stage.Encoded("user_id"), tensor.Int64, graph.Shape{graph.Sym(ensemble.BatchDim)})
	likes := b.Input(stage.Encoded("likes"), tensor.Int64, graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(3)})
	taste := b.MatMul(b.Cast(likes, tensor.Float32), b.Const("likes", floats(seed, "likes", 3, shopWidth)))
	b.Output(stage.Query, b.Add(b.Gather(b.Const("users", floats(seed, "users", 5, shopWidth)), user, 0), taste))
	return s.build(stage.QueryName, b)
}

func (s *shop) rank(seed uint64) ensemble.Stage {
	b := graph.NewBuilder(stage.RankName)
	batch := graph.Sym(ensemble.BatchDim)
	prices := b.Input(stage.Item("price"), tensor.Float32, graph.Shape{batch, graph.Sym("K")})
	user := b.Input(stage.Encoded("user_id"), tensor.Int64, graph.Shape{batch})
	taste := b.Gather(b.Const("taste", floats(seed, "taste", 5, 1)), user, 0)
	b.Output("like", b.Sigmoid(b.Mul(prices, taste)))
	return s.build(stage.RankName, b)
}

func (s *shop) denseRank(seed uint64) ensemble.Stage {
	const hidden = 8
	b := graph.NewBuilder(stage.RankName)
	batch := graph.Sym(ensemble.BatchDim)
	prices := b.Unsqueeze(b.Input(stage.Item("price"), tensor.Float32, graph.Shape{batch, graph.Sym("K")}), []int64{2})
	user := b.Input(stage.Encoded("user_id"), tensor.Int64, graph.Shape{batch})
	taste := b.Unsqueeze(b.Gather(b.Const("taste", floats(seed, "taste", 5, shopWidth)), user, 0), []int64{1})
	x := b.Add(b.MatMul(prices, b.Const("price", floats(seed, "price", 1, hidden))),
		b.MatMul(taste, b.Const("user", floats(seed, "user", shopWidth, hidden))))
	b.Output("like", b.Sigmoid(b.Squeeze(b.MatMul(b.Relu(x), b.Const("out", floats(seed, "out", hidden, 1))), []int64{2})))
	return s.build(stage.RankName, b)
}

func column(name string, d tensor.DType, length int, tags ...schema.Tag) schema.Column {
	return schema.Column{Name: name, DType: schema.DType{DType: d}, Length: length, Tags: tags}
}

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
		Blocked:  ensemble.ManifestBlocked{Input: stage.Blocked, Bytes: stage.BlockedBytes(ShopItems)},
		Outputs:  ensemble.ManifestOutputs{ItemIDs: stage.ItemIDs, Scores: stage.Scores},
		Limits:   ensemble.ManifestLimits{Candidates: ShopCandidates, MaxResults: ShopReturn},
		Items:    ensemble.ManifestItems{First: ShopFirst, Count: ShopItems - ShopFirst},
	}
}
