package featuretest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"

	"recsys/feature"
	"recsys/tensor"
)

// mergeTolerance is the relative difference that sums over rows have which were cut and merged: a few hundred roundings
// of 2^-53 each.
const mergeTolerance = 1e-9

// checkMerge fits a [feature.Learner] from parts of the rows, each learned in a fitting of its own as another process
// would, sent in its binary form, and merged in another order. Other operators have nothing to merge.
func checkMerge(ctx context.Context, s *subject) error {
	if _, ok := s.Operator.(feature.Learner); !ok {
		return nil
	}
	for _, parts := range []int{1, 2, 5} {
		w, err := fitParts(ctx, s, parts)
		if errors.Is(err, feature.ErrAllRows) {
			return nil // An operator before it cannot be fitted from parts.
		}
		if err != nil {
			return fmt.Errorf("%d parts: %w", parts, err)
		}
		if err := alike(ctx, s, w); err != nil {
			return fmt.Errorf("%d parts, merged: %w", parts, err)
		}
	}
	return nil
}

// fitParts fits every operator from that many parts of the rows.
func fitParts(ctx context.Context, s *subject, parts int) (*feature.FittedWorkflow, error) {
	f, err := s.workflow().Start(s.Raw)
	if err != nil {
		return nil, err
	}
	for f.Operator() != nil {
		learned, err := f.Learn()
		if err != nil {
			return nil, err
		}
		if learned != nil {
			if err := learnParts(ctx, s, f, learned, parts); err != nil {
				return nil, err
			}
		}
		if err := f.Finish(ctx, learned); err != nil {
			return nil, err
		}
	}
	return f.Workflow()
}

// learnParts merges what each part has learned into learned, of an even number of parts the last one first.
func learnParts(ctx context.Context, s *subject, f *feature.Fitting, learned feature.Partial, parts int) error {
	var text bytes.Buffer
	if err := f.Write(&text); err != nil {
		return err
	}
	rows := 0
	for _, t := range s.train {
		rows = t.Dim(0)
	}
	for i := range parts {
		if parts%2 == 0 {
			i = parts - 1 - i
		}
		other, err := s.workflow().Resume(s.Registry, s.Raw, bytes.NewReader(text.Bytes()))
		if err != nil {
			return fmt.Errorf("resume: %w", err)
		}
		part, err := other.Learn()
		if err != nil {
			return err
		}
		src := feature.Tables{Tables: []tensor.Map{rowsOf(s.train, i*rows/parts, (i+1)*rows/parts)}, BatchRows: 7}
		if err := other.Add(ctx, part, src); err != nil {
			return err
		}
		sent, err := part.MarshalBinary()
		if err != nil {
			return err
		}
		received, err := f.Learn()
		if err != nil {
			return err
		}
		if err := errors.Join(received.UnmarshalBinary(sent), learned.Merge(received)); err != nil {
			return err
		}
	}
	return nil
}

// alike compares a workflow with that of the subject: types, integers and texts are equal, other numbers close.
func alike(ctx context.Context, s *subject, w *feature.FittedWorkflow) error {
	if got, want := fmt.Sprintf("%+v", w.Schema()), fmt.Sprintf("%+v", s.fitted.Schema()); got != want {
		return fmt.Errorf("the columns are %s instead of %s", got, want)
	}
	out, err := w.Transform(ctx, s.probe)
	if err != nil {
		return err
	}
	for name, t := range out {
		if t.DType() != tensor.Int64 {
			continue // Numbers in float32 may be 1e-7 apart, times their distance from 0 in deviations.
		}
		if err := same("the probe", tensor.Map{name: t}, tensor.Map{name: s.want[name]}, 0); err != nil {
			return err
		}
	}
	return SameFit(w, s.fitted)
}

// SameFit tells whether two workflows learned the same: the error says where their states differ. Integers, such as
// keys and their order, and texts are equal; other numbers differ by 1e-9 at most, relative to the greater, as do sums
// over rows in another order.
func SameFit(got, want *feature.FittedWorkflow) error {
	values := make([]any, 2)
	for i, f := range []*feature.FittedWorkflow{got, want} {
		var text bytes.Buffer
		if err := f.Write(&text); err != nil {
			return err
		}
		d := json.NewDecoder(&text)
		d.UseNumber()
		if err := d.Decode(&values[i]); err != nil {
			return err
		}
	}
	if where := firstUnlike(values[0], values[1]); where != "" {
		return fmt.Errorf("the state differs at %s", where)
	}
	return nil
}

// firstUnlike returns where two JSON values differ, "" when they do not.
func firstUnlike(got, want any) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(g) != len(w) {
			break
		}
		for name, v := range w {
			if where := firstUnlike(g[name], v); where != "" {
				return name + ": " + where
			}
		}
		return ""
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			break
		}
		for i, v := range w {
			if where := firstUnlike(g[i], v); where != "" {
				return fmt.Sprintf("%d: %s", i, where)
			}
		}
		return ""
	case json.Number:
		if g, ok := got.(json.Number); ok && closeNumbers(g, w) {
			return ""
		}
	default:
		if got == want {
			return ""
		}
	}
	return fmt.Sprintf("got %v, want %v", got, want)
}

// closeNumbers tells whether whole numbers that float64 has are equal, and others close.
func closeNumbers(a, b json.Number) bool {
	const exact = 1 << 53
	x, errA := a.Float64()
	y, errB := b.Float64()
	if errA != nil || errB != nil {
		return false
	}
	if x == math.Trunc(x) && y == math.Trunc(y) && math.Abs(x) < exact {
		return x == y
	}
	return math.Abs(x-y) <= mergeTolerance*max(math.Abs(x), math.Abs(y))
}
