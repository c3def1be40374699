package model_test

import (
	"strings"
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

func TestFM(t *testing.T) {
	modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) { return model.NewFM(s, model.FM{Dim: 8, Tasks: both}) })
}

func TestWideDeep(t *testing.T) {
	for name, wide := range map[string][]string{"everything wide": nil, "two columns wide": {"segment", "category"}} {
		t.Run(name, func(t *testing.T) {
			modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) {
				return model.NewWideDeep(s, model.WideDeep{Dim: 8, Wide: wide, MLP: []int{16}, Tasks: both})
			})
		})
	}
}

func TestWideDeepColumns(t *testing.T) {
	s := modeltest.Examples().Schema
	m, err := model.NewWideDeep(s, model.WideDeep{Wide: []string{"segment", "category"}})
	if err != nil {
		t.Fatal(err)
	}
	g, err := model.RankGraph(m)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range g.Params {
		name := p.Path
		wide := strings.HasSuffix(name, "/segment") || strings.HasSuffix(name, "/category")
		if got := strings.HasPrefix(name, "wide_deep/linear/"); strings.Contains(name, "embedding/") && got != wide {
			t.Errorf("parameter %s is in the wide part: %v, want %v", name, got, wide)
		}
	}
	for want, columns := range map[string][]string{
		`no column "colour"`:                       {"colour", "category"},
		"wide: the wide part has no item column":   {"segment"},
		"no item column is left for the deep part": {"item_id", "category", "tags", "price"},
	} {
		if _, err := model.NewWideDeep(s, model.WideDeep{Wide: columns}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("wide columns %v: error %v, want %q", columns, err, want)
		}
	}
}

func TestXDeepFM(t *testing.T) {
	modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) {
		return model.NewXDeepFM(s, model.XDeepFM{Dim: 4, Maps: []int{3, 2}, MLP: []int{16}, Tasks: both})
	})
}

func TestAutoInt(t *testing.T) {
	modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) {
		return model.NewAutoInt(s, model.AutoInt{Dim: 4, Heads: 2, Width: 3, MLP: []int{16}, Tasks: both})
	})
}

func TestFinalMLP(t *testing.T) {
	for name, settings := range map[string]model.FinalMLP{
		"gated":    {Dim: 4, Users: []int{16, 8}, Items: []int{12}, Gate: 8, Heads: 2, Tasks: both},
		"no gates": {Dim: 4, Users: []int{16}, Items: []int{16}, Gate: -1, Heads: 1},
	} {
		t.Run(name, func(t *testing.T) {
			modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) { return model.NewFinalMLP(s, settings) })
		})
	}
}

func TestMaskNet(t *testing.T) {
	for name, settings := range map[string]model.MaskNet{
		"parallel": {Dim: 4, Blocks: 2, Width: 8, MLP: []int{8}, Tasks: both},
		"serial":   {Dim: 4, Blocks: 2, Width: 8, MLP: []int{8}, Serial: true},
	} {
		t.Run(name, func(t *testing.T) {
			modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) { return model.NewMaskNet(s, settings) })
		})
	}
}

func TestPLE(t *testing.T) {
	for name, levels := range map[string]int{"customized gate control": 1, "two levels": 2} {
		t.Run(name, func(t *testing.T) {
			modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) {
				return model.NewPLE(s, model.PLE{Dim: 4, Levels: levels, Expert: []int{12}, Tower: []int{8}, Tasks: both})
			})
		})
	}
}

func TestDIN(t *testing.T) {
	modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) {
		return model.NewDIN(s, model.DIN{Dim: 4, Attention: []int{6, 3}, MLP: []int{16}, Tasks: both})
	})
}
