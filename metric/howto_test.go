package metric_test

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"recsys/metric"
)

// RBP is the metric of lists on the how-to page, rank-biased precision (Moffat and Zobel 2008): a reader begins at the top and
// goes on from each item to the next with probability P. It is the share of what is read that is relevant, (1-P) Σ P^(rank-1)
// over the relevant items.
type RBP struct {
	// P is the persistence of the reader, in (0,1); 0 means 0.8.
	P float64
}

func (m RBP) persistence() float64 {
	if m.P == 0 {
		return 0.8
	}
	return m.P
}

// Name returns "rbp_P".
func (m RBP) Name() string { return fmt.Sprintf("rbp_%g", m.persistence()) }

// Score implements metric.Ranking.
func (m RBP) Score(hits []bool, _ int) float64 {
	sum, weight := 0.0, 1-m.persistence()
	for _, hit := range hits {
		if hit {
			sum += weight
		}
		weight *= m.persistence()
	}
	return sum
}

// NormalizedEntropy is the metric of rows on the how-to page: log-loss over that of telling every row the share of label 1
// (He et al. 2014, section 2). Below 1 a model knows more than that share. Its zero value is ready.
type NormalizedEntropy struct {
	loss            metric.LogLoss
	rows, positives float64
}

// Name returns "normalized_entropy".
func (*NormalizedEntropy) Name() string { return "normalized_entropy" }

// Add implements metric.Pointwise. Scores are probabilities of label 1, labels are 0 or 1.
func (m *NormalizedEntropy) Add(scores, labels []float32) error {
	if err := m.loss.Add(scores, labels); err != nil {
		return fmt.Errorf("normalized_entropy: %w", err)
	}
	for _, label := range labels {
		m.rows, m.positives = m.rows+1, m.positives+float64(label)
	}
	return nil
}

// Value implements metric.Pointwise; metric.ErrUndefined where the rows do not have both labels.
func (m *NormalizedEntropy) Value() (float64, error) {
	p := m.positives / max(m.rows, 1)
	if p == 0 || p == 1 {
		return 0, fmt.Errorf("normalized_entropy of %v rows with %v positives: %w", m.rows, m.positives, metric.ErrUndefined)
	}
	loss, err := m.loss.Value()
	return loss / -(p*math.Log(p) + (1-p)*math.Log(1-p)), err
}

// TestRBP compares with RBPCWLMetric of cwl-eval 1.0.12.
func TestRBP(t *testing.T) {
	m := metric.NewRankings(RBP{}, RBP{P: 0.5})
	near(t, 0, "rbp_0.8", m.Add([]int{1, 2, 3, 4, 5}, []int{1, 4, 9})[0], 0.3024)
	near(t, 1, "rbp_0.5", m.Add([]int{7, 8}, []int{8})[1], 0.25)
	m.Add(nil, []int{3})
	m.Add([]int{1}, nil) // left out
	m.Add([]int{6, 5, 4}, []int{4, 5, 6})
	near(t, 4, "the mean of rbp_0.8", m.Values()["rbp_0.8"], (0.3024+0.16+0+0.488)/4)
	near(t, 4, "the mean of rbp_0.5", m.Values()["rbp_0.5"], (0.5625+0.25+0+0.875)/4)
}

// TestNormalizedEntropy compares with scikit-learn: log_loss over log_loss of the mean label.
func TestNormalizedEntropy(t *testing.T) {
	m := &NormalizedEntropy{}
	if _, err := m.Value(); !errors.Is(err, metric.ErrUndefined) {
		t.Errorf("of no rows: error %v, want ErrUndefined", err)
	}
	add(t, m, []float32{0.9}, []float32{1})
	if _, err := m.Value(); !errors.Is(err, metric.ErrUndefined) {
		t.Errorf("of one label: error %v, want ErrUndefined", err)
	}
	if err := m.Add([]float32{0.5, 2}, []float32{1, 0}); err == nil || !strings.Contains(err.Error(), "normalized_entropy") {
		t.Errorf("of no probability: error %v", err) // the rows do not count, as the value shows
	}
	add(t, m, []float32{0.8, 0.3, 0.25, 0.5, 0.1, 0.6}, []float32{0, 1, 0, 1, 0, 0})
	near(t, 0, m.Name(), value(t, m), 1.0294737643130243)
}
