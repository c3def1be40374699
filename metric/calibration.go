package metric

import (
	"fmt"
	"math"
)

// CalibrationBins is the number of bins of [Calibration].
const CalibrationBins = 15

// Calibration is the expected calibration error: rows fall into [CalibrationBins] bins of equal width by their score, a
// probability of label 1; of each bin counts how far the mean score is from the share of label 1, with the bin's share of
// the rows as weight (Naeini, Cooper, Hauskrecht 2015, section 3; of bins as Guo et al. 2017, section 2: each has its upper
// bound, the first one 0 too). It is 0 at best and 1 at worst.
type Calibration struct {
	rows           int
	scores, labels [CalibrationBins]float64 // sums
}

// Name returns "ece".
func (*Calibration) Name() string { return "ece" }

// Add implements [Pointwise].
func (m *Calibration) Add(scores, labels []float32) error {
	if err := checkProbabilities("ece", scores, labels); err != nil {
		return err
	}
	for i, s := range scores {
		bin := 0
		for bin < CalibrationBins-1 && float64(s) > float64(bin+1)/CalibrationBins {
			bin++
		}
		m.scores[bin] += float64(s)
		m.labels[bin] += float64(labels[i])
	}
	m.rows += len(scores)
	return nil
}

// Value implements [Pointwise].
func (m *Calibration) Value() (float64, error) {
	if m.rows == 0 {
		return 0, fmt.Errorf("ece of no rows: %w", ErrUndefined)
	}
	sum := 0.0
	for bin := range m.scores {
		sum += math.Abs(m.scores[bin] - m.labels[bin])
	}
	return sum / float64(m.rows), nil
}
