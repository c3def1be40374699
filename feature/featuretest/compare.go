package featuretest

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"recsys/tensor"
)

// same compares columns element by element; floats may differ by tolerance relative to the greater of both and 1.
// Signed zeros are equal and so are NaN.
func same(what string, got, want tensor.Map, tolerance float64) error {
	if !slices.Equal(got.Names(), want.Names()) {
		return fmt.Errorf("%s: columns are %s instead of %s", what,
			strings.Join(got.Names(), ", "), strings.Join(want.Names(), ", "))
	}
	for _, name := range want.Names() {
		g, w := got[name], want[name]
		if g.DType() != w.DType() || !slices.Equal(g.Shape(), w.Shape()) {
			return fmt.Errorf("%s: column %q is %s instead of %s", what, name, g, w)
		}
		if i := firstDifference(g, w, tolerance); i >= 0 {
			return fmt.Errorf("%s: column %q differs at element %d: got %s, want %s", what, name, i, at(g, i), at(w, i))
		}
	}
	return nil
}

func firstDifference(got, want *tensor.Tensor, tolerance float64) int {
	switch g := got.Any().(type) {
	case []int64:
		return difference(g, tensor.MustData[int64](want), func(x, y int64) bool { return x == y })
	case []string:
		return difference(g, tensor.MustData[string](want), func(x, y string) bool { return x == y })
	case []float32:
		return difference(g, tensor.MustData[float32](want), func(x, y float32) bool {
			a, b := float64(x), float64(y)
			return a == b || a != a && b != b || math.Abs(a-b) <= tolerance*max(1, math.Abs(a), math.Abs(b)) && !math.IsInf(a-b, 0)
		})
	}
	return -1
}

func difference[T any](a, b []T, equal func(x, y T) bool) int {
	for i := range a {
		if !equal(a[i], b[i]) {
			return i
		}
	}
	return -1
}

func at(t *tensor.Tensor, i int) string {
	switch v := t.Any().(type) {
	case []int64:
		return strconv.FormatInt(v[i], 10)
	case []float32:
		return fmt.Sprint(v[i])
	case []string:
		return fmt.Sprintf("%q", v[i])
	}
	return "?"
}
