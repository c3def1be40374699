package train_test

import (
	"errors"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"recsys/data"
	"recsys/model"
	"recsys/model/modeltest"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// inBlocks moves the wide columns of examples to a block file.
func inBlocks(t *testing.T, e *train.Examples, blockRows int) *train.Examples {
	t.Helper()
	h, all := data.BlocksHeader{BlockRows: blockRows}, tensor.Map{}
	add := func(c schema.Column, values *tensor.Tensor) {
		h.Columns = append(h.Columns, c)
		all[c.Name] = values
	}
	for _, c := range append(e.Schema.Select(schema.Context), e.Schema.Select(schema.Interaction)...) {
		values := e.Context[c.Name]
		c.Name = train.WideName(c)
		add(c, values)
	}
	for task, labels := range e.Labels {
		add(schema.Column{Name: model.LabelInput(task), DType: schema.DType{DType: tensor.Float32}}, tensor.Of(labels, len(labels)))
	}
	path := filepath.Join(t.TempDir(), "wide.cols")
	_, err := data.WriteBlocks(path, h, func(yield func(tensor.Map, error) bool) { yield(all, nil) })
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := data.OpenBlocks(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := blocks.Close(); err != nil {
			t.Error(err)
		}
	})
	moved := *e
	moved.Context, moved.Labels, moved.Blocks = nil, nil, blocks
	return &moved
}

func dlrmTask(t *testing.T, e *train.Examples) *train.Task {
	t.Helper()
	m, err := model.NewDLRM(e.Schema, model.DLRM{Dim: 4, Bottom: []int{4}, Top: []int{8}})
	if err != nil {
		t.Fatal(err)
	}
	task, err := train.NewPointwiseTask(m, e, rows(e))
	if err != nil {
		t.Fatal(err)
	}
	return task
}

// TestInputsFromBlocks compares the inputs of rows in any order, some of them twice, with those from memory.
func TestInputsFromBlocks(t *testing.T) {
	e := modeltest.Examples()
	picked := []int32{479, 3, 100, 101, 3, 250, 0}
	want := inputs(t, dlrmTask(t, e), picked)
	for _, blockRows := range []int{1, 7, 100, 1000} {
		moved := inBlocks(t, e, blockRows)
		task := dlrmTask(t, moved)
		got := inputs(t, task, picked)
		direct, err := moved.Inputs(task.Graph, picked)
		if err != nil {
			t.Fatal(err)
		}
		labels, err := moved.LabelsOf("like", picked)
		if err != nil {
			t.Fatal(err)
		}
		inMemory, err := e.LabelsOf("like", picked)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(labels, inMemory) || labels[0] != e.Labels["like"][479] {
			t.Errorf("blocks of %d: labels %v, in memory %v", blockRows, labels, inMemory)
		}
		for name, w := range want {
			if !got[name].Equal(w) {
				t.Errorf("blocks of %d, input %q: got %v, want %v", blockRows, name, got[name].Any(), w.Any())
			}
			if name != train.WeightInput && !direct[name].Equal(w) {
				t.Errorf("blocks of %d, input %q of the examples: got %v, want %v", blockRows, name, direct[name].Any(), w.Any())
			}
		}
	}
}

// TestFitFromBlocks: the result depends on the buffer, not on workers and prefetch.
func TestFitFromBlocks(t *testing.T) {
	moved := inBlocks(t, modeltest.Examples(), 20)
	fit := func(buffer, workers, prefetch int) tensor.Map {
		r, err := train.Fit(t.Context(), dlrmTask(t, moved), train.Options{
			Epochs: 2, BatchRows: 100, ShardRows: 33, Seed: 3, Buffer: buffer, Workers: workers, Prefetch: prefetch,
		})
		if err != nil {
			t.Fatal(err)
		}
		return r.State
	}
	want := fit(150, 1, -1)
	for _, workers := range []int{1, 2, 3} {
		for _, prefetch := range []int{-1, 0, 1, 5} {
			if got := fit(150, workers, prefetch); unchanged(got, want) == false {
				t.Errorf("%d workers, prefetch %d: other bytes", workers, prefetch)
			}
		}
	}
	if unchanged(fit(40, 1, -1), want) {
		t.Error("a smaller buffer gives the same order")
	}
}

