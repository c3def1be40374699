package feature_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/feature"
	"recsys/tensor"
)

func nan() float32 { return float32(math.NaN()) }

func TestVocabulary(t *testing.T) {
	v, err := feature.NewIntVocabulary("user_id", 2, []int64{7, -3})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{v.Name(), v.DType(), v.Len(), v.Buckets(), v.First(), v.Cardinality(), v.Keys().Any(), v.KeysByID().Any()}
	const null = tensor.NullInt64
	want := []any{"user_id", tensor.Int64, 2, 2, 4, 6, []int64{7, -3}, []int64{null, null, null, null, 7, -3}}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("int64 (-got +want):\n%s", diff)
	}
	s, err := feature.NewStringVocabulary("city", 1, []string{"x"})
	if err != nil {
		t.Fatal(err)
	}
	got = []any{s.DType(), s.Cardinality(), s.Keys().Any(), s.KeysByID().Any(), s.String()}
	want = []any{tensor.String, 4, []string{"x"}, []string{"", "", "", "x"}, `vocabulary "city" of 1 string keys`}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("string (-got +want):\n%s", diff)
	}
}

func TestVocabularyErrors(t *testing.T) {
	ints := func(name string, oov int, keys ...int64) error {
		_, err := feature.NewIntVocabulary(name, oov, keys)
		return err
	}
	texts := func(keys ...string) error {
		_, err := feature.NewStringVocabulary("v", 1, keys)
		return err
	}
	cases := []struct {
		name string
		err  error
		want string
	}{
		{"null", ints("v", 1, tensor.NullInt64), "null is among the keys"},
		{"twice", ints("v", 1, 3, 2, 3), "key 3 appears twice"},
		{"no buckets", ints("v", 0, 1), "0 out-of-vocabulary buckets"},
		{"no name", ints("", 1, 1), "without a name"},
		{"empty string", texts("a", ""), "null (the empty string)"},
		{"string twice", texts("a", "a"), `key "a" appears twice`},
		{"not UTF-8", texts("\xff"), "is not UTF-8"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", c.err, c.want)
			}
		})
	}
}
