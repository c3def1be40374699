package data_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/tensor"
)

func table(t *testing.T, columns ...*data.Column) *data.Table {
	t.Helper()
	out, err := data.NewTable(columns...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// letters writes parts as one letter each: - none, T train, v valid, t test.
func letters(parts []data.Part) string {
	var s strings.Builder
	for _, p := range parts {
		s.WriteByte("-Tvt"[p])
	}
	return s.String()
}

func TestSplit(t *testing.T) {
	rows := table(t,
		data.Scalar("user", []string{"a", "b", "a", "a", "b", "c", "a", "d", "d", "d"}),
		data.Scalar("time", []int64{40, 10, 20, 20, 30, 5, -1, 7, 7, 7}),
		data.Scalar("when", []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, tensor.NullInt64}),
		data.Scalar("part", []string{"train", "valid", "test", "", "train", "other", "train", "test", "valid", "Train"}),
		data.Scalar("same", make([]int64, 10)),
	)
	tests := []struct {
		name  string
		split data.Split
		want  string
	}{
		{"column", data.Split{By: data.ByColumn, Column: "part"}, "Tvt-T-Ttv-"},
		// a by time: 2 and 3 (20, in the rows' order), 0 (40); row 6 has a negative order.
		{"last", data.Split{By: data.ByLast, User: "user", Order: "time"}, "tTTvtT-Tvt"},
		{"last by rows", data.Split{By: data.ByLast, User: "user"}, "TTTvtTtTvt"},
		{"time", data.Split{By: data.ByTime, Order: "when", Valid: 0.22, Test: 0.22}, "TTTTTvvtt-"},
		{"time without valid", data.Split{By: data.ByTime, Order: "when", Test: 0.34}, "TTTTTTttt-"},
		{"time without test", data.Split{By: data.ByTime, Order: "when", Valid: 0.34}, "TTTTTTvvv-"},
		{"time keeps equal times together", data.Split{By: data.ByTime, Order: "time", Valid: 0.2, Test: 0.3}, "tvtttTTTTT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parts, err := tt.split.Assign(rows)
			if err != nil {
				t.Fatal(err)
			}
			if got := letters(parts); got != tt.want {
				t.Errorf("parts %s, want %s", got, tt.want)
			}
		})
	}
	for name, tt := range map[string]struct {
		split data.Split
		want  string
	}{
		"unknown":       {data.Split{By: "hash"}, "unknown split"},
		"no column":     {data.Split{By: data.ByColumn}, "needs column"},
		"no user":       {data.Split{By: data.ByLast}, "needs user"},
		"no order":      {data.Split{By: data.ByTime}, "needs order"},
		"fractions":     {data.Split{Valid: 0.5, Test: 0.5}, "sum to less than 1"},
		"nan":           {data.Split{Valid: math.NaN()}, "at least 0"},
		"absent":        {data.Split{By: data.ByColumn, Column: "fold"}, `no column "fold"; the columns are user`},
		"wrong type":    {data.Split{By: data.ByColumn, Column: "time"}, "holds int64"},
		"no train":      {data.Split{By: data.ByColumn, Column: "user"}, `"a, b, c, d"`},
		"one time only": {data.Split{By: data.ByTime, Order: "same"}, "none of the 10 rows"},
	} {
		if _, err := tt.split.Assign(rows); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", name, err, tt.want)
		}
	}
}

func TestSplitRandom(t *testing.T) {
	const n = 100_000
	rows := table(t, data.Scalar("a", make([]int64, n)))
	parts, err := data.Split{Seed: 3}.Assign(rows)
	if err != nil {
		t.Fatal(err)
	}
	for part, want := range map[data.Part]float64{data.Train: 0.8, data.Valid: 0.1, data.Test: 0.1} {
		got := float64(len(data.Rows(parts, part))) / n
		if limit := 5 * math.Sqrt(want*(1-want)/n); math.Abs(got-want) > limit { // five standard deviations
			t.Errorf("%s has a fraction of %v, want %v within %v", part, got, want, limit)
		}
	}
	again, err := data.Split{By: data.ByRandom, Valid: 0.1, Test: 0.1, Seed: 3}.Assign(rows)
	if err != nil {
		t.Fatal(err)
	}
	if letters(again) != letters(parts) {
		t.Error("the same seed gave another split")
	}
	other, err := data.Split{Seed: 4}.Assign(rows)
	if err != nil {
		t.Fatal(err)
	}
	if letters(other) == letters(parts) {
		t.Error("another seed gave the same split")
	}
	// The first rows are pinned: a change moves rows between train and test of everybody's runs.
	if got, want := letters(parts[:40]), "TTTTTvTTTvTTTvTTTTTTTTTtTtTTTTTTTTTvvTtT"; got != want {
		t.Errorf("parts of seed 3 begin %s, want %s", got, want)
	}
}

func TestPositions(t *testing.T) {
	rows := table(t,
		data.Scalar("user", []int64{1, 2, 1, 1, 2, 1}),
		data.Scalar("item", []string{"x", "x", "y", "x", "z", "x"}),
		data.Scalar("time", []int64{9, 5, 1, 3, 1, 3}),
	)
	for _, minItem := range []int{2, 4} { // x has 4 rows, y and z have 1
		got, err := data.Positions(rows, "user", "item", "time", minItem)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, []int64{2, 0, -1, 0, -1, 1}); diff != "" {
			t.Errorf("positions with %d rows an item differ (-got +want):\n%s", minItem, diff)
		}
	}
	if _, err := data.Positions(rows, "user", "item", "item", 2); err == nil {
		t.Error("no error for an order of strings")
	}
}
