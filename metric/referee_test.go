package metric_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"recsys/metric"
)

// TestReferee compares with scikit-learn and numpy; testdata/referee.py wrote their values. The tolerance is that of
// sums in another order.
func TestReferee(t *testing.T) {
	text, err := os.ReadFile("testdata/referee.json")
	if err != nil {
		t.Fatal(err)
	}
	var referee struct {
		Pointwise []struct {
			Score, Label    []float32
			Group           []int64
			AUC, GAUC, RMSE float64
			LogLoss         float64 `json:"log_loss"`
		}
		Ranking []struct {
			Ranked, Relevant                  []int
			K                                 int
			NDCG, Recall, Precision, MRR, MAP float64
			HitRate                           float64 `json:"hit_rate"`
		}
	}
	if err := json.Unmarshal(text, &referee); err != nil {
		t.Fatal(err)
	}
	for i, row := range referee.Pointwise {
		half := len(row.Score) / 2
		for _, tt := range []struct {
			metric metric.Pointwise
			want   float64
		}{{&metric.AUC{}, row.AUC}, {&metric.LogLoss{}, row.LogLoss}, {&metric.RMSE{}, row.RMSE}} {
			add(t, tt.metric, row.Score[:half], row.Label[:half])
			add(t, tt.metric, row.Score[half:], row.Label[half:])
			near(t, i, tt.metric.Name(), value(t, tt.metric), tt.want)
		}
		var gauc metric.GAUC
		if err := gauc.Add(row.Group, row.Score, row.Label); err != nil {
			t.Fatal(err)
		}
		got, err := gauc.Value()
		if err != nil {
			t.Fatal(err)
		}
		near(t, i, gauc.Name(), got, row.GAUC)
	}
	for i, row := range referee.Ranking {
		k := row.K
		m := metric.NewRankings(metric.NDCG{K: k}, metric.Recall{K: k}, metric.Precision{K: k}, metric.HitRate{K: k},
			metric.MRR{K: k}, metric.MAP{K: k})
		m.Add(row.Ranked, row.Relevant)
		got := m.Values()
		for _, tt := range []struct {
			metric metric.Ranking
			want   float64
		}{
			{metric.NDCG{K: k}, row.NDCG},
			{metric.Recall{K: k}, row.Recall},
			{metric.Precision{K: k}, row.Precision},
			{metric.HitRate{K: k}, row.HitRate},
			{metric.MRR{K: k}, row.MRR},
			{metric.MAP{K: k}, row.MAP},
		} {
			near(t, i, tt.metric.Name(), got[tt.metric.Name()], tt.want)
		}
	}
}

func near(t *testing.T, row int, name string, got, want float64) {
	t.Helper()
	if !(math.Abs(got-want) <= 1e-12) {
		t.Errorf("row %d: %s = %v, want %v", row, name, got, want)
	}
}

func add(t *testing.T, m metric.Pointwise, scores, labels []float32) {
	t.Helper()
	if err := m.Add(scores, labels); err != nil {
		t.Fatal(err)
	}
}

func value(t *testing.T, m metric.Pointwise) float64 {
	t.Helper()
	v, err := m.Value()
	if err != nil {
		t.Fatal(err)
	}
	return v
}
