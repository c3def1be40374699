package pipeline

import (
	"context"
	"errors"
	"fmt"

	"recsys/data"
	"recsys/feature"
	"recsys/tensor"
)

// filterRows takes interactions out of the training part that the features' filters do not keep. It returns how many there
// were and are; the same without filters.
func (t *Tables) filterRows(ctx context.Context, c *Config, w feature.Workflow) (before, after int, err error) {
	for _, part := range t.Parts {
		if part == data.Train {
			before++
		}
	}
	after = before
	for i, o := range w.Operators {
		f, ok := o.(feature.RowFilter)
		if !ok {
			continue
		}
		raw, err := t.withTargets(t.Raw, w)
		if err != nil {
			return before, after, err
		}
		out, err := t.dropped(ctx, joinedSource{config: c, tables: t, raw: raw}, f)
		if err != nil {
			return before, after, fmt.Errorf("operator %d, %s: %w", i+1, o.Name(), err)
		}
		for _, row := range out {
			t.Parts[row] = data.None
		}
		if after -= len(out); after == 0 {
			return before, after, fmt.Errorf("operator %d, %s: %w", i+1, o.Name(),
				errors.New("no row of the training part is left; look at its condition and the split"))
		}
	}
	return before, after, nil
}

// dropped returns the rows of the training part that a filter does not keep.
func (t *Tables) dropped(ctx context.Context, s joinedSource, f feature.RowFilter) ([]int64, error) {
	var out []int64
	for batch, err := range s.Interactions(ctx, append(f.Sees(), feature.RowColumn)) {
		if err != nil {
			return nil, err
		}
		keep, err := f.Keep(ctx, batch)
		if err != nil {
			return nil, err
		}
		for i, row := range tensor.MustData[int64](batch[feature.RowColumn]) {
			if !keep[i] {
				out = append(out, row)
			}
		}
	}
	return out, nil
}
