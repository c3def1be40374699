package graphtest

import (
	"fmt"
	"math"
	"slices"

	"recsys/tensor"
)

// Compare returns an error that names the first difference between two tensors, nil when they are equal: of one type
// and shape, with equal elements, and floats within tolerance·max(1,|want|). NaN equals NaN; infinities equal
// themselves.
func Compare(got, want *tensor.Tensor, tolerance float64) error {
	if got == nil || want == nil {
		return fmt.Errorf("got %v, want %v", got, want)
	}
	if got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()) {
		return fmt.Errorf("got %s, want %s", got, want)
	}
	switch w := want.Any().(type) {
	case []float32:
		return compareFloats(tensor.MustData[float32](got), w, tolerance)
	case []float64:
		return compareFloats(tensor.MustData[float64](got), w, tolerance)
	}
	if got.Equal(want) {
		return nil
	}
	for i := range want.Len() {
		g, w := element(got, i), element(want, i)
		if g != w {
			return fmt.Errorf("element %d: got %s, want %s", i, g, w)
		}
	}
	return fmt.Errorf("got %s, want %s", got, want)
}

func compareFloats[T float32 | float64](got, want []T, tolerance float64) error {
	for i, w := range want {
		g, w := float64(got[i]), float64(w)
		if g == w || math.IsNaN(g) && math.IsNaN(w) {
			continue
		}
		// A difference of infinities or NaN fails: the comparison is false.
		if math.Abs(g-w) <= tolerance*max(1, math.Abs(w)) && !math.IsInf(w, 0) {
			continue
		}
		return fmt.Errorf("element %d: got %g, want %g (tolerance %g)", i, g, w, tolerance)
	}
	return nil
}
