package loss_test

import (
	"fmt"

	"recsys/graph"
	"recsys/loss"
	"recsys/tensor"
)

func Example() {
	b := graph.NewBuilder("bpr")
	batch := graph.Sym("B")
	scores := b.Input("scores", tensor.Float32, graph.Shape{batch, graph.Fixed(5)}) // a positive and four negatives
	weight := b.Input("weight", tensor.Float32, graph.Shape{batch})
	rows := loss.BPR{}.Apply(b, scores)
	b.Output("loss", loss.WeightedSum(b, rows, weight))
	g, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rows.Shape(), g.Output("loss").Shape())
	// Output: [B] []
}
