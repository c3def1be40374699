package featuretest

import (
	"context"
	"fmt"
	"slices"

	"recsys/feature"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/tensor"
)

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
