package metric_test

import (
	"fmt"

	"recsys/metric"
)

func Example() {
	m := metric.NewRankings(metric.Recall{K: 2}, metric.NDCG{K: 2})
	top, err := metric.TopK([]float32{0.1, 0.9, 0.4, 0.7}, []uint8{0b0010}, 2, nil) // index 1 is blocked
	if err != nil {
		fmt.Println(err)
		return
	}
	m.Add(top, []int{2})
	fmt.Printf("%d %.3f\n", top, m.Values()["ndcg@2"])
	// Output:
	// [3 2] 0.631
}

func ExampleAUC() {
	var auc metric.AUC
	if err := auc.Add([]float32{0.9, 0.8, 0.3}, []float32{1, 0, 1}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(auc.Value())
	// Output:
	// 0.5 <nil>
}
