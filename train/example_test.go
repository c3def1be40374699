package train_test

import (
	"context"
	"fmt"

	"recsys/eval"
	"recsys/graph/kernel"
	"recsys/model"
	"recsys/model/modeltest"
	"recsys/optim"
	"recsys/train"
)

func Example() {
	ctx := context.Background()
	e := modeltest.Examples()
	var seen, held []int32
	for row := range int32(e.Len()) {
		if e.Position[row] < 10 {
			seen = append(seen, row)
		} else {
			held = append(held, row)
		}
	}
	m, err := model.NewMatrixFactorization(e.Schema, model.MatrixFactorization{Dim: 8})
	if err != nil {
		fmt.Println(err)
		return
	}
	task, err := train.NewPairwiseTask(m, e, seen, train.Pairwise{Negatives: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := train.Fit(ctx, task, train.Options{
		Epochs: 20, BatchRows: 100, Seed: 1, Kernels: kernel.Portable(),
		Optimizer: optim.Config{Rule: optim.Adam{}, Rate: optim.Constant(0.01)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	retrieval, err := model.NewRetrieval(ctx, m, result.State, e.Items, e.First, kernel.Portable())
	if err != nil {
		fmt.Println(err)
		return
	}
	metrics, err := eval.Retrieval(ctx, retrieval, e, held, seen, eval.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Steps, metrics["recall@10"] > 0.7)
	// Output: 80 true
}
