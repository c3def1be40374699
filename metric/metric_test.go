package metric_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/metric"
)

func TestRankings(t *testing.T) {
	m := metric.NewRankings(metric.Recall{K: 2}, metric.Precision{K: 2}, metric.HitRate{K: 2}, metric.MRR{}, metric.NDCG{}, metric.MAP{})
	m.Add([]int{5, 6, 7}, []int{7})
	m.Add([]int{5}, []int{5, 6}) // shorter than K
	m.Add(nil, []int{1})
	m.Add([]int{1, 2}, nil) // left out
	want := map[string]float64{
		"recall@2": (0 + 0.5 + 0) / 3, "precision@2": (0 + 0.5 + 0) / 3, "hit_rate@2": 1.0 / 3, "mrr": (1.0/3 + 1) / 3,
		"ndcg": (0.5 + 1/(1+1/math.Log2(3))) / 3, "map": (1.0/3 + 0.5) / 3,
	}
	approx := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-15 })
	if diff := cmp.Diff(m.Values(), want, approx); diff != "" {
		t.Errorf("values differ (-got +want):\n%s", diff)
	}
	if m.Lists() != 3 {
		t.Errorf("%d lists, want 3", m.Lists())
	}
	if got := metric.NewRankings(metric.Recall{K: 1}).Values()["recall@1"]; got != 0 {
		t.Errorf("recall of no lists is %v, want 0", got)
	}
}

func TestAUCTiesAndZeros(t *testing.T) {
	for name, tt := range map[string]struct {
		scores, labels []float32
		want           float64
	}{
		"all tied":      {[]float32{1, 1, 1}, []float32{0, 1, 0}, 0.5},
		"zeros tie":     {[]float32{0, float32(math.Copysign(0, -1))}, []float32{0, 1}, 0.5},
		"negative":      {[]float32{-2, -1}, []float32{0, 1}, 1},
		"around zero":   {[]float32{-1e-30, 0, 1e-30}, []float32{0, 1, 0}, 0.5},
		"infinite":      {[]float32{float32(math.Inf(-1)), float32(math.Inf(1))}, []float32{1, 0}, 0},
		"half a tie":    {[]float32{1, 1, 2}, []float32{0, 1, 1}, 0.75},
		"other way too": {[]float32{2, 1, 1}, []float32{0, 1, 0}, 0.25},
	} {
		m := &metric.AUC{}
		add(t, m, tt.scores, tt.labels)
		if got := value(t, m); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

func TestLogLossIsClipped(t *testing.T) {
	m := &metric.LogLoss{}
	add(t, m, []float32{0, 1}, []float32{1, 0})
	if got, want := value(t, m), -math.Log(metric.LogLossEpsilon); math.Abs(got-want) > 1e-8 {
		t.Errorf("log-loss %v, want %v", got, want)
	}
}

func TestPointwiseErrors(t *testing.T) {
	nan := float32(math.NaN())
	for _, m := range []metric.Pointwise{&metric.AUC{}, &metric.LogLoss{}, &metric.RMSE{}} {
		if _, err := m.Value(); !errors.Is(err, metric.ErrUndefined) {
			t.Errorf("%s of no rows: error %v, want ErrUndefined", m.Name(), err)
		}
		if err := m.Add([]float32{0.5}, nil); err == nil {
			t.Errorf("%s: no error for one score and no label", m.Name())
		}
		if err := m.Add([]float32{0.5, nan}, []float32{0, 0}); err == nil || !strings.Contains(err.Error(), "row 1 is NaN") {
			t.Errorf("%s of NaN: error %v", m.Name(), err)
		}
		if err := m.Add([]float32{0.5}, []float32{nan}); err == nil {
			t.Errorf("%s: no error for a label NaN", m.Name())
		}
		if _, err := m.Value(); !errors.Is(err, metric.ErrUndefined) {
			t.Errorf("%s after errors: error %v, want ErrUndefined", m.Name(), err)
		}
	}
	if err := (&metric.AUC{}).Add([]float32{1}, []float32{0.5}); err == nil {
		t.Error("auc: no error for a label 0.5")
	}
	if err := (&metric.LogLoss{}).Add([]float32{1.5}, []float32{1}); err == nil || !strings.Contains(err.Error(), "sigmoid") {
		t.Errorf("log-loss of 1.5: error %v", err)
	}
	var g metric.GAUC
	if err := g.Add([]int64{1, 1}, []float32{1}, []float32{1}); err == nil {
		t.Error("gauc: no error for two groups and one score")
	}
	if err := g.Add([]int64{1, 2}, []float32{1, 2}, []float32{1, 0}); err != nil {
		t.Fatal(err)
	}
	if _, err := g.Value(); !errors.Is(err, metric.ErrUndefined) {
		t.Errorf("gauc of groups of one label: error %v, want ErrUndefined", err)
	}
}

// TestTopK compares with a stable sort of everything, over scores with many ties.
func TestTopK(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var dst []int
	for range 3000 {
		scores := make([]float32, r.IntN(60))
		blocked := make([]uint8, (len(scores)+7)/8)
		var all []int
		for i := range scores {
			scores[i] = float32(r.IntN(7)) - 3
			switch r.IntN(8) {
			case 0:
				scores[i] = float32(math.Inf(-1))
			case 1:
				blocked[i/8] |= 1 << (i % 8)
				scores[i] = float32(math.NaN()) // what is blocked may be NaN
			default:
				all = append(all, i)
			}
		}
		slices.SortStableFunc(all, func(a, b int) int {
			switch {
			case scores[a] > scores[b]:
				return -1
			case scores[a] < scores[b]:
				return 1
			}
			return 0
		})
		for _, k := range []int{0, 1, 3, 10, 100} {
			got, err := metric.TopK(scores, blocked, k, dst)
			if err != nil {
				t.Fatal(err)
			}
			if want := all[:min(k, len(all))]; !slices.Equal(got, want) {
				t.Fatalf("top %d of %v is %v, want %v", k, scores, got, want)
			}
			dst = got
		}
	}
}

func TestTopKErrors(t *testing.T) {
	if _, err := metric.TopK([]float32{1, 2, float32(math.NaN())}, nil, 1, nil); err == nil || !strings.Contains(err.Error(), "index 2 is NaN") {
		t.Errorf("NaN: error %v", err)
	}
	if _, err := metric.TopK(nil, nil, -1, nil); err == nil {
		t.Error("no error for k = -1")
	}
	if got, err := metric.TopK([]float32{1, 2, 3}, []uint8{}, 2, nil); err != nil || !slices.Equal(got, []int{2, 1}) {
		t.Errorf("short bitmap: %v, %v, want [2 1]", got, err)
	}
}

func BenchmarkTopK(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	scores := make([]float32, 100_000)
	for i := range scores {
		scores[i] = r.Float32()
	}
	var dst []int
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if dst, err = metric.TopK(scores, nil, 100, dst); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAUCMillionRows(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	scores, labels := make([]float32, 1_000_000), make([]float32, 1_000_000)
	for i := range scores {
		scores[i], labels[i] = r.Float32(), float32(r.IntN(2))
	}
	b.ReportAllocs()
	for b.Loop() {
		m := &metric.AUC{}
		if err := m.Add(scores, labels); err != nil {
			b.Fatal(err)
		}
		if _, err := m.Value(); err != nil {
			b.Fatal(err)
		}
	}
}
