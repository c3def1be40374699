package ensembletest

import (
	"testing"

	"recsys/internal/portable"
	"recsys/test/ort"
)

// Run fails the test when [Check] finds something, and compares with ONNX Runtime in a sub-test that skips where there is none.
func Run(t *testing.T, s Subject) {
	t.Helper()
	if err := Check(t.Context(), s, 1); err != nil {
		t.Error(err)
	}
	if s.Model == nil {
		return
	}
	t.Run("ONNX Runtime", func(t *testing.T) {
		if s.Tolerance == 0 {
			s.Tolerance = 1e-4 // two engines, as the design defines their agreement
		}
		if s.Draw == nil {
			s.Draw = draw
		}
		in := s.request(portable.New(1, "ensembletest/runtime"), batch)
		got, err := s.ask(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		ort.Check(t, s.Model)
		if err := s.compare("ONNX Runtime", ort.Run(t, s.Model, in, nil), got); err != nil {
			t.Error(err)
		}
	})
}
