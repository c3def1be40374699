package op_test

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/internal/portable"
	"recsys/schema"
	"recsys/tensor"
)

func nan() float32 { return float32(math.NaN()) }

const null = tensor.NullInt64

// fit fits operators on whole columns that stand in one table each, so that lengths may differ, and for operators that read
// several of a row in one table together.
func fit(t *testing.T, raw schema.Schema, train tensor.Map, operators ...feature.Operator) *feature.FittedWorkflow {
	t.Helper()
	src := feature.Tables{BatchRows: 2}
	for _, name := range train.Names() {
		src.Tables = append(src.Tables, tensor.Map{name: train[name]})
	}
	src.Tables = append(src.Tables, train)
	f, err := feature.Workflow{Operators: operators}.Fit(t.Context(), raw, src)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func transform(t *testing.T, f *feature.FittedWorkflow, in tensor.Map) map[string]any {
	t.Helper()
	out, err := f.Transform(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]any{}
	for name, v := range out {
		values[name] = v.Any()
	}
	return values
}

// valueCase is a workflow, what it is fitted on, what it is asked and what it answers.
type valueCase struct {
	name      string
	raw       schema.Schema
	train     tensor.Map
	operators []feature.Operator
	in        tensor.Map
	want      map[string]any
}

func checkValues(t *testing.T, cases []valueCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := transform(t, fit(t, c.raw, c.train, c.operators...), c.in)
			// Two roundings in float32, of 2^-24 relative each.
			if diff := cmp.Diff(got, c.want, cmpopts.EquateApprox(2.4e-7, 1e-7)); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

// TestValues fixes what each operator computes. The wanted values are worked out by hand.
func TestValues(t *testing.T) {
	ints := tensor.Of([]int64{9, 7, 7, null, 5, 9, 3}, 7)
	texts := tensor.Of([]string{"b", "a", "", "b", "c", "a"}, 6)
	// Mean 3, population variance ((2²+1+1+2²)/4) = 2.5.
	age := tensor.Of([]float32{1, 2, nan(), 4, 5}, 5)
	year := tensor.Of([]int64{2000, null, 1990, 1990, 2010}, 5)
	std := math.Sqrt(2.5)
	checkValues(t, []valueCase{
		{
			"categorify counts and orders", pick("user_id", "item_id"),
			tensor.Map{"user_id": ints, "item_id": texts},
			[]feature.Operator{&op.Categorify{Columns: []string{"user_id", "item_id"}}},
			tensor.Map{
				"user_id": tensor.Of([]int64{7, 9, 3, 5, null, 8}, 6),
				"item_id": tensor.Of([]string{"a", "b", "c", "", "d", "A"}, 6),
			},
			map[string]any{"user_id": []int64{3, 4, 5, 6, 1, 2}, "item_id": []int64{3, 4, 5, 1, 2, 2}},
		},
		{
			"categorify lists", pick("genres"),
			tensor.Map{"genres": tensor.Of([]string{"x", "y", "", "", "y", "", "", "", "z", "y", "x", "q"}, 3, 4)},
			[]feature.Operator{&op.Categorify{Columns: []string{"genres"}, MaxSize: 2}},
			tensor.Map{"genres": tensor.Of([]string{"x", "y", "z", "", "", "", "", ""}, 2, 4)},
			map[string]any{"genres": []int64{4, 3, 2, 0, 0, 0, 0, 0}},
		},
		{
			"categorify min_frequency", pick("user_id"),
			tensor.Map{"user_id": ints},
			[]feature.Operator{&op.Categorify{Columns: []string{"user_id"}, MinFrequency: 2}},
			tensor.Map{"user_id": tensor.Of([]int64{7, 9, 3}, 3)},
			map[string]any{"user_id": []int64{3, 4, 2}},
		},
		{
			// MurmurHash3_x86_32 with seed 0: "hello" is 0x248bfa47, "hello, world" is 0x149bbb7f (the published test
			// vectors); modulo 5 they are 4 and 3.
			"categorify buckets", pick("city"),
			tensor.Map{"city": tensor.Of([]string{"x"}, 1)},
			[]feature.Operator{&op.Categorify{Columns: []string{"city"}, OOVBuckets: 5}},
			tensor.Map{"city": tensor.Of([]string{"hello", "hello, world", "x", ""}, 4)},
			map[string]any{"city": []int64{2 + 0x248bfa47%5, 2 + 0x149bbb7f%5, 7, 1}},
		},
		{
			"categorify share", pick("item_id", "city"),
			tensor.Map{"item_id": texts, "city": tensor.Of([]string{"c"}, 1)},
			[]feature.Operator{&op.Categorify{Columns: []string{"item_id", "city"}, Share: "item_id"}},
			tensor.Map{"item_id": tensor.Of([]string{"c"}, 1), "city": tensor.Of([]string{"b"}, 1)},
			map[string]any{"item_id": []int64{5}, "city": []int64{4}},
		},
		{
			"categorify given", pick("city", "user_id", "genres"), nil,
			[]feature.Operator{
				&op.Categorify{Columns: []string{"city", "genres"}, Share: "city", Vocabulary: []any{"z", "a"}},
				// 1e6 is how a JSON decoder gives 1000000.
				&op.Categorify{Columns: []string{"user_id"}, Vocabulary: []any{int64(9), 1e6, 3}, OOVBuckets: 2},
			},
			tensor.Map{
				"city": tensor.Of([]string{"a", "z", "", "b"}, 4), "user_id": tensor.Of([]int64{9, 1000000, 3, null}, 4),
				"genres": tensor.Of(append([]string{"a", "z", "b", ""}, make([]string, 12)...), 4, 4),
			},
			map[string]any{
				"city": []int64{4, 3, 1, 2}, "user_id": []int64{4, 5, 6, 1},
				"genres": []int64{4, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
			},
		},
		{
			"normalize", pick("age", "year"),
			tensor.Map{"age": age, "year": tensor.Of([]int64{7, 7}, 2)},
			[]feature.Operator{&op.Normalize{Columns: []string{"age", "year"}}},
			tensor.Map{"age": tensor.Of([]float32{3, 5, nan()}, 3), "year": tensor.Of([]int64{7, 9, null}, 3)},
			map[string]any{"age": []float32{0, float32(2 / std), 0}, "year": []float32{0, 2, 0}},
		},
		{
			"normalize nothing but nulls", pick("age"),
			tensor.Map{"age": tensor.Of([]float32{nan()}, 1)},
			[]feature.Operator{&op.Normalize{Columns: []string{"age"}}},
			tensor.Map{"age": tensor.Of([]float32{3, nan()}, 2)},
			map[string]any{"age": []float32{3, 0}},
		},
		{
			"min_max", pick("age", "year", "scores"),
			tensor.Map{
				"age": age, "year": tensor.Of([]int64{7, 7, null}, 3),
				"scores": tensor.Of([]float32{nan(), -8, 8, 0, nan(), nan()}, 2, 3),
			},
			[]feature.Operator{&op.MinMax{Columns: []string{"age", "year", "scores"}}},
			tensor.Map{
				"age": tensor.Of([]float32{3, 0, nan(), 5}, 4), "year": tensor.Of([]int64{7, 9, null, 7}, 4),
				"scores": tensor.Of([]float32{-8, 8, 4, nan(), 0, 0, 0, 0, 0, 0, 0, 0}, 4, 3),
			},
			map[string]any{
				"age": []float32{0.5, -0.25, 0, 1}, "year": []float32{0, 2, 0, 0},
				"scores": []float32{0, 1, 0.75, 0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5},
			},
		},
		{
			"min_max nothing but nulls", pick("year"),
			tensor.Map{"year": tensor.Of([]int64{null}, 1)},
			[]feature.Operator{&op.MinMax{Columns: []string{"year"}}},
			tensor.Map{"year": tensor.Of([]int64{3, null}, 2)},
			map[string]any{"year": []float32{3, 0}},
		},
		{
			// Kept null by min_max, the null does not count in the moments of 0 and 1.
			"min_max leaves nulls to normalize", pick("age"),
			tensor.Map{"age": tensor.Of([]float32{10, 20, nan()}, 3)},
			[]feature.Operator{&op.MinMax{Columns: []string{"age"}}, &op.Normalize{Columns: []string{"age"}}},
			tensor.Map{"age": tensor.Of([]float32{10, 20, nan()}, 3)},
			map[string]any{"age": []float32{-1, 1, 0}},
		},
		{
			// 0.7 is no float32 and is rounded; of int64 the bounds are -2 and 0. Nulls stay and are 0 in the end.
			"clip", pick("age", "year", "scores", "votes"), nil,
			[]feature.Operator{&op.Clip{Columns: []string{"age", "year", "scores", "votes"}, Min: new(-2.5), Max: new(0.7)}},
			tensor.Map{
				"age": tensor.Of([]float32{1, -3, nan(), 0.25}, 4), "year": tensor.Of([]int64{1, -3, null, -2}, 4),
				"scores": tensor.Of([]float32{9, nan(), -9, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 4, 3),
				"votes":  tensor.Of([]int64{9, null, -9, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 4, 3),
			},
			map[string]any{
				"age": []float32{0.7, -2.5, 0, 0.25}, "year": []float32{0, -2, 0, -2},
				"scores": []float32{0.7, 0, -2.5, 0, 0, 0, 0, 0, 0, 0, 0, 0},
				"votes":  []float32{0, 0, -2, 0, 0, 0, 0, 0, 0, 0, 0, 0},
			},
		},
		{
			// With the null clipped to 1 the moments would be those of 1, 3 and 1.
			"clip leaves nulls to normalize", pick("year"),
			tensor.Map{"year": tensor.Of([]int64{1, 3, null}, 3)},
			[]feature.Operator{&op.Clip{Columns: []string{"year"}, Min: new(1.0)}, &op.Normalize{Columns: []string{"year"}}},
			tensor.Map{"year": tensor.Of([]int64{0, 3, null}, 3)},
			map[string]any{"year": []float32{-1, 1, 0}},
		},
		{
			"fill_missing", pick("age", "city"),
			tensor.Map{"age": age, "city": texts},
			[]feature.Operator{
				&op.FillMissing{Columns: []string{"age"}, Indicator: true},
				&op.FillMissing{Columns: []string{"city"}, Value: "a"}, &op.Categorify{Columns: []string{"city"}},
			},
			tensor.Map{"age": tensor.Of([]float32{3, nan()}, 2), "city": tensor.Of([]string{"", "b"}, 2)},
			map[string]any{"age": []float32{3, 0}, "age_missing": []float32{0, 1}, "city": []int64{3, 4}},
		},
		{
			"fill_missing median", pick("age", "year"),
			tensor.Map{"age": age, "year": year},
			[]feature.Operator{&op.FillMissing{Columns: []string{"age", "year"}, Median: true}},
			tensor.Map{"age": tensor.Of([]float32{nan()}, 1), "year": tensor.Of([]int64{null}, 1)},
			map[string]any{"age": []float32{2}, "year": []float32{1990}},
		},
		{
			"bucketize", pick("age", "year", "scores"), nil,
			[]feature.Operator{
				// Neither 0.1 nor 0.7 is a float32: the nearest are above and below.
				&op.Bucketize{Columns: []string{"age", "scores"}, Boundaries: []float64{0.1, 0.7, 18}},
				&op.Bucketize{Columns: []string{"year"}, Boundaries: []float64{1990, 1999.5}},
			},
			tensor.Map{
				"age":    tensor.Of([]float32{nan(), 0.1, math.Nextafter32(0.1, 0), 18, 17.999, 0.7, math.Nextafter32(0.7, 0)}, 7),
				"scores": tensor.Of(append([]float32{nan(), 0, 18, 1, 2, nan()}, make([]float32, 15)...), 7, 3),
				"year":   tensor.Of([]int64{null, 1989, 1990, 1999, 2000, 0, 0}, 7),
			},
			map[string]any{
				"age": []int64{1, 3, 2, 5, 4, 4, 3}, "year": []int64{1, 2, 3, 3, 4, 2, 2},
				"scores": []int64{0, 2, 5, 4, 4, 0, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2},
			},
		},
		{
			// Of 7 values and 3 bins the boundaries are numbers 2 and 4 (7/3 and 14/3 rounded down): 3 and 5 of age, 5 and 5 of
			// year, whose bins are therefore two. The greatest int64 is a boundary that it reaches itself.
			"bucketize quantiles", pick("age", "year", "votes"),
			tensor.Map{
				"age":   tensor.Of([]float32{7, 1, 3, nan(), 2, 5, 4, 6}, 8),
				"year":  tensor.Of([]int64{5, 5, 5, 9, 1, null, 5, 1}, 8),
				"votes": tensor.Of([]int64{null, 1, math.MaxInt64, math.MaxInt64, null, 2}, 2, 3),
			},
			[]feature.Operator{
				&op.Bucketize{Columns: []string{"age", "year"}, Quantiles: 3}, &op.Bucketize{Columns: []string{"votes"}, Quantiles: 2},
			},
			tensor.Map{
				"age":   tensor.Of([]float32{0, 2.5, 3, 4, 5, 99, nan()}, 7),
				"year":  tensor.Of([]int64{0, 4, 5, 6, null, 9, 1}, 7),
				"votes": tensor.Of(append([]int64{1, null, math.MaxInt64}, make([]int64, 18)...), 7, 3),
			},
			map[string]any{
				"age": []int64{2, 2, 3, 3, 4, 4, 1}, "year": []int64{2, 2, 3, 3, 1, 3, 2},
				"votes": []int64{2, 0, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2},
			},
		},
		{
			"list_slice and list_statistics", pick("scores", "votes", "genres"), nil,
			[]feature.Operator{
				&op.ListStatistics{Columns: []string{"scores"}, Statistics: []string{"length", "mean", "min", "max", "sum"}},
				&op.ListStatistics{Columns: []string{"votes"}, Statistics: []string{"mean"}}, &op.ListStatistics{Columns: []string{"genres"}},
				&op.ListSlice{Columns: []string{"scores"}, First: 1}, &op.ListSlice{Columns: []string{"votes"}, Last: 2},
				&op.ListSlice{Columns: []string{"genres"}, Last: 3}, &op.Categorify{Columns: []string{"genres"}, Vocabulary: []any{"a", "b", "c", "d"}},
			},
			tensor.Map{
				"scores": tensor.Of([]float32{2, nan(), -6, nan(), nan(), nan(), 5, nan(), nan()}, 3, 3),
				"votes":  tensor.Of([]int64{1, null, 4, null, null, null, 7, null, null}, 3, 3),
				"genres": tensor.Of([]string{"a", "b", "c", "d", "", "", "", "", "a", "b", "", ""}, 3, 4),
			},
			map[string]any{
				"scores_length": []float32{2, 0, 1}, "scores_mean": []float32{-2, 0, 5}, "scores_min": []float32{-6, 0, 5},
				"scores_max": []float32{2, 0, 5}, "scores_sum": []float32{-4, 0, 5}, "votes_mean": []float32{2.5, 0, 7},
				"genres_length": []float32{4, 0, 2}, "scores": []float32{2, 0, 5}, "votes": []float32{0, 4, 0, 0, 7, 0},
				"genres": []int64{4, 5, 6, 0, 0, 0, 3, 4, 0},
			},
		},
		{
			"vector", pick("scores"), nil,
			[]feature.Operator{&op.Vector{Columns: []string{"scores"}}},
			tensor.Map{"scores": tensor.Of([]float32{2, nan(), -6}, 1, 3)},
			map[string]any{"scores": []float32{2, 0, -6}},
		},
		{
			// The squares of 3e30 and 4e30 are beyond float32, those of 3e-30 and 4e-30 are 0.
			"vector of length 1", pick("scores"), nil,
			[]feature.Operator{&op.Vector{Columns: []string{"scores"}, Unit: true}},
			tensor.Map{"scores": tensor.Of([]float32{3e30, nan(), -4e30, 0, nan(), 0, 3e-30, 4e-30, 0, 9, float32(inf()), 0}, 4, 3)},
			map[string]any{"scores": []float32{0.6, 0, -0.8, 0, 0, 0, 0.6, 0.8, 0, 0, 0, 0}},
		},
		{
			"log", pick("age", "year"), nil,
			[]feature.Operator{&op.Log{Columns: []string{"age", "year"}}},
			tensor.Map{"age": tensor.Of([]float32{0, math.E - 1, -5, nan()}, 4), "year": tensor.Of([]int64{0, 9, -1, null}, 4)},
			map[string]any{"age": []float32{0, 1, 0, 0}, "year": []float32{0, float32(portable.Log(10)), 0, 0}},
		},
		{
			// Without its null the logs are 0 and 1: mean 0.5, deviation 0.5.
			"log leaves nulls to normalize", pick("age"),
			tensor.Map{"age": tensor.Of([]float32{0, math.E - 1, nan()}, 3)},
			[]feature.Operator{&op.Log{Columns: []string{"age"}}, &op.Normalize{Columns: []string{"age"}}},
			tensor.Map{"age": tensor.Of([]float32{0, math.E - 1, nan()}, 3)},
			map[string]any{"age": []float32{-1, 1, 0}},
		},
		{
			"operators in a row", pick("age"),
			tensor.Map{"age": age},
			[]feature.Operator{
				&op.FillMissing{Columns: []string{"age"}, Median: true}, &op.Bucketize{Columns: []string{"age"}, Boundaries: []float64{2}},
			},
			tensor.Map{"age": tensor.Of([]float32{1, nan()}, 2)},
			map[string]any{"age": []int64{2, 3}},
		},
	})
}

// TestQuantilesHoldEquallyMany wants bins of n/q values, rounded up or down, of values that are all different.
func TestQuantilesHoldEquallyMany(t *testing.T) {
	for _, c := range []struct{ n, bins int }{{2, 2}, {10, 3}, {1000, 7}, {999, 1000}, {5000, 1000}} {
		rng := portable.New(5, "quantiles")
		values := make([]float32, c.n)
		for i, v := range rng.Perm(c.n) {
			values[i] = float32(v) / 8
		}
		table := tensor.Map{"age": tensor.Of(values, c.n)}
		f := fit(t, pick("age"), table, &op.Bucketize{Columns: []string{"age"}, Quantiles: c.bins})
		counts := map[int64]int{}
		for _, id := range transform(t, f, table)["age"].([]int64) {
			counts[id]++
		}
		for id, count := range counts {
			if want := c.n / c.bins; count < max(want, 1) || count > want+1 {
				t.Errorf("%d values in %d bins: %d with id %d", c.n, c.bins, count, id)
			}
		}
		if want := min(c.n, c.bins); len(counts) != want || f.Schema()[0].Cardinality != 2+want {
			t.Errorf("%d values in %d bins: %d are used, of cardinality %d", c.n, c.bins, len(counts), f.Schema()[0].Cardinality)
		}
	}
}

// TestNormalizeMoments compares with moments computed in another way, on numbers for which a sum of squares in one pass
// would lose all digits.
func TestNormalizeMoments(t *testing.T) {
	rng := portable.New(4, "moments")
	values := make([]int64, 10_000)
	sum := 0.0
	for i := range values {
		values[i] = 1_700_000_000_000 + int64(rng.IntN(1000))
		sum += float64(values[i] - 1_700_000_000_000)
	}
	mean := sum / float64(len(values))
	squares := 0.0
	for _, v := range values {
		d := float64(v-1_700_000_000_000) - mean
		squares += d * d
	}
	f := fit(t, pick("year"), tensor.Map{"year": tensor.Of(values, len(values))}, &op.Normalize{Columns: []string{"year"}})
	var state struct {
		Operators []struct {
			State struct {
				Columns []struct{ Learned struct{ Mean, Std float64 } }
			}
		}
	}
	var text bytes.Buffer
	if err := f.Write(&text); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text.Bytes(), &state); err != nil {
		t.Fatal(err)
	}
	got := state.Operators[0].State.Columns[0].Learned
	want := struct{ Mean, Std float64 }{1_700_000_000_000 + mean, math.Sqrt(squares / float64(len(values)))}
	// Float64 near 1.7e12 has steps of 2.4e-4, which is the error of each difference from the mean.
	if diff := cmp.Diff(got, want, cmpopts.EquateApprox(1e-6, 0)); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

func inf() float64 { return math.Inf(1) }

func cmpDiff(got, want any) string { return cmp.Diff(got, want) }
