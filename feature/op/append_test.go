package op_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/tensor"
)

// TestAppendChangesNothingElse appends item keys: columns that share the vocabulary know them, and other ids, moments and old
// keys are as they were, also when the workflow was saved in between.
func TestAppendChangesNothingElse(t *testing.T) {
	w := feature.Workflow{Operators: []feature.Operator{
		&op.Categorify{Columns: []string{"user_id", "item_id"}, OOVBuckets: 2}, &op.Sequence{Column: "history", Of: "item_id", Length: 3},
		&op.Normalize{Columns: []string{"age"}},
	}}
	former, err := w.Fit(t.Context(), pick("user_id", "item_id", "age"), feature.Tables{Tables: []tensor.Map{
		{"user_id": tensor.Of([]int64{9, 7, 7}, 3)},
		{"item_id": tensor.Of([]string{"b", "a", "b"}, 3)},
		{"age": tensor.Of([]float32{3, 5}, 2)},
	}})
	if err != nil {
		t.Fatal(err)
	}
	grown, err := former.Append("history", tensor.Of([]string{"new", "c"}, 2))
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := grown.Write(&text); err != nil {
		t.Fatal(err)
	}
	read, err := feature.Read(op.Registry(), &text)
	if err != nil {
		t.Fatal(err)
	}
	in := tensor.Map{
		"user_id": tensor.Of([]int64{7, 9, 8}, 3), "item_id": tensor.Of([]string{"c", "a", "?"}, 3), "age": tensor.Of([]float32{9, 4, 0}, 3),
		"history": tensor.Of([]string{"new", "b", "", "a", "", "", "?", "c", "new"}, 3, 3),
	}
	before := transform(t, former, in)
	unknown := before["item_id"].([]int64)[2] // the bucket of "?"
	for name, w := range map[string]*feature.FittedWorkflow{"appended": grown, "read": read} {
		after := transform(t, w, in)
		for _, name := range []string{"user_id", "age"} {
			if diff := cmp.Diff(after[name], before[name]); diff != "" {
				t.Errorf("%s changed (-got +want):\n%s", name, diff)
			}
		}
		// Ids: 2 and 3 are buckets, b is 4, a 5, new 6 and c 7.
		if diff := cmp.Diff(after["item_id"], []int64{7, 5, unknown}); diff != "" {
			t.Errorf("%s: items (-got +want):\n%s", name, diff)
		}
		if diff := cmp.Diff(after["history"], []int64{6, 4, 0, 5, 0, 0, unknown, 7, 6}); diff != "" {
			t.Errorf("%s: history (-got +want):\n%s", name, diff)
		}
		for _, c := range w.Schema() {
			want := map[string]int{"user_id": 6, "item_id": 8, "history": 8}[c.Name]
			if c.Cardinality != want {
				t.Errorf("%s: column %s has %d ids, want %d", name, c.Name, c.Cardinality, want)
			}
		}
	}
	if v, _ := former.Vocabulary("item_id"); v.Len() != 2 {
		t.Errorf("the former vocabulary has %d keys now", v.Len())
	}
	for want, keys := range map[string]*tensor.Tensor{
		`key "a" appears twice`:    tensor.Of([]string{"d", "a"}, 2),
		"keys int64[1] do not fit": tensor.Of([]int64{1}, 1),
	} {
		if _, err := former.Append("item_id", keys); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want %q", err, want)
		}
	}
	if _, err := former.Append("age", tensor.Of([]string{"d"}, 1)); err == nil || !strings.Contains(err.Error(), "no operator encodes") {
		t.Errorf("got the error %v for a column without a vocabulary", err)
	}
}
