package model_test

import (
	"maps"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/internal/portable"
	"recsys/model"
	"recsys/model/modeltest"
	"recsys/schema"
	"recsys/tensor"
)

func TestPopularity(t *testing.T) {
	e := modeltest.Examples()
	r, err := model.Popularity(e.Schema, []int64{9, 9, 9, 0, 5, 2}, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{0, 0, 0, 0, portable.Log1p32(5), portable.Log1p32(2)}
	if diff := cmp.Diff(want, tensor.MustData[float32](r.Items)); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	plan, err := exec.Compile(r.Query, exec.Options{Kernels: kernel.Portable()})
	if err != nil {
		t.Fatal(err)
	}
	out, err := plan.Run(t.Context(), tensor.Map{"encoded_user_id": tensor.Of([]int64{3, 0, 42}, 3)})
	if err != nil {
		t.Fatal(err)
	}
	if want := tensor.Of([]float32{1, 1, 1}, 3, 1); !out["query"].Equal(want) {
		t.Errorf("queries are %v, want ones %s", tensor.MustData[float32](out["query"]), want)
	}
}

// TestTrending: an item that is met often now is before one that was met more often, but long ago.
func TestTrending(t *testing.T) {
	e := modeltest.Examples()
	// Item 3 three times two half-lives ago, item 4 once now, item 5 once a half-life ago and once three ago.
	r, err := model.Trending{HalfLife: 10}.Fit(e.Schema, []int32{3, 3, 3, 4, 5, 5, 0}, []int64{80, 80, 80, 100, 90, 70, 100}, 6, 3)
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{0, 0, 0, float32(math.Log1p(0.75)), float32(math.Log1p(1)), float32(math.Log1p(0.625))}
	if diff := cmp.Diff(want, tensor.MustData[float32](r.Items), cmpopts.EquateApprox(1e-6, 0)); diff != "" {
		t.Errorf("scores (-want +got):\n%s", diff)
	}
	for _, s := range []model.Trending{{HalfLife: -1}, {HalfLife: math.NaN()}} {
		if _, err := s.Fit(e.Schema, nil, nil, 6, 3); err == nil || !strings.Contains(err.Error(), "half_life") {
			t.Errorf("%+v: error %v", s, err)
		}
	}
}

func TestPopularityWithoutUserKey(t *testing.T) {
	s := schema.Schema{{
		Name: "hour", DType: schema.DType{DType: tensor.Int64}, Length: 4, Cardinality: 27,
		Tags: []schema.Tag{schema.Context, schema.Categorical},
	}}
	r, err := model.Popularity(s, []int64{0, 0, 0, 1}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Query.Inputs[0].String(); got != "encoded_hour int64[B,4]" {
		t.Errorf("got input %s", got)
	}
}

// TestNewRetrieval checks that items before the first are zero, and that the towers' product is the model's score.
func TestNewRetrieval(t *testing.T) {
	e := modeltest.Examples()
	m, err := model.NewMatrixFactorization(e.Schema, model.MatrixFactorization{Dim: 2})
	if err != nil {
		t.Fatal(err)
	}
	state := tensor.Map{
		"mf/embedding/user_id":      tensor.Zeros(tensor.Float32, 43, 2),
		"mf/embedding/item_id":      tensor.Zeros(tensor.Float32, 27, 2),
		"mf/embedding/item_id_bias": tensor.Zeros(tensor.Float32, 27, 1),
	}
	for path, values := range map[string][]float32{
		"mf/embedding/item_id": {1, 2, 3, 4, 5, 6, 7, 8}, "mf/embedding/item_id_bias": {9, 9, 9, 10},
	} {
		copy(tensor.MustData[float32](state[path]), values)
	}
	r, err := model.NewRetrieval(t.Context(), m, state, e.Items, e.First, kernel.Portable())
	if err != nil {
		t.Fatal(err)
	}
	want := []float32{0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 8, 10}
	if diff := cmp.Diff(want, tensor.MustData[float32](r.Items)[:12]); diff != "" {
		t.Errorf("items (-want +got):\n%s", diff)
	}
	delete(state, "mf/embedding/user_id")
	_, err = model.NewRetrieval(t.Context(), m, state, e.Items, e.First, nil)
	if err == nil || !strings.Contains(err.Error(), `no tensor for parameter "mf/embedding/user_id"`) {
		t.Errorf("missing parameter: got %v", err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	s := modeltest.Examples().Schema
	drop := func(name string) schema.Schema {
		var out schema.Schema
		for _, c := range s {
			if c.Name != name {
				out = append(out, c)
			}
		}
		return out
	}
	uncounted := append(schema.Schema{}, s...)
	uncounted[1].Cardinality = 0
	tests := []struct {
		name  string
		build func() (any, error)
		want  string
	}{
		{"mf without users", func() (any, error) {
			return model.NewMatrixFactorization(drop("user_id"), model.MatrixFactorization{})
		}, "no categorical user id column"},
		{"two towers without item key", func() (any, error) {
			return model.NewTwoTower(drop("item_id"), model.TwoTower{})
		}, "no categorical item id column"},
		{"towers of two widths", func() (any, error) {
			return model.NewTwoTower(s, model.TwoTower{Query: []int{8}, Candidate: []int{8, 4}})
		}, "query ends in 8 units and candidate in 4"},
		{"negative recency", func() (any, error) {
			return model.NewTwoTower(s, model.TwoTower{Recency: []float32{-1}})
		}, "recency -1"},
		{"no cardinality", func() (any, error) {
			return model.NewDLRM(uncounted, model.DLRM{})
		}, `categorical column "segment" has no cardinality`},
		{"dlrm without items", func() (any, error) {
			return model.NewDLRM(s[:5], model.DLRM{})
		}, "no categorical or continuous item column that is a scalar"},
		{"counts below zero", func() (any, error) {
			return model.Popularity(s, []int64{0, -1}, 0)
		}, "item index 1 has the count -1"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			if _, err := tc.build(); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestTwoTowerSettings(t *testing.T) {
	e := modeltest.Examples()
	tests := []struct {
		name     string
		settings model.TwoTower
		want     []string // tables of the query
	}{
		{"shared history", model.TwoTower{}, []string{"hour", "item_id", "segment", "user_id"}},
		{"own history", model.TwoTower{OwnHistory: true}, []string{"history", "hour", "segment", "user_id"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			m, err := model.NewTwoTower(e.Schema, tc.settings)
			if err != nil {
				t.Fatal(err)
			}
			g, err := model.QueryGraph(m)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range g.Params {
				if name, ok := strings.CutPrefix(p.Path, "two_tower/embedding/"); ok {
					got = append(got, name)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("tables (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNormalizedTowersHaveLengthOne(t *testing.T) {
	e := modeltest.Examples()
	m, err := model.NewTwoTower(e.Schema, model.TwoTower{Dim: 4, Query: []int{4}, Candidate: []int{4}, Normalize: true})
	if err != nil {
		t.Fatal(err)
	}
	state := tensor.Map{}
	for _, build := range []func(model.Retriever) (*graph.Graph, error){model.QueryGraph, model.ItemGraph} {
		g, err := build(m)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.InitParams(1); err != nil {
			t.Fatal(err)
		}
		maps.Copy(state, g.State())
	}
	r, err := model.NewRetrieval(t.Context(), m, state, e.Items, e.First, kernel.Portable())
	if err != nil {
		t.Fatal(err)
	}
	for i := e.First; i < r.Items.Dim(0); i++ {
		length := 0.0
		for _, v := range tensor.MustData[float32](r.Items.Rows(i, i+1)) {
			length += float64(v) * float64(v)
		}
		if length < 0.999 || length > 1.001 {
			t.Errorf("item %d has the squared length %g", i, length)
		}
	}
}
