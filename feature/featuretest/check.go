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
	"recsys/graph/exec"
	"recsys/graph/kernel"
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
		{"ranges", checkRanges},
		{"parts", checkParts},
		{"kernels", checkKernels},
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
	tables := feature.Tables{Tables: []tensor.Map{s.train}, BatchRows: 7}
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

// checkRanges compares the encoded columns with their schema.
func checkRanges(_ context.Context, s *subject) error {
	for _, c := range s.fitted.Schema() {
		t := s.want[c.Name]
		shape := []int{s.rows}
		if c.Length > 0 {
			shape = append(shape, c.Length)
		}
		if t == nil || t.DType() != c.DType.DType || !slices.Equal(t.Shape(), shape) {
			return fmt.Errorf("column %q is %v; the schema says %s%s", c.Name, t, c.DType, tensor.FormatShape(shape))
		}
		switch values := t.Any().(type) {
		case []int64:
			for i, v := range values {
				if v < 0 || v >= int64(c.Cardinality) || v == feature.PaddingID && c.Length == 0 || v == feature.NullID && c.Length > 0 {
					return fmt.Errorf("column %q: id %d at element %d; ids are below %d, 0 is padding of lists, 1 null of scalars",
						c.Name, v, i, c.Cardinality)
				}
			}
		case []float32:
			if i := slices.IndexFunc(values, func(v float32) bool { return v != v }); i >= 0 {
				return fmt.Errorf("column %q: NaN at element %d; nulls have to be replaced", c.Name, i)
			}
		}
	}
	return nil
}

// checkParts transforms each encoded column by itself, from no more than the raw columns it needs.
func checkParts(ctx context.Context, s *subject) error {
	for _, c := range s.fitted.Schema() {
		part, err := s.fitted.Only(c.Name)
		if err != nil {
			return err
		}
		in := tensor.Map{}
		for _, r := range part.Raw() {
			in[r.Name] = s.probe[r.Name]
		}
		got, err := part.Transform(ctx, in)
		if err != nil {
			return fmt.Errorf("column %q alone: %w", c.Name, err)
		}
		if err := same("each column alone", got, tensor.Map{c.Name: s.want[c.Name]}, 0); err != nil {
			return err
		}
	}
	return nil
}

// checkKernels runs the graph with every kernel set, fused and not.
func checkKernels(ctx context.Context, s *subject) error {
	g, err := s.fitted.Graph("features")
	if err != nil {
		return err
	}
	for _, set := range kernel.Sets() {
		for _, unfused := range []bool{false, true} {
			plan, err := exec.Compile(g, exec.Options{Kernels: set, Unfused: unfused})
			if err != nil {
				return err
			}
			got, err := plan.Run(ctx, s.probe)
			if err != nil {
				return fmt.Errorf("kernels %s: %w", set.Name, err)
			}
			if err := same("kernels "+set.Name, got, s.want, s.Tolerance); err != nil {
				return err
			}
		}
	}
	return nil
}
