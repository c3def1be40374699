package data_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/tensor"
)

func TestFromPaddedUndoesPadded(t *testing.T) {
	nan := float32(math.NaN())
	for name, padded := range map[string]*tensor.Tensor{
		"int64":   tensor.Of([]int64{1, tensor.NullInt64, 3, tensor.NullInt64, tensor.NullInt64, tensor.NullInt64}, 2, 3),
		"float32": tensor.Of([]float32{1, 2, nan, nan}, 2, 2),
		"string":  tensor.Of([]string{"a", "", "", "b"}, 2, 2),
	} {
		t.Run(name, func(t *testing.T) {
			c, err := data.FromPadded("list", padded)
			if err != nil {
				t.Fatal(err)
			}
			want := map[string][]int{"int64": {0, 3, 3}, "float32": {0, 2, 2}, "string": {0, 1, 3}}[name]
			if diff := cmp.Diff(c.Offsets(), want); diff != "" {
				t.Errorf("offsets (-got +want):\n%s", diff)
			}
			again := c.Padded(padded.Dim(1))
			if diff := cmp.Diff(again.Any(), padded.Any(), cmp.Comparer(func(a, b float32) bool { return a == b || a != a && b != b })); diff != "" {
				t.Errorf("padded again (-got +want):\n%s", diff)
			}
		})
	}
	for want, x := range map[string]*tensor.Tensor{
		"is no [rows,length]": tensor.Of([]int64{1}, 1), "column \"list\" of type bool": tensor.Of([]bool{true}, 1, 1),
	} {
		if _, err := data.FromPadded("list", x); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want %q", err, want)
		}
	}
}
