package metric

import (
	"errors"
	"fmt"
)

// Pointwise measures scores against labels.
type Pointwise interface {
	// Name is unique among the metrics of an evaluation, such as "auc".
	Name() string
	// Add takes more rows; scores and labels have equal lengths and are not kept. After an error the metric is not
	// changed.
	Add(scores, labels []float32) error
	// Value measures all rows so far; ErrUndefined where they do not determine it.
	Value() (float64, error)
}

// ErrUndefined says that a metric has no value for the rows it got: there are none, or none of a class.
var ErrUndefined = errors.New("metric is undefined for these rows")

// check rejects rows that cannot be measured.
func check(metric string, scores, labels []float32, binary bool) error {
	if len(scores) != len(labels) {
		return fmt.Errorf("%s: %d scores and %d labels", metric, len(scores), len(labels))
	}
	for i, s := range scores {
		if s != s {
			return fmt.Errorf("%s: the score of row %d is NaN", metric, i)
		}
		if y := labels[i]; y != y || binary && y != 0 && y != 1 {
			return fmt.Errorf("%s: the label of row %d is %v, not 0 or 1", metric, i, y)
		}
	}
	return nil
}

// checkProbabilities rejects rows whose scores are no probabilities of label 1, or whose labels are not 0 or 1.
func checkProbabilities(metric string, scores, labels []float32) error {
	if err := check(metric, scores, labels, true); err != nil {
		return err
	}
	for i, s := range scores {
		if s < 0 || s > 1 {
			return fmt.Errorf("%s: the score of row %d is %v, not a probability: apply the sigmoid to logits", metric, i, s)
		}
	}
	return nil
}
