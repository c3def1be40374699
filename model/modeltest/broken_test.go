package modeltest_test

import (
	"sync/atomic"
	"testing"

	"recsys/graph"
	"recsys/internal/portable"
	"recsys/layer"
	"recsys/model"
	"recsys/model/modeltest"
	"recsys/schema"
)

// brokenRetriever is a matrix factorisation with history, right but for what its functions change.
type brokenRetriever struct {
	s            schema.Schema
	prefix       string // of parameters; "" means the name
	query, items func(b *graph.Builder, x *graph.Value, columns model.Columns) *graph.Value
	init         graph.Initializer
}

func (brokenRetriever) Name() string { return "broken" }

func (m brokenRetriever) Schema() schema.Schema { return m.s }

func (m brokenRetriever) table(name string) layer.Embedding {
	c, _ := m.s.Column(name)
	return layer.Embedding{Name: name, Rows: c.Cardinality, Dim: 4, Init: m.init}
}

func (m brokenRetriever) scope(b *graph.Builder) func() {
	if m.prefix != "" {
		return b.Scope(m.prefix)
	}
	return b.Scope("broken")
}

func (m brokenRetriever) Query(b *graph.Builder, columns model.Columns) *graph.Value {
	defer m.scope(b)()
	x := m.table("user_id").Apply(b, columns["user_id"])
	x = b.Add(x, layer.ListEmbedding{Embedding: m.table("item_id")}.Apply(b, columns["history"]))
	if m.query != nil {
		x = m.query(b, x, columns)
	}
	return x
}

func (m brokenRetriever) Items(b *graph.Builder, columns model.Columns) *graph.Value {
	defer m.scope(b)()
	x := m.table("item_id").Apply(b, columns["item_id"])
	if m.items != nil {
		x = m.items(b, x, columns)
	}
	return x
}

// expectOnly fails unless exactly the checks named want (all of them, when several may see the fault) reject.
func expectOnly(t *testing.T, checks []modeltest.Check, want ...string) {
	t.Helper()
	wanted := map[string]bool{}
	for _, name := range want {
		wanted[name] = true
	}
	for _, c := range checks {
		err := c.Run(t.Context())
		switch {
		case err == nil && wanted[c.Name]:
			t.Errorf("check %q passes", c.Name)
		case err != nil && !wanted[c.Name]:
			t.Errorf("check %q rejects: %v", c.Name, err)
		case err != nil:
			t.Logf("check %q: %v", c.Name, err)
		}
	}
}

func TestBrokenRetrieversAreRejected(t *testing.T) {
	var draws atomic.Int64
	tests := []struct {
		name string
		m    brokenRetriever
		want []string
	}{
		{"nothing", brokenRetriever{}, nil},
		{"parameters without the model's name", brokenRetriever{prefix: "other"}, []string{"names and shapes"}},
		{"query minus the batch's mean", brokenRetriever{
			query: func(b *graph.Builder, x *graph.Value, _ model.Columns) *graph.Value {
				return b.Sub(x, b.ReduceMean(x, []int64{0}, true))
			},
		}, []string{"queries stand alone"}},
		{"items minus the batch's mean", brokenRetriever{
			items: func(b *graph.Builder, x *graph.Value, _ model.Columns) *graph.Value {
				return b.Sub(x, b.ReduceMean(x, []int64{0}, true))
			},
		}, []string{"items stand alone", "items have any leading axes"}},
		{"padding counted in the mean", brokenRetriever{
			query: func(b *graph.Builder, x *graph.Value, columns model.Columns) *graph.Value {
				p := b.Param("embedding/item_id", graph.Dims(27, 4), nil)
				return b.Add(x, b.ReduceMean(b.Gather(p, columns["history"], 0), []int64{1}, false))
			},
		}, []string{"padding is ignored", "more padding changes nothing"}},
		{"a parameter that nothing teaches", brokenRetriever{
			query: func(b *graph.Builder, x *graph.Value, _ model.Columns) *graph.Value {
				return b.Add(x, b.Mul(b.Param("useless", graph.Dims(4), graph.Constant(1)), b.Float32(0)))
			},
		}, []string{"every parameter has a gradient"}},
		{"items that are all the same", brokenRetriever{
			items: func(b *graph.Builder, x *graph.Value, _ model.Columns) *graph.Value {
				return b.Add(b.Mul(x, b.Float32(0)), b.Float32(1))
			},
		}, []string{"learns by softmax", "learns by pairs"}}, // the table still learns as history
		{"initial values from outside the seed", brokenRetriever{
			init: func(_ *portable.Rand, _ []int, data []float32) {
				start := draws.Add(1)
				for i := range data {
					data[i] = float32(portable.Sin(float64(start)+float64(i))) / 20
				}
			},
		}, []string{"items have any leading axes", "workers and runs agree"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			expectOnly(t, modeltest.RetrieverChecks(func(s schema.Schema) (model.Retriever, error) {
				m := tc.m
				m.s = s
				return m, nil
			}), tc.want...)
		})
	}
}

