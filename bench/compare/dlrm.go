package main

import (
	"context"
	"fmt"

	"recsys/model"
	"recsys/optim"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// The DLRM of the comparison: 26 tables, of which the last is the item's.
const (
	dlrmTables  = 26
	dlrmNumbers = 13
	dlrmIDs     = 100_000
	dlrmDim     = 32
	dlrmBatch   = 4096
	dlrmRows    = 40 * dlrmBatch
	dlrmRate    = 0.01
)

// dlrmIDColumn returns the ids of a table by row, dlrmNumber those of a numeric column.
func dlrmIDColumn(table int) []int64 { return zipf(uint64(table), dlrmRows, dlrmIDs) }
func dlrmNumber(i int) []float32     { return normal(uint64(100+i), dlrmRows) }

// dlrmLabels are 1 for about a quarter of the rows, more often where the first number is high.
func dlrmLabels() []float32 {
	labels, noise, first := make([]float32, dlrmRows), normal(99, dlrmRows), dlrmNumber(0)
	for i := range labels {
		if first[i]+noise[i] > 1 {
			labels[i] = 1
		}
	}
	return labels
}

// writeDLRM writes the columns by row: ids [N,26], numbers [N,13], labels [N].
func writeDLRM(dir string) error {
	ids, numbers := make([]int64, dlrmRows*dlrmTables), make([]float32, dlrmRows*dlrmNumbers)
	for t := range dlrmTables {
		for i, id := range dlrmIDColumn(t) {
			ids[i*dlrmTables+t] = id
		}
	}
	for n := range dlrmNumbers {
		for i, x := range dlrmNumber(n) {
			numbers[i*dlrmNumbers+n] = x
		}
	}
	if err := save(dir, "ids", ids); err != nil {
		return err
	}
	if err := save(dir, "numbers", numbers); err != nil {
		return err
	}
	return save(dir, "labels", dlrmLabels())
}

func newDLRM(ctx context.Context) (work, error) {
	int64s, float32s := schema.DType{DType: tensor.Int64}, schema.DType{DType: tensor.Float32}
	e := &train.Examples{
		Users: tensor.Map{}, Items: tensor.Map{"item": tensor.Of(firsts[int64](dlrmIDs), dlrmIDs)}, Context: tensor.Map{},
		User: make([]int32, dlrmRows), Item: make([]int32, dlrmRows), Labels: map[string][]float32{"like": dlrmLabels()},
	}
	for t := range dlrmTables - 1 {
		name := fmt.Sprintf("id%d", t)
		e.Schema = append(e.Schema, schema.Column{
			Name: name, DType: int64s, Cardinality: dlrmIDs, Tags: []schema.Tag{schema.Context, schema.Categorical},
		})
		e.Context[name] = tensor.Of(dlrmIDColumn(t), dlrmRows)
	}
	for n := range dlrmNumbers {
		name := fmt.Sprintf("number%d", n)
		e.Schema = append(e.Schema, schema.Column{
			Name: name, DType: float32s, Tags: []schema.Tag{schema.Context, schema.Continuous},
		})
		e.Context[name] = tensor.Of(dlrmNumber(n), dlrmRows)
	}
	e.Schema = append(e.Schema, schema.Column{
		Name: "item", DType: int64s, Cardinality: dlrmIDs, Tags: []schema.Tag{schema.Item, schema.ID, schema.Categorical},
	})
	for i, id := range dlrmIDColumn(dlrmTables - 1) {
		e.Item[i] = int32(id)
	}
	m, err := model.NewDLRM(e.Schema, model.DLRM{Dim: dlrmDim, Bottom: []int{64}, Top: []int{256, 128}})
	if err != nil {
		return nil, err
	}
	task, err := train.NewPointwiseTask(m, e, firsts[int32](dlrmRows))
	if err != nil {
		return nil, err
	}
	return fit(ctx, task, dlrmBatch, 0, optim.Adagrad{}, dlrmRate)
}
