package feature_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/internal/portable"
	"recsys/tensor"
)

func TestWindow(t *testing.T) {
	s := feature.Sequences{Offsets: []int{0, 5, 5, 7}, Items: []int64{10, 11, 1, 13, 14, 20, 21}}
	cases := []struct {
		name           string
		user, position int
		want           []int64
	}{
		{"nothing before the first", 0, 0, []int64{0, 0, 0}},
		{"fewer than the length", 0, 2, []int64{10, 11, 0}},
		{"the newest, null as padding", 0, 5, []int64{0, 13, 14}},
		{"another user", 2, 1, []int64{20, 0, 0}},
		{"user without events", 1, 0, []int64{0, 0, 0}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := []int64{-1, -1, -1}
			s.Window(got, c.user, c.position)
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
		events := []string{}
		s := feature.Sequences{Offsets: []int{0}}
		var raw []string
		var of, positions []int
		for u := range users {
			start := len(events)
			for range rng.IntN(8) {
				events = append(events, keys[rng.IntN(len(keys))])
			}
			s.Offsets = append(s.Offsets, len(events))
			for p := range len(events) - start + 1 {
				before := events[start : start+p]
				before = before[max(0, len(before)-length):]
				raw = append(raw, before...)
				raw = append(raw, make([]string, length-len(before))...)
				of, positions = append(of, u), append(positions, p)
			}
		}
		s.Items = tensor.MustData[int64](transform(t, f, "item_id", tensor.Of(events, len(events))))
		got, err := s.Windows(of, positions, length)
		if err != nil {
			t.Fatal(err)
		}
		want := transform(t, f, "history", tensor.Of(raw, len(of), length))
		if diff := cmp.Diff(got.Any(), want.Any()); diff != "" {
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

func TestWindowsErrors(t *testing.T) {
	s := feature.Sequences{Offsets: []int{0, 2}, Items: []int64{3, 4}}
	cases := []struct {
		name             string
		s                feature.Sequences
		users, positions []int
		length           int
		want             string
	}{
		{"offsets fall", feature.Sequences{Offsets: []int{0, 3, 2}, Items: []int64{3, 4}}, nil, nil, 1, "offsets have to rise"},
		{"no offsets", feature.Sequences{}, nil, nil, 1, "offsets have to rise"},
		{"offsets end early", feature.Sequences{Offsets: []int{0, 1}, Items: []int64{3, 4}}, nil, nil, 1, "offsets have to rise"},
		{"lists differ", s, []int{0}, nil, 1, "1 users and 0 positions"},
		{"no length", s, []int{0}, []int{0}, 0, "windows of length 0"},
		{"no such user", s, []int{1}, []int{0}, 1, "window 0: no event 0 of user 1"},
		{"no such event", s, []int{0}, []int{3}, 1, "no event 3 of user 0"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := c.s.Windows(c.users, c.positions, c.length); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
}
