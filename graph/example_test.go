package graph_test

import (
	"fmt"

	"recsys/graph"
	"recsys/tensor"
)

func Example() {
	b := graph.NewBuilder("rank")
	x := b.Input("user", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Sym("K"), graph.Fixed(64)})
	w := b.Param("dense/weight", graph.Dims(64, 1), graph.GlorotUniform())
	b.Output("score", b.Squeeze(b.Sigmoid(b.MatMul(x, w)), []int64{-1}))
	g, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range g.Nodes {
		fmt.Println(n.Op, n.Outputs[0].Shape())
	}
	// Output:
	// MatMul [B,K,1]
	// Sigmoid [B,K,1]
	// Squeeze [B,K]
}

// Shapes that do not fit are found when the graph is built, and named.
func ExampleBuilder_Build() {
	b := graph.NewBuilder("rank")
	x := b.Input("user", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(64)})
	w := b.Param("weight", graph.Dims(32, 1), graph.Zero())
	b.Output("score", b.Sigmoid(b.MatMul(x, w)))
	_, err := b.Build()
	fmt.Println(err)
	// Output: graph "rank": node "matmul" (MatMul): shapes [B,64] and [32,1]: 64 columns meet 32 rows
}
