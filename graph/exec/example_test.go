package exec_test

import (
	"context"
	"fmt"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/tensor"
)

func Example() {
	b := graph.NewBuilder("double")
	x := b.Input("x", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(2)})
	b.Output("y", b.Relu(b.Mul(x, b.Float32(2))))
	g, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	plan, err := exec.Compile(g, exec.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := plan.Run(context.Background(), tensor.Map{"x": tensor.Of([]float32{1, -2, 3, 4}, 2, 2)})
	fmt.Println(out["y"], out["y"].Any(), err)
	_, err = plan.Run(context.Background(), tensor.Map{"x": tensor.Of([]float32{1, 2, 3}, 1, 3)})
	fmt.Println(err)
	// Output:
	// float32[2,2] [2 0 6 8] <nil>
	// run graph "double": input "x" has to be float32[B,2], got float32[1,3]
}
