package featuretest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsys/feature"
	"recsys/schema"
	"recsys/tensor"
)

type check struct {
	name string
	run  func(ctx context.Context, s *subject) error
}

func checks() []check {
	return []check{
		{"columns", checkColumns},
		{"settings", checkSettings},
		{"fit", checkFit},
		{"state", checkState},
		{"batches", checkBatches},
		{"merge", checkMerge},
		{"ranges", checkRanges},
		{"parts", checkParts},
		{"kernels", checkKernels},
		{"training", checkTraining},
		{"candidates", checkCandidates},
	}
}

// checkColumns takes away and spoils each raw column that the operator reads.
func checkColumns(_ context.Context, s *subject) error {
	var errs []error
	for i, c := range s.Raw {
		if _, used := s.fitted.Raw().Column(c.Name); !used {
			continue
		}
		spoil := map[string]schema.Schema{"missing": slices.Delete(slices.Clone(s.Raw), i, i+1)}
		wrong, target := slices.Clone(s.Raw), slices.Clone(s.Raw)
		wrong[i].DType = schema.DType{DType: tensor.Bool}
		target[i] = feature.WithTags(c, []schema.Tag{schema.Target}, nil)
		spoil["of type bool"], spoil["a target"] = wrong, target
		for _, how := range []string{"missing", "of type bool", "a target"} {
			_, err := s.workflow().Plan(spoil[how])
			switch {
			case err == nil:
				errs = append(errs, fmt.Errorf("column %q is %s, and the schema rule does not say so", c.Name, how))
			case !strings.Contains(err.Error(), c.Name):
				errs = append(errs, fmt.Errorf("column %q is %s, and the error does not name it: %w", c.Name, how, err))
			}
		}
	}
	return errors.Join(errs...)
}

// checkSettings fits and compares the operator's settings, written as JSON, with those before.
func checkSettings(ctx context.Context, s *subject) error {
	if err := s.Operator.Validate(); err != nil {
		return fmt.Errorf("settings of the case: %w", err)
	}
	if !slices.Contains(s.Registry.Names(), s.Operator.Name()) {
		return fmt.Errorf("the registry does not know %q", s.Operator.Name())
	}
	before, err := json.Marshal(s.Operator)
	if err != nil {
		return fmt.Errorf("settings: %w", err)
	}
	if _, err := s.fit(ctx, 7); err != nil {
		return err
	}
	after, err := json.Marshal(s.Operator)
	if err == nil && !bytes.Equal(before, after) {
		return fmt.Errorf("fitting changed the settings from %s to %s", before, after)
	}
	_, decodeErr := s.Registry.Decode(s.Operator.Name(), func(into any) error { return json.Unmarshal(before, into) })
	return errors.Join(err, decodeErr)
}

// checkFit fits again, with other batches and from a source that breaks.
func checkFit(ctx context.Context, s *subject) error {
	want, err := s.save(s.fitted)
	if err != nil {
		return err
	}
	for _, batch := range []int{7, 1, 64, 1 << 20} {
		again, err := s.fit(ctx, batch)
		if err != nil {
			return fmt.Errorf("batches of %d rows: %w", batch, err)
		}
		got, err := s.save(again)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("fitting again, in batches of %d rows, saves other bytes:\n%s\ninstead of\n%s", batch, got, want)
		}
	}
	tables := s.tables(7)
	for at := 1; ; at++ {
		calls := 0
		_, err := s.workflow().Fit(ctx, s.Raw, failing{tables, at, &calls})
		if calls < at {
			return err
		}
		if !errors.Is(err, errSource) {
			return fmt.Errorf("pass %d over the source broke after one batch and fitting returns %s", at, errorText(err))
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return "another error: " + err.Error()
}

// checkState writes, reads, writes again and transforms.
func checkState(ctx context.Context, s *subject) error {
	text, err := s.save(s.fitted)
	if err != nil {
		return err
	}
	read, err := feature.Read(s.Registry, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("read what was written: %w\n%s", err, text)
	}
	again, err := s.save(read)
	if err != nil {
		return err
	}
	if !bytes.Equal(text, again) {
		return fmt.Errorf("the state that was read is written as\n%s\ninstead of\n%s", again, text)
	}
	if got, want := fmt.Sprintf("%+v", read.Schema()), fmt.Sprintf("%+v", s.fitted.Schema()); got != want {
		return fmt.Errorf("the state that was read has the columns %s instead of %s", got, want)
	}
	got, err := read.Transform(ctx, s.probe)
	if err != nil {
		return err
	}
	return same("transform by the state that was read", got, s.want, 0)
}

// checkBatches transforms the probe row by row, in uneven pieces and in many copies.
func checkBatches(ctx context.Context, s *subject) error {
	for _, size := range []int{1, 13} {
		var parts []tensor.Map
		for from := 0; from < s.rows; from += size {
			out, err := s.fitted.Transform(ctx, rowsOf(s.probe, from, min(from+size, s.rows)))
			if err != nil {
				return fmt.Errorf("rows from %d in pieces of %d: %w", from, size, err)
			}
			parts = append(parts, out)
		}
		if err := same(fmt.Sprintf("pieces of %d rows", size), concat(parts), s.want, 0); err != nil {
			return err
		}
	}
	copies := 10_000/s.rows + 1
	large, err := s.fitted.Transform(ctx, concat(slices.Repeat([]tensor.Map{s.probe}, copies)))
	if err != nil {
		return err
	}
	if err := same("many rows", large, concat(slices.Repeat([]tensor.Map{s.want}, copies)), 0); err != nil {
		return err
	}
	empty, err := s.fitted.Transform(ctx, rowsOf(s.probe, 0, 0))
	if err != nil {
		return fmt.Errorf("no rows: %w", err)
	}
	return same("no rows", empty, rowsOf(s.want, 0, 0), 0)
}

func rowsOf(m tensor.Map, from, to int) tensor.Map {
	out := make(tensor.Map, len(m))
	for name, t := range m {
		out[name] = t.Rows(from, to)
	}
	return out
}

func concat(parts []tensor.Map) tensor.Map {
	out := tensor.Map{}
	for _, name := range parts[0].Names() {
		ts := make([]*tensor.Tensor, len(parts))
		for i, p := range parts {
			ts[i] = p[name]
		}
		joined, err := tensor.Concat(ts...)
		if err != nil {
			panic(fmt.Sprintf("featuretest: column %q: %v", name, err))
		}
		out[name] = joined
	}
	return out
}
