package portable_test

import (
	"encoding/json"
	"os"
	"strconv"
	"strings"
	"testing"

	"recsys/internal/portable"
)

// TestAgainstDecimal compares with values of 60 digits, written by testdata/exact.py: no rounding of a referee is in
// between. The algorithms' own bounds are below 1 ulp, 2 for Tanh.
func TestAgainstDecimal(t *testing.T) {
	text, err := os.ReadFile("testdata/exact.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		F    string
		X    []string
		Want string
	}
	if err := json.Unmarshal(text, &rows); err != nil {
		t.Fatal(err)
	}
	limits := map[string]uint64{"Exp": 1, "Log": 1, "Log1p": 1, "Pow": 1, "Tanh": 2}
	for _, row := range rows {
		var got float64
		switch x := number(t, row.X[0]); row.F {
		case "Exp":
			got = portable.Exp(x)
		case "Log":
			got = portable.Log(x)
		case "Log1p":
			got = portable.Log1p(x)
		case "Tanh":
			got = portable.Tanh(x)
		case "Pow":
			got = portable.Pow(x, number(t, row.X[1]))
		}
		if want := number(t, row.Want); ulps(got, want) > limits[row.F] {
			t.Errorf("%s(%s) = %v, want %v (%d ulp apart)", row.F, strings.Join(row.X, ", "), got, want, ulps(got, want))
		}
	}
}

func number(t *testing.T, s string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return x
}
