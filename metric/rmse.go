package metric

import (
	"fmt"
	"math"
)

// RMSE is the root of the mean squared difference of scores and labels.
type RMSE struct {
	sum  float64
	rows int
}

// Name returns "rmse".
func (*RMSE) Name() string { return "rmse" }

// Add implements [Pointwise].
func (m *RMSE) Add(scores, labels []float32) error {
	if err := check("rmse", scores, labels, false); err != nil {
		return err
	}
	for i, s := range scores {
		d := float64(s) - float64(labels[i])
		m.sum += d * d
	}
	m.rows += len(scores)
	return nil
}

// Value implements [Pointwise].
func (m *RMSE) Value() (float64, error) {
	if m.rows == 0 {
		return 0, fmt.Errorf("rmse of no rows: %w", ErrUndefined)
	}
	return math.Sqrt(m.sum / float64(m.rows)), nil
}
