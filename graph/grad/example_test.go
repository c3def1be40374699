package grad_test

import (
	"fmt"

	"recsys/graph"
	"recsys/graph/grad"
	"recsys/tensor"
)

func ExampleOf() {
	b := graph.NewBuilder("regression")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(8)})
	y := b.MatMul(x, b.Param("weight", graph.Dims(8, 1), graph.GlorotUniform()))
	b.Output("loss", b.ReduceMean(b.Mul(y, y), nil, false))
	g, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	step, err := grad.Of(g, "loss")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, o := range step.Graph.Outputs {
		fmt.Println(o.Name, o.Value.Shape())
	}
	// Output:
	// loss []
	// grad/weight [8,1]
}
