package stage_test

import (
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/tensor"
)

// made fails the test unless the stage was built.
func made(t *testing.T) func(ensemble.Stage, error) ensemble.Stage {
	t.Helper()
	return func(s ensemble.Stage, err error) ensemble.Stage {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// TestGuard gives what is no item the first item's index and the score -inf, as it does to a NaN.
func TestGuard(t *testing.T) {
	nan := inf - inf
	got := run(t, made(t)(stage.Guard(3, 6, 5)), tensor.Map{
		stage.FoundCandidates: tensor.Of([]int64{5, 2, 6, -1, 4}, 1, 5), stage.FoundScores: tensor.Of([]float32{5, 4, 3, 2, nan}, 1, 5),
	})
	same(t, stage.Candidates, tensor.Of([]int64{5, 3, 3, 3, 4}, 1, 5), got[stage.Candidates])
	same(t, stage.CandidateScores, tensor.Of([]float32{5, -inf, -inf, -inf, -inf}, 1, 5), got[stage.CandidateScores])
}

// TestKeys finds items by their raw keys: those of both types, and one that is none.
func TestKeys(t *testing.T) {
	scores := tensor.Of([]float32{3, 2, 1}, 1, 3)
	want := tensor.Map{
		stage.Candidates: tensor.Of([]int64{4, 2, 3}, 1, 3), stage.CandidateScores: tensor.Of([]float32{3, -inf, 1}, 1, 3),
	}
	for _, keys := range []struct{ all, found *tensor.Tensor }{
		{tensor.Of([]int64{0, 0, 70, 80, 90}, 5), tensor.Of([]int64{90, 0, 80}, 1, 3)},
		{tensor.Of([]string{"", "", "a", "b", "c"}, 5), tensor.Of([]string{"c", "", "b"}, 1, 3)},
	} {
		got := run(t, made(t)(stage.Keys(keys.all, 2, 3)), tensor.Map{stage.CandidateKeys: keys.found, stage.FoundScores: scores})
		for name := range want {
			same(t, name, want[name], got[name])
		}
	}
}

// TestMask wants every filter to keep a candidate.
func TestMask(t *testing.T) {
	got := run(t, made(t)(stage.Mask([]string{"a", "b"}, 4)), tensor.Map{
		stage.FilteredScores: tensor.Of([]float32{4, 3, 2, -inf}, 1, 4),
		"a":                  tensor.Of([]bool{true, true, false, true}, 1, 4), "b": tensor.Of([]bool{true, false, true, true}, 1, 4),
	})
	same(t, stage.MaskedScores, tensor.Of([]float32{4, -inf, -inf, -inf}, 1, 4), got[stage.MaskedScores])
}

// TestPick takes places as they are given, but for those that are none and those that were filtered out.
func TestPick(t *testing.T) {
	got := run(t, made(t)(stage.Pick(tensor.Of([]string{"", "a", "b", "c"}, 4), 3, 4)), tensor.Map{
		stage.Candidates: tensor.Of([]int64{3, 1, 2}, 1, 3), stage.MaskedScores: tensor.Of([]float32{9, -inf, 7}, 1, 3),
		stage.Positions: tensor.Of([]int64{2, 1, 0, 3}, 1, 4), stage.OrderScores: tensor.Of([]float32{4, 3, 2, 1}, 1, 4),
	})
	same(t, stage.ItemIDs, tensor.Of([]string{"b", "a", "c", "c"}, 1, 4), got[stage.ItemIDs])
	same(t, stage.Scores, tensor.Of([]float32{4, -inf, 2, -inf}, 1, 4), got[stage.Scores])
	same(t, stage.ItemIndices, tensor.Of([]int64{2, 1, 3, 3}, 1, 4), got[stage.ItemIndices])
}

func TestJoinErrors(t *testing.T) {
	keys := tensor.Zeros(tensor.Int64, 5)
	fail := func(_ ensemble.Stage, err error) error { return err }
	for _, tt := range []struct {
		err  error
		want string
	}{
		{fail(stage.Guard(5, 5, 1)), `stage "guard": items 5 to 5`},
		{fail(stage.Keys(nil, 0, 1)), `stage "keys": keys <nil>`},
		{fail(stage.Keys(keys, 5, 1)), "first item 5"},
		{fail(stage.Mask(nil, 1)), `stage "mask": 0 filters`},
		{fail(stage.Pick(keys, 0, 1)), `stage "pick": 1 of 0 candidates`},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("got error %v, want one with %q", tt.err, tt.want)
		}
	}
}