// TestFitWithoutWideColumnsIsTheSame: a task that reads no context keeps the exact shuffle, and reads no block.
func TestFitWithoutWideColumnsIsTheSame(t *testing.T) {
	e := modeltest.Examples()
	moved := inBlocks(t, e, 20)
	reads := &countedBlocks{Blocks: moved.Blocks}
	moved.Blocks = reads
	var states []tensor.Map
	for _, examples := range []*train.Examples{e, moved} {
		task, err := train.NewPairwiseTask(factorization(t, examples), examples, rows(examples), train.Pairwise{})
		if err != nil {
			t.Fatal(err)
		}
		r, err := train.Fit(t.Context(), task, train.Options{Epochs: 1, BatchRows: 100, Seed: 3})
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, r.State)
	}
	if !unchanged(states[0], states[1]) || reads.n.Load() != 0 {
		t.Errorf("other bytes than from memory, or %d blocks were read", reads.n.Load())
	}
}

// countedBlocks counts the blocks that are read, and fails from the block read number failAt on, from 1.
type countedBlocks struct {
	train.Blocks
	n      atomic.Int64
	failAt int64
}

var errDisk = errors.New("disk on fire")

func (b *countedBlocks) ReadBlock(i int, into tensor.Map) error {
	if n := b.n.Add(1); b.failAt > 0 && n >= b.failAt {
		return errDisk
	}
	return b.Blocks.ReadBlock(i, into)
}

// TestEveryBlockIsReadOnce in an epoch, also with a buffer of little more than a block.
func TestEveryBlockIsReadOnce(t *testing.T) {
	moved := inBlocks(t, modeltest.Examples(), 20)
	reads := &countedBlocks{Blocks: moved.Blocks}
	moved.Blocks = reads
	_, err := train.Fit(t.Context(), dlrmTask(t, moved), train.Options{Epochs: 3, BatchRows: 100, ShardRows: 10, Buffer: 25})
	if err != nil {
		t.Fatal(err)
	}
	// An epoch may begin with the block that the one before has ended with.
	if n := reads.n.Load(); n > 3*24 || n < 3*24-2 {
		t.Errorf("%d blocks were read in three epochs of 24", n)
	}
}

// TestFitStopsWhereABlockCannotBeRead, with the reason and without a goroutine left.
func TestFitStopsWhereABlockCannotBeRead(t *testing.T) {
	for _, prefetch := range []int{-1, 0, 4} {
		before := runtime.NumGoroutine()
		moved := inBlocks(t, modeltest.Examples(), 20)
		moved.Blocks = &countedBlocks{Blocks: moved.Blocks, failAt: 15}
		_, err := train.Fit(t.Context(), dlrmTask(t, moved), train.Options{
			Epochs: 3, BatchRows: 100, ShardRows: 10, Buffer: 25, Prefetch: prefetch, Workers: 2,
		})
		if !errors.Is(err, errDisk) {
			t.Errorf("prefetch %d: got error %v, want that of the blocks", prefetch, err)
		}
		goroutinesEnd(t, before)
	}
}

func TestBlocksAreChecked(t *testing.T) {
	tests := []struct {
		name   string
		change func(e *train.Examples)
		want   string
	}{
		{"rows", func(e *train.Examples) { e.User, e.Item, e.Position = e.User[1:], e.Item[1:], e.Position[1:] }, "blocks of 480 rows for 479 interactions"},
		{"both", func(e *train.Examples) { e.Labels = map[string][]float32{"like": make([]float32, 480)} }, "beside blocks"},
		{"no column", func(e *train.Examples) { rename(e, "hour", "minute") }, `context column "minute" has no data`},
		{"type", func(e *train.Examples) { retag(e, "hour") }, `context column "hour" is int64 with length 0 in the blocks`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			moved := inBlocks(t, modeltest.Examples(), 20)
			moved.Schema = slices.Clone(moved.Schema)
			test.change(moved)
			if err := moved.Validate(); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
	moved := inBlocks(t, modeltest.Examples(), 20)
	m, err := model.NewDLRM(moved.Schema, model.DLRM{Dim: 4, Tasks: []string{"share"}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.NewPointwiseTask(m, moved, rows(moved)); err == nil || !strings.Contains(err.Error(), `no labels of task "share"`) {
		t.Errorf("got error %v, want one about the labels", err)
	}
}

func rename(e *train.Examples, from, to string) {
	i := slices.IndexFunc(e.Schema, func(c schema.Column) bool { return c.Name == from })
	e.Schema[i].Name = to
}

func retag(e *train.Examples, name string) {
	i := slices.IndexFunc(e.Schema, func(c schema.Column) bool { return c.Name == name })
	e.Schema[i].Tags, e.Schema[i].Cardinality = []schema.Tag{schema.Context, schema.Continuous}, 0
	e.Schema[i].DType.DType = tensor.Float32
}
