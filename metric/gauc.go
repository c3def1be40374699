package metric

import (
	"cmp"
	"fmt"
	"slices"
)

// GAUC is the AUC within each group, such as a user, averaged with the groups' numbers of rows as weights (Zhou et al.
// 2018, Deep Interest Network, section 6.2). Groups of one label are left out. It keeps 16 bytes a row.
type GAUC struct{ rows []groupRow }

type groupRow struct {
	group int64
	row   uint64
}

// Name returns "gauc".
func (*GAUC) Name() string { return "gauc" }

// Add takes more rows; groups, scores and labels (0 or 1) have equal lengths and are not kept.
func (m *GAUC) Add(groups []int64, scores, labels []float32) error {
	if err := check("gauc", scores, labels, true); err != nil {
		return err
	}
	if len(groups) != len(scores) {
		return fmt.Errorf("gauc: %d groups and %d scores", len(groups), len(scores))
	}
	for i, s := range scores {
		m.rows = append(m.rows, groupRow{groups[i], sortable(s)<<1 | uint64(labels[i])})
	}
	return nil
}

// Value measures all rows so far; ErrUndefined where no group has both labels.
func (m *GAUC) Value() (float64, error) {
	slices.SortFunc(m.rows, func(a, b groupRow) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.row, b.row))
	})
	var sum, weight float64
	var rows []uint64
	for from := 0; from < len(m.rows); {
		rows = rows[:0]
		to := from
		for ; to < len(m.rows) && m.rows[to].group == m.rows[from].group; to++ {
			rows = append(rows, m.rows[to].row)
		}
		if value, ok := area(rows); ok {
			sum += float64(len(rows)) * value
			weight += float64(len(rows))
		}
		from = to
	}
	if weight == 0 {
		return 0, fmt.Errorf("gauc: no group of the %d rows has both labels: %w", len(m.rows), ErrUndefined)
	}
	return sum / weight, nil
}
