package pipeline

// Inside the package, because a run's results are read by Compare alone.

import (
	"bytes"
	"compress/gzip"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func written(tb testing.TB) []byte {
	tb.Helper()
	r := &userResults{
		names: []string{"gauc", "log_loss"}, users: []string{"7", "a,b", "\"ü\""}, weights: []float64{1, 2.5, 3},
		values: [][]float64{{0.1, math.NaN(), 1.0 / 3}, {0, 1e-300, 12}},
	}
	var b bytes.Buffer
	if err := r.write(&b); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestResultsRoundTrip(t *testing.T) {
	text := written(t)
	r, err := parseResults(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := &userResults{
		names: []string{"gauc", "log_loss"}, users: []string{"7", "a,b", "\"ü\""}, weights: []float64{1, 2.5, 3},
		values: [][]float64{{0.1, math.NaN(), 1.0 / 3}, {0, 1e-300, 12}},
	}
	if diff := cmp.Diff(r, want, cmp.AllowUnexported(userResults{}), cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
	users, values, weights, ok := r.defined("gauc")
	if diff := cmp.Diff([]any{users, values, weights, ok}, []any{[]string{"7", "\"ü\""}, []float64{0.1, 1.0 / 3}, []float64{1, 3}, true}); diff != "" {
		t.Errorf("defined (-got +want):\n%s", diff)
	}
	if again := written(t); !bytes.Equal(text, again) {
		t.Error("the same results have other bytes")
	}
}

func TestResultsRefused(t *testing.T) {
	pack := func(comment, text string) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Comment = comment
		if _, err := z.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for name, tt := range map[string]struct {
		text []byte
		want string
	}{
		"no gzip":         {[]byte("user,weight\n"), "gzip"},
		"another version": {pack("recsys results 2", "user,weight\n"), "run recsys eval again"},
		"header":          {pack(resultsComment, "item,weight\n"), "begin with user and weight"},
		"cells":           {pack(resultsComment, "user,weight,mrr\n7,1\n"), "wrong number of fields"},
		"weight":          {pack(resultsComment, "user,weight\n7,x\n"), `user "7": weight`},
		"value":           {pack(resultsComment, "user,weight,mrr\n7,1,x\n"), `user "7": mrr`},
		"cut":             {written(t)[:60], "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parseResults(bytes.NewReader(tt.text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// FuzzResults reads anything without a panic.
func FuzzResults(f *testing.F) {
	f.Add(written(f))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := parseResults(bytes.NewReader(text))
		if err != nil {
			return
		}
		for _, name := range r.names {
			if users, values, weights, ok := r.defined(name); !ok || len(users) != len(values) || len(users) != len(weights) {
				t.Errorf("%s: %d users, %d values, %d weights", name, len(users), len(values), len(weights))
			}
		}
	})
}
