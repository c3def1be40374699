package verify_test

import (
	"math"
	"testing"

	"recsys/internal/verify"
)

func TestReport(t *testing.T) {
	reference := verify.List{IDs: []string{"a", "b", "c"}, Scores: []float64{3, 2, 2 - 1e-6}}
	cases := map[string]struct {
		got                verify.List
		swapped, different int
	}{
		"equal":               {reference, 0, 0},
		"scores within":       {verify.List{IDs: reference.IDs, Scores: []float64{3.0002, 2, 2}}, 0, 0},
		"scores beyond":       {verify.List{IDs: reference.IDs, Scores: []float64{3.001, 2, 2}}, 0, 1},
		"nan":                 {verify.List{IDs: reference.IDs, Scores: []float64{math.NaN(), 2, 2}}, 0, 1},
		"near ties swap":      {verify.List{IDs: []string{"a", "c", "b"}, Scores: reference.Scores}, 1, 0},
		"others swap":         {verify.List{IDs: []string{"b", "a", "c"}, Scores: reference.Scores}, 0, 1},
		"border swap":         {verify.List{IDs: []string{"a", "b", "d"}, Scores: reference.Scores}, 1, 0},
		"stranger at the top": {verify.List{IDs: []string{"d", "b", "c"}, Scores: reference.Scores}, 0, 1},
		"an item twice":       {verify.List{IDs: []string{"a", "b", "b"}, Scores: reference.Scores}, 0, 1},
		"shorter":             {verify.List{IDs: []string{"a"}, Scores: []float64{3}}, 0, 1},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var r verify.Report
			r.Add("42", reference, c.got)
			if r.Swapped != c.swapped || r.Different != c.different {
				t.Errorf("swapped %d, different %d; want %d and %d (%s)", r.Swapped, r.Different, c.swapped, c.different, r.Example)
			}
		})
	}
}

func TestAgrees(t *testing.T) {
	cases := map[string]struct {
		report verify.Report
		want   bool
	}{
		"nobody":      {verify.Report{}, false},
		"all equal":   {verify.Report{Users: 1000}, true},
		"few swaps":   {verify.Report{Users: 1000, Swapped: 5}, true},
		"many swaps":  {verify.Report{Users: 1000, Swapped: 6}, false},
		"a different": {verify.Report{Users: 1000, Different: 1}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := c.report.Agrees(); got != c.want {
				t.Errorf("Agrees = %v, want %v", got, c.want)
			}
		})
	}
}
