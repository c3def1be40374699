package metric

import (
	"fmt"
	"math"
	"slices"
)

// AUC is the area under the ROC curve, exactly: the chance that a row of label 1 has a higher score than one of label
// 0, a tie counting half (Hanley, McNeil 1982). Labels are 0 or 1. It keeps 8 bytes a row.
type AUC struct{ rows []uint64 }

// Name returns "auc".
func (*AUC) Name() string { return "auc" }

// Add implements [Pointwise].
func (m *AUC) Add(scores, labels []float32) error {
	if err := check("auc", scores, labels, true); err != nil {
		return err
	}
	for i, s := range scores {
		m.rows = append(m.rows, sortable(s)<<1|uint64(labels[i]))
	}
	return nil
}

// Value implements [Pointwise].
func (m *AUC) Value() (float64, error) {
	slices.Sort(m.rows)
	area, ok := area(m.rows)
	if !ok {
		return 0, fmt.Errorf("auc of %d rows of one label: %w", len(m.rows), ErrUndefined)
	}
	return area, nil
}

// sortable maps a number to bits that sort as the number does; -0 and 0 are equal.
func sortable(s float32) uint64 {
	if s == 0 {
		return 1 << 31 // -0 as well
	}
	bits := math.Float32bits(s)
	if bits>>31 == 1 {
		return uint64(^bits)
	}
	return uint64(bits | 1<<31)
}

// area returns the AUC of sorted rows, each a sortable score and its label in the lowest bit.
func area(rows []uint64) (value float64, ok bool) {
	var wins, ties, negatives, positives float64 // whole numbers, exact to 2**53 pairs
	for from := 0; from < len(rows); {
		var neg, pos float64
		to := from
		for ; to < len(rows) && rows[to]>>1 == rows[from]>>1; to++ {
			if rows[to]&1 == 1 {
				pos++
			} else {
				neg++
			}
		}
		wins += pos * negatives
		ties += pos * neg
		negatives += neg
		positives += pos
		from = to
	}
	if negatives == 0 || positives == 0 {
		return 0, false
	}
	return (wins + ties/2) / (negatives * positives), true
}
