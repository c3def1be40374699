package metric_test

import (
	"encoding/json"
	"math"
	"os"
	"strconv"
	"testing"

	"recsys/metric"
)

// TestReferee compares with scikit-learn, pytrec_eval, scipy and numpy; testdata/referee.py wrote their values. The tolerance
// is that of sums in another order.
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
			ECE             float64
			LogLoss         float64 `json:"log_loss"`
		}
		Ranking []struct {
			Ranked, Relevant                  []int
			K                                 int
			NDCG, Recall, Precision, MRR, MAP float64
			HitRate                           float64 `json:"hit_rate"`
		}
		Exposure []struct {
			Popularity              []int64
			First, K                int
			Lists                   [][]int
			Coverage, Gini, Novelty float64
			TailShare               float64 `json:"tail_share"`
		}
		Chance []struct {
			A, B         []float64
			Low, High, P float64
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
		}{{&metric.AUC{}, row.AUC}, {&metric.LogLoss{}, row.LogLoss}, {&metric.RMSE{}, row.RMSE}, {&metric.Calibration{}, row.ECE}} {
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
	for i, row := range referee.Exposure {
		x := metric.NewExposure(row.K, row.Popularity, row.First)
		for _, list := range row.Lists {
			x.Add(list)
		}
		got := x.Values()
		for name, want := range map[string]float64{
			"coverage": row.Coverage, "gini": row.Gini, "novelty": row.Novelty, "tail_share": row.TailShare,
		} {
			name += "@" + strconv.Itoa(row.K)
			near(t, i, name, got[name], want)
		}
		if len(got) != 4 {
			t.Errorf("row %d: %v, want 4 metrics", i, got)
		}
	}
	for i, row := range referee.Chance {
		ones := make([]float64, len(row.A))
		for j := range ones {
			ones[j] = 1
		}
		// Percentiles of 1000 means differ from those of 20,000 by chance: what is the 2.5th of the few is between the 1st and
		// the 4th of the many within three standard deviations, sqrt(0.025*0.975/1000) = 0.5 %. Of a normal distribution these
		// are a tenth of the interval's width away.
		low, high := metric.Interval(row.A, ones, stream(1))
		if width := row.High - row.Low; math.Abs(low-row.Low) > width/10 || math.Abs(high-row.High) > width/10 {
			t.Errorf("row %d: interval %v to %v, want %v to %v", i, low, high, row.Low, row.High)
		}
		// Four standard deviations of a share of 1000.
		p := metric.PairedTest(row.A, row.B, ones, stream(1))
		if tolerance := 4*math.Sqrt(row.P*(1-row.P)/metric.Samples) + 1.0/metric.Samples; math.Abs(p-row.P) > tolerance {
			t.Errorf("row %d: p = %v, want %v ± %v", i, p, row.P, tolerance)
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