// brokenRanker is right but for what its function changes.
type brokenRanker struct {
	s      schema.Schema
	change func(b *graph.Builder, logits *graph.Value, candidates model.Columns) *graph.Value
}

func (brokenRanker) Name() string { return "broken" }

func (m brokenRanker) Schema() schema.Schema { return m.s }

func (brokenRanker) Tasks() []string { return []string{"like"} }

func (m brokenRanker) Logits(b *graph.Builder, query, candidates model.Columns) []*graph.Value {
	defer b.Scope("broken")()
	user := layer.Embedding{Name: "user_id", Rows: 43, Dim: 4}.Apply(b, query["user_id"])
	item := layer.Embedding{Name: "item_id", Rows: 27, Dim: 4}.Apply(b, candidates["item_id"])
	logits := b.ReduceSum(b.Mul(b.Unsqueeze(user, []int64{1}), item), []int64{-1}, false)
	if m.change != nil {
		logits = m.change(b, logits, candidates)
	}
	return []*graph.Value{logits}
}

func TestBrokenRankersAreRejected(t *testing.T) {
	tests := []struct {
		name   string
		change func(b *graph.Builder, logits *graph.Value, candidates model.Columns) *graph.Value
		want   []string
	}{
		{"nothing", nil, nil},
		{"a bias of the best candidate", func(b *graph.Builder, x *graph.Value, _ model.Columns) *graph.Value {
			return b.Sub(x, b.Mul(b.Float32(0.5), b.ReduceMax(x, []int64{1}, true)))
		}, []string{"candidates stand alone"}},
		{"a bias of the batch", func(b *graph.Builder, x *graph.Value, _ model.Columns) *graph.Value {
			return b.Sub(x, b.Mul(b.Float32(0.5), b.ReduceMean(x, []int64{0}, true)))
			// A single candidate's mean over the batch is added up in another order, which shows in the last bits.
		}, []string{"queries stand alone", "candidates stand alone"}},
		{"the mean over candidates", func(b *graph.Builder, x *graph.Value, _ model.Columns) *graph.Value {
			return b.ReduceMean(x, []int64{1}, true)
		}, []string{"names and shapes", "candidates stand alone"}},
		{"a tag list with its padding", func(b *graph.Builder, x *graph.Value, candidates model.Columns) *graph.Value {
			rows := layer.Embedding{Name: "tags", Rows: 8, Dim: 1}.Apply(b, candidates["tags"])
			return b.Add(x, b.Squeeze(b.ReduceSum(rows, []int64{2}, false), []int64{-1}))
		}, []string{"padding is ignored", "more padding changes nothing"}},
		{"no way for the labels to reach the ids", func(b *graph.Builder, x *graph.Value, _ model.Columns) *graph.Value {
			return b.Add(b.Mul(x, b.Float32(0)), b.Squeeze(b.Param("bias", graph.Dims(1, 1), graph.Zero()), []int64{0}))
		}, []string{"every parameter has a gradient", "learns"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			expectOnly(t, modeltest.RankerChecks(func(s schema.Schema) (model.Ranker, error) {
				return brokenRanker{s: s, change: tc.change}, nil
			}), tc.want...)
		})
	}
}

// TestBuildErrorsAreReported: a model that cannot be built fails every check with its reason.
func TestBuildErrorsAreReported(t *testing.T) {
	checks := modeltest.RetrieverChecks(func(schema.Schema) (model.Retriever, error) {
		return model.NewMatrixFactorization(nil, model.MatrixFactorization{})
	})
	for _, c := range checks {
		if err := c.Run(t.Context()); err == nil {
			t.Errorf("check %q passes", c.Name)
		}
	}
}
