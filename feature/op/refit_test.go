package op_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/tensor"
)

// TestRefitKeepsIDs fits on a second month after a first one: old values keep their ids, even those that are gone.
func TestRefitKeepsIDs(t *testing.T) {
	tables := func(users []int64, items []string) feature.Tables {
		return feature.Tables{Tables: []tensor.Map{
			{"user_id": tensor.Of(users, len(users))},
			{"item_id": tensor.Of(items, len(items))},
			{"age": tensor.Of([]float32{float32(len(users))}, 1)},
		}}
	}
	raw := pick("user_id", "item_id", "age")
	first := tables([]int64{9, 7, 7}, []string{"b", "a", "b", "gone"})
	// 5 is seen three times and 4 twice, 9 and 7 are old; x is seen once, y twice.
	second := tables([]int64{5, 5, 5, 4, 4, 9, null, 7, 3}, []string{"y", "x", "a", "y", "", "c", "c", "c"})
	cases := []struct {
		name         string
		first, again op.Categorify
		users, items any
	}{
		{"all", op.Categorify{}, op.Categorify{}, []int64{7, 9, 5, 4, 3}, []string{"b", "a", "gone", "c", "y", "x"}},
		{"frequent", op.Categorify{}, op.Categorify{MinFrequency: 2}, []int64{7, 9, 5, 4}, []string{"b", "a", "gone", "c", "y"}},
		{"limited", op.Categorify{}, op.Categorify{MaxSize: 4}, []int64{7, 9, 5, 4}, []string{"b", "a", "gone", "c"}},
		{"full", op.Categorify{}, op.Categorify{MaxSize: 2}, []int64{7, 9}, []string{"b", "a", "gone"}},
		{"buckets", op.Categorify{OOVBuckets: 4}, op.Categorify{OOVBuckets: 4, MaxSize: 2}, []int64{7, 9}, []string{"b", "a", "gone"}},
	}
	workflow := func(o op.Categorify) feature.Workflow {
		o.Columns = []string{"user_id", "item_id"}
		return feature.Workflow{Operators: []feature.Operator{&o, &op.Normalize{Columns: []string{"age"}}}}
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			former, err := workflow(c.first).Fit(t.Context(), raw, first)
			if err != nil {
				t.Fatal(err)
			}
			grown, err := workflow(c.again).Refit(t.Context(), former, raw, second)
			if err != nil {
				t.Fatal(err)
			}
			users, _ := grown.Vocabulary("user_id")
			items, _ := grown.Vocabulary("item_id")
			if diff := cmp.Diff([]any{users.Keys().Any(), items.Keys().Any()}, []any{c.users, c.items}); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
			in := tensor.Map{
				"user_id": tensor.Of([]int64{7, 9, null}, 3), "item_id": tensor.Of([]string{"gone", "a", "b"}, 3),
				"age": tensor.Of([]float32{9, 9, 9}, 3),
			}
			before, after := transform(t, former, in), transform(t, grown, in)
			for _, name := range []string{"user_id", "item_id"} {
				if diff := cmp.Diff(after[name], before[name]); diff != "" {
					t.Errorf("%s of old values changed (-got +want):\n%s", name, diff)
				}
			}
			// The second mean is 9, the first was 3.
			if diff := cmp.Diff(after["age"], []float32{0, 0, 0}); diff != "" {
				t.Errorf("age (-got +want):\n%s", diff)
			}
		})
	}
}

func TestRefitRefuses(t *testing.T) {
	ints := feature.Tables{Tables: []tensor.Map{{"user_id": tensor.Of([]int64{1}, 1)}}}
	texts := feature.Tables{Tables: []tensor.Map{{"user_id": tensor.Of([]string{"1"}, 1)}}}
	users := func(buckets int) feature.Workflow {
		return feature.Workflow{Operators: []feature.Operator{&op.Categorify{Columns: []string{"user_id"}, OOVBuckets: buckets}}}
	}
	former, err := users(2).Fit(t.Context(), pick("user_id"), ints)
	if err != nil {
		t.Fatal(err)
	}
	asText := pick("user_id")
	asText[0].DType.DType = tensor.String
	_, buckets := users(3).Refit(t.Context(), former, pick("user_id"), ints)
	_, types := users(2).Refit(t.Context(), former, asText, texts)
	_, none := users(2).Refit(t.Context(), nil, pick("user_id"), ints)
	given := func(values ...any) feature.Workflow {
		return feature.Workflow{Operators: []feature.Operator{
			&op.Categorify{Columns: []string{"user_id"}, OOVBuckets: 2, Vocabulary: values},
		}}
	}
	_, moved := given(2, 1).Refit(t.Context(), former, pick("user_id"), ints)
	if _, err := given(1, 2).Refit(t.Context(), former, pick("user_id"), ints); err != nil {
		t.Errorf("a given vocabulary that begins with the former: %v", err)
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{buckets, `column "user_id": oov_buckets 3 would move the ids of the former workflow, which has 2`},
		{types, `column "user_id": the former vocabulary "user_id" of 1 int64 keys does not fit its values`},
		{moved, `column "user_id": the given vocabulary moves ids`},
		{none, "refit without a former workflow; use Fit"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("got error %v, want one with %q", c.err, c.want)
		}
	}
}

// TestRefitKeepsIDsOfCrosses fits a cross of three columns again: pairs keep their ids, and so do the keys of each column.
func TestRefitKeepsIDsOfCrosses(t *testing.T) {
	raw := pick("user_id", "city", "offset")
	table := func(users []int64, cities []string, offsets []int64) tensor.Map {
		n := len(users)
		return tensor.Map{"user_id": tensor.Of(users, n), "city": tensor.Of(cities, n), "offset": tensor.Of(offsets, n)}
	}
	first := table([]int64{1, 1, 2}, []string{"a", "a", "b"}, []int64{0, 0, 0})
	// 1 b 0 is new of old keys and seen twice, 3 a 5 is all new but for the city, 1 a 0 is old.
	second := table([]int64{3, 1, 1, 1}, []string{"a", "b", "b", "a"}, []int64{5, 0, 0, 0})
	w := feature.Workflow{Operators: []feature.Operator{
		&op.Cross{Columns: []string{"user_id", "city", "offset"}, Column: "x"},
	}}
	former := fitJoined(t, raw, first, w.Operators...)
	grown, err := w.Refit(t.Context(), former, raw, feature.Tables{Tables: []tensor.Map{second}})
	if err != nil {
		t.Fatal(err)
	}
	in := table([]int64{1, 2, 1, 3, 3}, []string{"a", "b", "b", "a", "b"}, []int64{0, 0, 0, 5, 5})
	if diff := cmp.Diff(transform(t, former, in)["x"], any([]int64{3, 4, 2, 2, 2})); diff != "" {
		t.Errorf("first (-got +want):\n%s", diff)
	}
	if diff := cmp.Diff(transform(t, grown, in)["x"], any([]int64{3, 4, 5, 6, 2})); diff != "" {
		t.Errorf("again (-got +want):\n%s", diff)
	}
}
