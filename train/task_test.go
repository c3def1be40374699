package train_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/model"
	"recsys/model/modeltest"
	"recsys/tensor"
	"recsys/train"
)

func TestTaskErrors(t *testing.T) {
	tests := []struct {
		name   string
		change func(e *train.Examples)
		rows   []int32
		want   string
	}{
		{"no rows", func(*train.Examples) {}, nil, "no interactions to train on"},
		{"row out of range", func(*train.Examples) {}, []int32{480}, "row 480 of 480"},
		{"missing user column", func(e *train.Examples) { delete(e.Users, "age") }, []int32{0}, `user column "age" has no data`},
		{"missing item column", func(e *train.Examples) { delete(e.Items, "tags") }, []int32{0}, `item column "tags" has no data`},
		{"wrong type", func(e *train.Examples) { e.Items["price"] = e.Items["item_id"] }, []int32{0}, `"price" is int64[27]`},
		{"user out of range", func(e *train.Examples) { e.User[3] = 43 }, []int32{0}, "interaction 3 has user row 43 of 43"},
		{"item out of range", func(e *train.Examples) { e.Item[3] = -1 }, []int32{0}, "interaction 3 has item index -1"},
		{"no places", func(e *train.Examples) { e.Position = nil }, []int32{0}, `sequence column "history" needs a position`},
		{
			"sequence of another column", func(e *train.Examples) { e.Schema[3].Cardinality = 9 },
			[]int32{0},
			`sequence column "history" has the cardinality 9, there are 27`,
		},
		{"short labels", func(e *train.Examples) { e.Labels["like"] = nil }, []int32{0}, `task "like" has 0 labels`},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			e := modeltest.Examples()
			m := factorization(t, e)
			tc.change(e)
			_, err := train.NewPairwiseTask(m, e, tc.rows, train.Pairwise{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestOptionsAreChecked(t *testing.T) {
	_, err := train.Fit(t.Context(), pairwise(t, train.Pairwise{}), train.Options{Epochs: -1, ShardRows: -2})
	if err == nil || !strings.Contains(err.Error(), "epochs are -1") || !strings.Contains(err.Error(), "shard rows are -2") {
		t.Errorf("got %v, want both faults", err)
	}
}

// TestInputsOfTasks checks what is fed: histories end before the row's own place, negatives are no items of the user,
// and log Q is the item's share.
func TestInputsOfTasks(t *testing.T) {
	e := modeltest.Examples()
	m, err := model.NewTwoTower(e.Schema, model.TwoTower{Dim: 4, Query: []int{4}, Candidate: []int{4}})
	if err != nil {
		t.Fatal(err)
	}
	task, err := train.NewSoftmaxTask(m, e, rows(e), train.Softmax{})
	if err != nil {
		t.Fatal(err)
	}
	in := inputs(t, task, []int32{12, 14, 23}) // the second user's interactions 0, 2 and 11
	h := tensor.MustData[int64](in["encoded_history"])
	want := []int64{0, 0, 0, 0, 0, int64(e.Item[12]), int64(e.Item[13]), 0, 0, 0}
	for _, item := range e.Item[18:23] {
		want = append(want, int64(item))
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	counts := train.Counts(e, rows(e))
	for i, r := range []int32{12, 14, 23} {
		want := math.Log(float64(counts[e.Item[r]]) / 480)
		if got := tensor.MustData[float32](in[train.LogQInput])[i]; math.Abs(float64(got)-want) > 1e-6 {
			t.Errorf("log Q of row %d is %g, want %g", r, got, want)
		}
		if got := tensor.MustData[int64](in[train.ItemIDsInput])[i]; got != int64(e.Item[r]) {
			t.Errorf("item of row %d is %d, want %d", r, got, e.Item[r])
		}
		if got := tensor.MustData[float32](in[train.WeightInput])[i]; got != float32(1)/3 {
			t.Errorf("weight of row %d is %g", r, got)
		}
		if got := tensor.MustData[int64](in["encoded_hour"])[i]; got != tensor.MustData[int64](e.Context["hour"])[r] {
			t.Errorf("hour of row %d is %d", r, got)
		}
	}
}

func TestNegativesAreNotTheUsers(t *testing.T) {
	e := modeltest.Examples()
	task, err := train.NewPairwiseTask(factorization(t, e), e, rows(e), train.Pairwise{Negatives: 4})
	if err != nil {
		t.Fatal(err)
	}
	seen := train.NewUserItems(e, rows(e))
	ids := tensor.MustData[int64](inputs(t, task, rows(e))["item_item_id"])
	drawn := map[int64]bool{}
	for i, r := range rows(e) {
		if ids[i*5] != int64(e.Item[r]) {
			t.Fatalf("row %d: positive %d, want %d", r, ids[i*5], e.Item[r])
		}
		for _, id := range ids[i*5+1 : i*5+5] {
			drawn[id] = true
			if id < 3 || seen.Has(e.User[r], int32(id)) {
				t.Errorf("row %d: negative %d is the user's own, or no item", r, id)
			}
		}
	}
	if len(drawn) != 24 {
		t.Errorf("%d of 24 items were drawn", len(drawn))
	}
}

func TestNewSequences(t *testing.T) {
	user := []int32{1, 0, 1, 1, 0, 1}
	item := []int32{5, 6, 7, 8, 9, 4}
	order := []int64{3, 0, 1, 1, -1, 2}
	s, position, err := train.NewSequences(3, user, item, order)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(train.Sequences{Offsets: []int64{0, 1, 5, 5}, Items: []int32{6, 7, 8, 4, 5}}, s); diff != "" {
		t.Errorf("sequences (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]int32{3, 0, 0, 1, 1, 2}, position); diff != "" {
		t.Errorf("positions (-want +got):\n%s", diff)
	}
	if _, _, err := train.NewSequences(1, user, item, order); err == nil {
		t.Error("got no error for a user row out of range")
	}
}

func TestInitialParametersAreKept(t *testing.T) {
	task := pairwise(t, train.Pairwise{})
	start := tensor.Zeros(tensor.Float32, 27, 1)
	task.Graph.Param("mf/embedding/item_id_bias").Data = start
	r, err := train.Fit(t.Context(), task, train.Options{Epochs: 1})
	if err != nil {
		t.Fatal(err)
	}
	if r.State["mf/embedding/item_id_bias"] != start {
		t.Error("a parameter with data was replaced")
	}
}
