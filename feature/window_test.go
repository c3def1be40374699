package feature_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/internal/portable"
	"recsys/tensor"
)

func TestWindow(t *testing.T) {
	items := []int32{10, 11, 1, 13, 14}
	cases := []struct {
		name     string
		position int32
		want     []int64
	}{
		{"nothing before the first", 0, []int64{0, 0, 0}},
		{"fewer than the length", 2, []int64{10, 11, 0}},
		{"the newest, null as padding", 5, []int64{0, 13, 14}},
		{"beyond the end", 9, []int64{0, 13, 14}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := []int64{-1, -1, -1}
			feature.Window(got, items, c.position)
			if diff := cmp.Diff(got, c.want); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

// TestWindowsEqualGraph cuts windows in both ways: raw keys, cut and then encoded by the graph as in serving, and encoded
// events, cut as in training.
func TestWindowsEqualGraph(t *testing.T) {
	const length, users = 4, 40
	for _, buckets := range []int{1, 3} {
		rng := portable.New(5, "windows")
		keys := []string{"", "a", "b", "c", "d", "e", "never seen", "nor this"}
		f, err := feature.Workflow{Operators: []feature.Operator{
			&op.Categorify{Columns: []string{"item_id"}, OOVBuckets: buckets},
			&op.Sequence{Column: "history", Of: "item_id", Length: length},
		}}.Fit(t.Context(), rawSchema(), feature.Tables{Tables: []tensor.Map{{"item_id": tensor.Of(keys[:6], 6)}}})
		if err != nil {
			t.Fatal(err)
		}
		events, offsets := []string{}, []int{0}
		var raw []string
		var of, positions []int
		for u := range users {
			start := len(events)
			for range rng.IntN(8) {
				events = append(events, keys[rng.IntN(len(keys))])
			}
			offsets = append(offsets, len(events))
			for p := range len(events) - start + 1 {
				before := events[start : start+p]
				before = before[max(0, len(before)-length):]
				raw = append(raw, before...)
				raw = append(raw, make([]string, length-len(before))...)
				of, positions = append(of, u), append(positions, p)
			}
		}
		items := make([]int32, len(events))
		for i, id := range tensor.MustData[int64](transform(t, f, "item_id", tensor.Of(events, len(events)))) {
			items[i] = int32(id)
		}
		got := make([]int64, len(of)*length)
		for i, u := range of {
			feature.Window(got[i*length:(i+1)*length], items[offsets[u]:offsets[u+1]], int32(positions[i]))
		}
		want := transform(t, f, "history", tensor.Of(raw, len(of), length))
		if diff := cmp.Diff(got, want.Any()); diff != "" {
			t.Errorf("%d buckets (-cut +graph):\n%s", buckets, diff)
		}
	}
}

func transform(t *testing.T, f *feature.FittedWorkflow, column string, in *tensor.Tensor) *tensor.Tensor {
	t.Helper()
	part, err := f.Only(column)
	if err != nil {
		t.Fatal(err)
	}
	out, err := part.Transform(t.Context(), tensor.Map{column: in})
	if err != nil {
		t.Fatal(err)
	}
	return out[column]
}
