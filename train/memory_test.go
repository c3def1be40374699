package train_test

import (
	"fmt"
	"iter"
	"path/filepath"
	"runtime"
	"testing"

	"recsys/data"
	"recsys/model"
	"recsys/optim"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// TestMemoryOfTrainingFromBlocks holds Fit to what Options.Buffer and the blocks allow: it trains on columns of 32 MB with a
// live heap that grows by the buffer, a block and some shards.
func TestMemoryOfTrainingFromBlocks(t *testing.T) {
	if testing.Short() {
		t.Skip("-short goes with the race detector, which takes memory of its own")
	}
	const n, columns, buffer, blockRows = 200_000, 20, 24_000, 2_000
	e := manyColumns(t, n, columns, blockRows)
	task := dlrmTask(t, e)
	before, most := liveHeap(), uint64(0)
	steps := 0
	_, err := train.Fit(t.Context(), task, train.Options{
		Epochs: 1, BatchRows: 512, ShardRows: 64, Buffer: buffer, Prefetch: 2, Workers: 2,
		Optimizer: optim.Config{Rule: optim.SGD{}, Rate: optim.Constant(0.01)},
		Progress: func(train.Progress) {
			if steps++; steps%100 == 0 {
				most = max(most, liveHeap())
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	// In memory the columns would take 8 bytes an element; the buffer and the reader's block hold so much of it:
	const whole, allowed = n * columns * 8, (buffer + blockRows) * columns * 8
	// Beside them there are the inputs of 2 shards ahead, of 2 at work and of one that is filled, and the activations and
	// gradients of the two workers: measured as 2.3 MB with buffers of 8 rows.
	const shards = 4 << 20
	t.Logf("the columns take %d MB, the live heap grew by %d KB, %d KB are the buffer and a block", whole>>20, (most-before)>>10, allowed>>10)
	if grown := int64(most) - int64(before); grown > allowed+shards || grown < allowed {
		t.Errorf("the live heap grew by %d bytes, want %d for the buffer and less than %d for all", grown, allowed, allowed+shards)
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// manyColumns makes examples with some context columns of ids in a block file.
func manyColumns(t *testing.T, n, columns, blockRows int) *train.Examples {
	t.Helper()
	ids := schema.DType{DType: tensor.Int64}
	e := &train.Examples{
		Schema: schema.Schema{{Name: "item", DType: ids, Cardinality: 10, Tags: []schema.Tag{schema.Item, schema.ID, schema.Categorical}}},
		Users:  tensor.Map{}, Items: tensor.Map{"item": tensor.Of([]int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 10)}, First: 2,
		User: make([]int32, n), Item: make([]int32, n),
	}
	h := data.BlocksHeader{BlockRows: blockRows}
	for i := range columns {
		c := schema.Column{Name: fmt.Sprintf("c%d", i), DType: ids, Cardinality: 100, Tags: []schema.Tag{schema.Context, schema.Categorical}}
		e.Schema = append(e.Schema, c)
		c.Name = model.QueryInput(c.Name)
		h.Columns = append(h.Columns, c)
	}
	h.Columns = append(h.Columns, schema.Column{Name: model.LabelInput("like"), DType: schema.DType{DType: tensor.Float32}})
	path := filepath.Join(t.TempDir(), "wide.cols")
	if _, err := data.WriteBlocks(path, h, generated(h.Columns, n)); err != nil {
		t.Fatal(err)
	}
	blocks, err := data.OpenBlocks(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { blocks.Close() }) //nolint:errcheck // Only read from.
	e.Blocks = blocks
	return e
}

// generated yields n rows of columns in batches, all in the same memory.
func generated(columns schema.Schema, n int) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		const size = 1000
		batch := tensor.Map{}
		for _, c := range columns {
			batch[c.Name] = tensor.Zeros(c.DType.DType, size)
		}
		for from := 0; from < n; from += size {
			for k, c := range columns {
				switch x := batch[c.Name].Any().(type) {
				case []int64:
					for i := range x {
						x[i] = int64((from + i) * (k + 1) % 100)
					}
				case []float32:
					for i := range x {
						x[i] = float32((from + i) % 2)
					}
				}
			}
			if !yield(batch, nil) {
				return
			}
		}
	}
}
