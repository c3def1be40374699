package eval_test

import (
	"context"
	"fmt"

	"recsys/eval"
	"recsys/model"
	"recsys/model/modeltest"
	"recsys/train"
)

func ExampleRetrieval() {
	e := modeltest.Examples()
	seen, held := []int32{0, 1, 2, 3, 12, 13, 14, 15}, []int32{4, 16}
	popularity, err := model.Popularity(e.Schema, train.Counts(e, seen), e.First)
	if err != nil {
		fmt.Println(err)
		return
	}
	metrics, err := eval.Retrieval(context.Background(), popularity, e, held, seen, eval.Options{Cutoffs: []int{24}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(metrics["recall@24"], metrics["users"])
	// Output: 1 2
}
