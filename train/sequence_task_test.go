package train_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// sequenceWorld has two users: the first with items 3 to 9 in order, the second with 8, 2 (unknown) and 3. Items of rows
// that left takes out stand in sequences alone.
func sequenceWorld(t *testing.T, left ...int32) (*train.Examples, []int32) {
	t.Helper()
	column := func(name string, length, cardinality int, tags ...schema.Tag) schema.Column {
		return schema.Column{Name: name, DType: schema.DType{DType: tensor.Int64}, Length: length, Cardinality: cardinality, Tags: tags}
	}
	ids := make([]int64, 10)
	for i := range ids {
		ids[i] = int64(i)
	}
	e := &train.Examples{
		Schema: schema.Schema{
			column("history", 3, 10, schema.User, schema.Sequence, schema.Categorical),
			column("item", 0, 10, schema.Item, schema.ID, schema.Categorical),
		},
		Users: tensor.Map{}, Items: tensor.Map{"item": tensor.Of(ids, 10)}, First: 3,
		User: []int32{0, 0, 0, 0, 0, 0, 0, 1, 1, 1}, Item: []int32{3, 4, 5, 6, 7, 8, 9, 8, 2, 3},
	}
	var err error
	if e.Sequences, e.Position, err = train.NewSequences(2, e.User, e.Item, []int64{0, 1, 2, 3, 4, 5, 6, 0, 1, 2}); err != nil {
		t.Fatal(err)
	}
	var rows []int32
	for r := range int32(len(e.User)) {
		if !slices.Contains(left, r) {
			rows = append(rows, r)
		}
	}
	return e, rows
}

func sequenceTask(t *testing.T, e *train.Examples, rows []int32, s train.NextItem) *train.Task {
	t.Helper()
	m, err := model.NewSASRec(e.Schema, model.SASRec{Dim: 4, Blocks: 1})
	if err != nil {
		t.Fatal(err)
	}
	task, err := train.NewSequenceTask(m, e, rows, s)
	if err != nil {
		t.Fatal(err)
	}
	return task
}

func TestSequenceWindows(t *testing.T) {
	tests := []struct {
		name               string
		left               []int32
		newest             bool
		histories, targets []int64
	}{
		{
			"all", nil, false,
			[]int64{6, 7, 8, 3, 4, 5, 8, 2, 0},
			[]int64{7, 8, 9, 4, 5, 6, 0, 3, 0}, // The unknown item is not predicted.
		},
		{"newest", nil, true, []int64{6, 7, 8, 8, 2, 0}, []int64{7, 8, 9, 0, 3, 0}},
		// Rows 3 and 6 are of another part: they are no targets, and windows end with rows of ours.
		{
			"a part of the rows",
			[]int32{3, 6},
			false,
			[]int64{5, 6, 7, 3, 4, 0, 8, 2, 0},
			[]int64{0, 7, 8, 4, 5, 0, 0, 3, 0},
		},
		{
			"a window's end of another part",
			[]int32{2, 6},
			false,
			[]int64{5, 6, 7, 3, 0, 0, 8, 2, 0},
			[]int64{6, 7, 8, 4, 0, 0, 0, 3, 0},
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			e, rows := sequenceWorld(t, tc.left...)
			task := sequenceTask(t, e, rows, train.NextItem{Newest: tc.newest})
			in, err := task.Inputs(task.Rows, 1)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.histories, tensor.MustData[int64](in["encoded_history"])); diff != "" {
				t.Errorf("histories (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.targets, tensor.MustData[int64](in[train.TargetsInput])); diff != "" {
				t.Errorf("targets (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSequenceNegatives(t *testing.T) {
	e, rows := sequenceWorld(t)
	task := sequenceTask(t, e, rows, train.NextItem{Negatives: 2})
	seen := map[int64]bool{}
	for seed := range uint64(50) {
		in, err := task.Inputs(task.Rows, seed)
		if err != nil {
			t.Fatal(err)
		}
		negatives := tensor.MustData[int64](in[train.SequenceNegativesInput])
		for i, target := range tensor.MustData[int64](in[train.TargetsInput]) {
			for _, n := range negatives[2*i : 2*i+2] {
				seen[n] = true
				if n < 3 || n > 9 || n == target {
					t.Fatalf("negative %d of target %d", n, target)
				}
			}
		}
	}
	if len(seen) != 7 {
		t.Errorf("%d items are drawn, want all 7", len(seen))
	}
}

// TestDropoutDraws: the random numbers of a step are in [0,1), spread evenly, and others with another seed.
func TestDropoutDraws(t *testing.T) {
	e, rows := sequenceWorld(t)
	task := sequenceTask(t, e, rows, train.NextItem{})
	var all [3][]float32
	for i, seed := range []uint64{1, 1, 2} {
		in, err := task.Inputs(slices.Repeat(task.Rows, 200), seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range in.Names() {
			if strings.HasPrefix(name, "uniform/") {
				all[i] = append(all[i], tensor.MustData[float32](in[name])...)
			}
		}
	}
	if !slices.Equal(all[0], all[1]) || slices.Equal(all[0], all[2]) {
		t.Error("numbers do not follow from the seed")
	}
	var tenths [10]int
	for _, x := range all[0] {
		if !(x >= 0 && x < 1) {
			t.Fatalf("drew %g", x)
		}
		tenths[int(x*10)]++
	}
	want := len(all[0]) / 10
	for i, n := range tenths { // 21,600 numbers: the standard deviation of a tenth is 44.
		if n < want-250 || n > want+250 {
			t.Errorf("%d of %d numbers are in tenth %d", n, len(all[0]), i)
		}
	}
}

func TestSequenceTaskRefuses(t *testing.T) {
	e, rows := sequenceWorld(t)
	m, err := model.NewSASRec(e.Schema, model.SASRec{Dim: 4})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.NewSequenceTask(m, e, rows[:1], train.NextItem{}); err == nil || !strings.Contains(err.Error(), "no user has two interactions") {
		t.Errorf("one interaction: got %v", err)
	}
	if _, err := train.NewSequenceTask(m, e, rows, train.NextItem{Negatives: -1}); err == nil || !strings.Contains(err.Error(), "-1 negatives") {
		t.Errorf("-1 negatives: got %v", err)
	}
}
