package featuretest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"recsys/graph"
	"recsys/onnx"
	"recsys/schema"
	"recsys/tensor"
	"recsys/test/ort"
)

// Run checks the case, one subtest for each property. The comparison with ONNX Runtime is skipped where there is none.
func Run(t *testing.T, c Case) {
	t.Helper()
	s, err := newSubject(t.Context(), c)
	if err != nil {
		t.Fatalf("case of %T: %v", c.Operator, err)
	}
	for _, k := range checks() {
		t.Run(k.name, func(t *testing.T) {
			if err := k.run(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("onnxruntime", func(t *testing.T) {
		model, err := s.model()
		if err != nil {
			t.Fatal(err)
		}
		ort.Check(t, model)
		got := ort.Run(t, model, s.probe, nil)
		want := tensor.Map{}
		for name, v := range s.want {
			want[outputPrefix+name] = v
		}
		if err := same("ONNX Runtime", got, want, s.Tolerance); err != nil {
			t.Error(err)
		}
		if len(s.fitted.Schema().Select(schema.Interaction)) == 0 {
			return
		}
		g, in, want, err := s.candidates(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if model, err = onnx.Marshal(g, onnx.Meta{}); err != nil {
			t.Fatal(err)
		}
		ort.Check(t, model)
		if err := same("candidates in ONNX Runtime", ort.Run(t, model, in, nil), want, s.Tolerance); err != nil {
			t.Error(err)
		}
	})
}

// Verify checks the case and returns all faults. It does not ask ONNX Runtime.
func Verify(ctx context.Context, c Case) error {
	s, err := newSubject(ctx, c)
	if err != nil {
		return err
	}
	var errs []error
	for _, k := range checks() {
		if err := k.run(ctx, s); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", k.name, err))
		}
	}
	return errors.Join(errs...)
}

// outputPrefix keeps outputs apart from inputs, whose names an ONNX file may not repeat.
const outputPrefix = "encoded_"

func (s *subject) model() ([]byte, error) {
	g, err := s.fitted.Graph("features")
	if err != nil {
		return nil, err
	}
	b := graph.NewBuilder("features")
	outputs := b.Inline(g, nil)
	for _, c := range s.fitted.Schema() {
		b.Output(outputPrefix+c.Name, outputs[c.Name])
	}
	renamed, err := b.Build()
	if err != nil {
		return nil, err
	}
	return onnx.Marshal(renamed, onnx.Meta{})
}
