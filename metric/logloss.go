package metric

import (
	"fmt"
	"math"
)

// LogLossEpsilon bounds probabilities away from 0 and 1, so that one row costs at most -log(1e-7) = 16.1.
const LogLossEpsilon = 1e-7

// LogLoss is the mean of -log p(label), in nats. Scores are probabilities of label 1, clipped to
// [LogLossEpsilon, 1-LogLossEpsilon]; labels are 0 or 1.
type LogLoss struct {
	sum  float64
	rows int
}

// Name returns "log_loss".
func (*LogLoss) Name() string { return "log_loss" }

// Add implements [Pointwise].
func (m *LogLoss) Add(scores, labels []float32) error {
	if err := checkProbabilities("log_loss", scores, labels); err != nil {
		return err
	}
	for i, s := range scores {
		p := min(max(float64(s), LogLossEpsilon), 1-LogLossEpsilon)
		if labels[i] == 0 {
			p = 1 - p
		}
		m.sum -= math.Log(p)
	}
	m.rows += len(scores)
	return nil
}

// Value implements [Pointwise].
func (m *LogLoss) Value() (float64, error) {
	if m.rows == 0 {
		return 0, fmt.Errorf("log_loss of no rows: %w", ErrUndefined)
	}
	return m.sum / float64(m.rows), nil
}
