package model_test

import (
	"testing"

	"recsys/model"
	"recsys/model/modeltest"
	"recsys/schema"
)

func TestDLRM(t *testing.T) {
	modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) {
		return model.NewDLRM(s, model.DLRM{Dim: 8, Bottom: []int{8}, Top: []int{16}})
	})
}

// both are the world's tasks.
var both = []string{"like", "buy"}

func TestLogisticRegression(t *testing.T) {
	modeltest.LinearRanker(t, func(s schema.Schema) (model.Ranker, error) {
		return model.NewLogisticRegression(s, model.LogisticRegression{})
	})
	t.Run("two tasks", func(t *testing.T) {
		m, err := model.NewLogisticRegression(modeltest.Examples().Schema, model.LogisticRegression{Tasks: both})
		if err != nil {
			t.Fatal(err)
		}
		g, err := model.RankGraph(m)
		if err != nil {
			t.Fatal(err)
		}
		if len(g.Outputs) != 2 || g.Output("buy") == nil {
			t.Errorf("outputs are %v, want those of %v", g.Outputs, both)
		}
	})
}

func TestDeepFM(t *testing.T) {
	modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) {
		return model.NewDeepFM(s, model.DeepFM{Dim: 8, MLP: []int{16}, Tasks: both})
	})
}

func TestDCNv2(t *testing.T) {
	for name, settings := range map[string]model.DCNv2{
		"stacked":            {Dim: 4, CrossLayers: 2, MLP: []int{16}},
		"parallel, low rank": {Dim: 4, CrossLayers: 2, Rank: 3, MLP: []int{16}, Parallel: true, Tasks: both},
	} {
		t.Run(name, func(t *testing.T) {
			modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) { return model.NewDCNv2(s, settings) })
		})
	}
}

func TestMMoE(t *testing.T) {
	modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) {
		return model.NewMMoE(s, model.MMoE{Dim: 8, Experts: 3, Expert: []int{16}, Tower: []int{8}, Tasks: both})
	})
}
